"""Which value of an agency may be which field of ours: a guess by names, words and kinds, never more than that."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import schemas
from adapters.kit.drafts.source import Told
from adapters.kit.names import likeness

LIKE_ENOUGH = 0.6
READ = {  # kind there -> (kind here -> converter)
    "text": {"text": "text"},
    "date": {"date": "date_iso"},
    "date_ymd_slashes": {"date": "date_ymd_slashes"},
    "date_dmy_slashes": {"date": "date_dmy_slashes"},
    "month": {"month": "month_iso"},
    "month_dotted": {"month": "month_dotted"},
    "month_digits": {"month": "month"},
    "integer": {"integer": "integer", "amount": "decimal"},
    "decimal": {"amount": "decimal"},
    "decimal_grouped": {"amount": "decimal_grouped"},
    "boolean": {"boolean": "boolean"},
    "yes_no": {"boolean": "yes_no", "text": "text"},
    "null": {"text": "text", "date": "date_iso", "month": "month_iso", "amount": "decimal", "integer": "integer"},
}
_WORDS = {  # what registers call things -> what we do
    "dob": "birth date",
    "dateofbirth": "birth date",
    "dod": "death date",
    "surname": "family name",
    "algus": "start",
    "from": "start",
    "begin": "start",
    "lopp": "end",
    "until": "end",
    "to": "end",
    "paid": "months",
    "month": "month",
    "period": "month",
    "cents": "amount",
    "sum": "amount",
    "summa": "amount",
    "status": "state",
    "since": "start",
    "type": "kind",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One suggested line of a mapping: where from, by which converter or list of codes, and the lines of each entry.

    `codes`: the list's name; `rows`: the agency's code -> ours, `""` where none is like it; `ours`: what
    our record allows there. `likely`: from 0 to 1, how like the names (or the codes) are; a list's is its entries'.
    `only_where`: the field above that must be true. `unsure`: the answer has no value to see the notation of.
    """

    pointer: str
    converter: str = ""
    optional: str = ""
    each: "Mapping[str, Line] | None" = None
    codes: str = ""
    rows: Mapping[str, str] = field(default_factory=dict)
    ours: Sequence[str] = ()
    likely: float = 1.0
    only_where: str = ""
    unsure: bool = False

    def toml(self) -> str:
        """As `mapping.toml` writes it."""
        parts = [f"from = {json.dumps(self.pointer, ensure_ascii=False)}"]
        parts += [f'with = "{self.converter}"'] if self.converter else []
        parts += [f'codes = "{self.codes}"'] if self.codes else []
        parts += [f'optional = "{self.optional}"'] if self.optional else []
        parts += [f"only_where = {{ {self.only_where} = [true] }}"] if self.only_where else []
        if self.each is not None:
            parts.append(f"each = {{ {', '.join(f'{name} = {line.toml()}' for name, line in self.each.items())} }}")
        return f"{{ {', '.join(parts)} }}"

    def pointers(self, before: str = "") -> Iterator[str]:
        """Every value it reads, list places left out."""
        place = before + self.pointer
        if self.each is None:
            yield place
        for line in (self.each or {}).values():
            yield from line.pointers(place)

    def without_value(self) -> Iterator[str]:
        """Pointers of days and months whose notation nothing shows."""
        if self.unsure:
            yield self.pointer
        for line in (self.each or {}).values():
            yield from line.without_value()

    def code_lists(self) -> "Iterator[Line]":
        """This line and those inside it that translate codes."""
        if self.codes:
            yield self
        for line in (self.each or {}).values():
            yield from line.code_lists()


def best_records(told: Sequence[Told]) -> list[str]:
    """The canonical records that find anything of themselves in the answer, best first.

    That is the one with most of what it requires, and by it most of what the agency tells; by name among equals.
    """
    names = sorted(f"canonical/{path.name}" for path in (schemas.FOLDER / "canonical").glob("*.json"))
    fits = {name: _fit(name, told) for name in names}
    return sorted((name for name in names if fits[name]), key=lambda name: (-fits[name], name))


def _fit(name: str, told: Sequence[Told]) -> float:
    """How much of what the record requires is found, and how much of what the agency tells is taken."""
    lines = suggested(name, told)
    required: Any = schemas.load(name).get("required", [])
    met = sum(lines[each].likely for each in required if each in lines) / len(required) if required else 1.0
    taken = sum(line.likely * len([*line.pointers()]) for line in lines.values())
    return met + taken / max(len(told), 1) if lines else 0.0


def suggested(record: str, told: Sequence[Told]) -> dict[str, Line]:
    """Lines for the fields of a canonical record, as far as something in the answer looks like them."""
    schema: Mapping[str, Any] = schemas.load(record)
    lines = _lines(schema, told, ())
    for name, wanted in _null_unless(schema).items():
        if name in lines and wanted in lines:
            lines[name] = replace(lines[name], only_where=wanted)
    return lines


def _null_unless(schema: Mapping[str, Any]) -> dict[str, str]:
    """Fields that the record wants null where another one is false (`if` and `then` of its schema), and that other."""
    order = list(schema.get("properties", {}))
    false = [name for name, told in schema.get("if", {}).get("properties", {}).items() if told == {"const": False}]
    null = [name for name, told in schema.get("then", {}).get("properties", {}).items() if told == {"type": "null"}]
    if len(false) != 1:
        return {}
    return {name: false[0] for name in null if order.index(name) > order.index(false[0])}


def unmet(record: str, lines: Mapping[str, Line]) -> list[str]:
    """Required fields of the record that no line gives."""
    required: Any = schemas.load(record).get("required", [])
    return [name for name in required if name not in lines]


def _lines(schema: Mapping[str, Any], told: Sequence[Told], around: tuple[str, ...]) -> dict[str, Line]:
    lines, properties = {}, schema.get("properties", {})
    for name, wanted in properties.items():
        line = _list(wanted, told, around) if _is_list(wanted) else _value(name, wanted, properties, told, around)
        if line:
            lines[name] = line
    return lines


def _is_list(wanted: Mapping[str, Any]) -> bool:
    return wanted.get("type") == "array" and "properties" in wanted.get("items", {})


def _list(wanted: Mapping[str, Any], told: Sequence[Told], around: tuple[str, ...]) -> Line | None:
    """The list in the answer whose entries have all that an entry of ours needs."""
    depth = len(around)
    for place in dict.fromkeys(each.lists[depth] for each in told if len(each.lists) > depth):
        entry = wanted["items"]
        inner = _lines(entry, told, (*around, place))
        if inner and set(entry.get("required", ())) <= set(inner):
            likely = sum(line.likely for line in inner.values()) / len(inner)
            return Line(place[len(around[-1]) if around else 0 :], each=inner, likely=likely)
    return None


def _value(
    name: str, wanted: Mapping[str, Any], siblings: Mapping[str, Any], told: Sequence[Told], around: tuple[str, ...]
) -> Line | None:
    kind, here = _kind(wanted), [each for each in told if each.lists == around]
    if kind == "code":
        return _code(name, wanted, here, around)
    if pattern := wanted.get("pattern") if not kind else None:
        kind, here = "text", [each for each in here if _is_written(pattern, each)]
    fitting = [each for each in here if _reader(each.kind, kind)]
    scored = sorted(((_score(name, each), -at) for at, each in enumerate(fitting)), reverse=True)
    alone = len(fitting) == 1 and kind != "text" and sum(_kind(each) == kind for each in siblings.values()) == 1
    if not scored or not (alone or scored[0][0] >= LIKE_ENOUGH):
        return None
    found = fitting[-scored[0][1]]
    reader = "cents" if kind == "amount" and "cent" in found.name.lower() else _reader(found.kind, kind)
    unsure = found.kind == "null" and kind in {"date", "month"}
    if unsure and len(written := {_reader(each.kind, kind) for each in told if each.kind != "null"} - {""}) == 1:
        reader, unsure = written.pop(), False  # as its siblings of the same answer are
    return Line(_place(found, around), reader, _optional(wanted, found), likely=scored[0][0], unsure=unsure)


def _is_written(pattern: str, told: Told) -> bool:
    """Whether all that the answer shows there is written as our field wants it; of nothing shown nothing follows."""
    return bool(told.choices) and all(re.search(pattern, each) for each in told.choices)


def _reader(told: str, kind: str) -> str:
    """The converter from a kind there to a kind here; empty where there is none."""
    if told.startswith(("date:", "month:")):
        return told if told.partition(":")[0] == kind else ""
    return READ.get(told, {}).get(kind, "")


def _place(found: Told, around: tuple[str, ...]) -> str:
    return found.pointer[len(around[-1]) if around else 0 :]


def _optional(wanted: Mapping[str, Any], found: Told) -> str:
    types = wanted.get("type")
    nullable = (isinstance(types, list) and "null" in types) or None in wanted.get("enum", ())
    return ("null" if nullable else "yes") if found.optional else ""


def _code(name: str, wanted: Mapping[str, Any], here: Sequence[Told], around: tuple[str, ...]) -> Line | None:
    """A closed list of ours: by its name, or because the agency's codes look like abbreviations of ours."""
    ours = [each for each in wanted["enum"] if isinstance(each, str)]
    fitting = [each for each in here if each.kind == "text" and each.choices]
    scored = [(max(_score(name, each), _share(each.choices, ours)), -at) for at, each in enumerate(fitting)]
    best = max(scored, default=(0.0, 0))
    if best[0] < LIKE_ENOUGH:
        return None
    found = fitting[-best[1]]
    place, optional = _place(found, around), _optional(wanted, found)
    if len(found.choices) > 1 and set(found.choices) <= set(ours):
        return Line(place, "text", optional, likely=best[0])  # the agency's list is ours, or a part of it
    rows = {each: _our_code(each, ours) for each in found.choices}
    return Line(place, "", optional, codes=_table(found.name), rows=rows, ours=ours, likely=best[0])


def _share(codes: Sequence[str], ours: Sequence[str]) -> float:
    """How many of several codes are like one of ours; of one code alone nothing follows."""
    words = [each for each in codes if len(each) > 1]  # one letter is like too much
    return sum(1 for each in words if _our_code(each, ours)) / len(codes) if len(codes) > 1 else 0.0


def _our_code(code: str, ours: Sequence[str]) -> str:
    """The one of our codes that is the same word, or that it abbreviates (`WRK`: work_capacity, `F`: female); empty
    for none, or for several."""
    word = "".join(words_of(code))
    same = [each for each in ours if word == each.replace("_", "")]
    like = same or [each for each in ours if word and _abbreviates(word, each)]
    return like[0] if len(like) == 1 else ""


def _abbreviates(word: str, whole: str) -> bool:
    letters = iter(whole)
    return word[0] == whole[0] and all(letter in letters for letter in word)


def _table(name: str) -> str:
    """A list's name after the value that it translates."""
    plain = "_".join(re.findall(r"[a-z0-9]+", " ".join(words_of(name))))
    return plain if plain[:1].isalpha() else f"list_{plain}".rstrip("_")


def _kind(wanted: Mapping[str, Any]) -> str:
    """What one field of ours holds; empty for what no converter gives (an object, a list of texts)."""
    if any(isinstance(each, str) for each in wanted.get("enum", ())):
        return "code"
    types = wanted.get("type", "")
    names = set(types if isinstance(types, list) else [types]) - {"null"}
    if names != {"string"}:
        return names.pop() if names <= {"integer", "boolean"} and names else ""
    if wanted.get("format") == "date":
        return "date"
    pattern = wanted.get("pattern", "")
    if pattern and re.search(pattern, "2026-09"):
        return "month"
    if pattern and re.search(pattern, "10.50"):
        return "amount"
    return "" if pattern else "text"


def _score(name: str, told: Told) -> float:
    return max(likeness(_plain(name), _plain(told.name)), 0.9 * likeness(_plain(name), _plain(told.caption)))


def words_of(name: str) -> list[str]:
    """`closedMonth`, `closed_month`, `Closed month` -> `["closed", "month"]`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+", " ", name).lower().split()


def _plain(text: str) -> str:
    return " ".join(_WORDS.get(word, word) for word in words_of(text))
