"""Which value of an agency may be which field of ours: a guess by names, words and kinds, never more than that."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    "boolean": {"boolean": "boolean"},
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
}


@dataclass(frozen=True, slots=True)
class Line:
    """One suggested line of a mapping: where from, by which converter, and the lines of each entry of a list."""

    pointer: str
    converter: str = ""
    optional: str = ""
    each: "Mapping[str, Line] | None" = None

    def toml(self) -> str:
        """As `mapping.toml` writes it."""
        parts = [f"from = {json.dumps(self.pointer, ensure_ascii=False)}"]
        parts += [f'with = "{self.converter}"'] if self.converter else []
        parts += [f'optional = "{self.optional}"'] if self.optional else []
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


def best_record(told: Sequence[Told]) -> str:
    """The canonical record that finds most of its fields in the answer, in proportion; the first by name of equals."""
    names = sorted(f"canonical/{path.name}" for path in (schemas.FOLDER / "canonical").glob("*.json"))
    return max(names, key=lambda name: _fit(name, told))


def _fit(name: str, told: Sequence[Told]) -> float:
    """How much of what the record requires is found, and how much of what the agency tells is taken."""
    lines = suggested(name, told)
    required: Any = schemas.load(name).get("required", [])
    met = 1 - len(unmet(name, lines)) / len(required) if required else 1.0
    return (met + sum(1 for line in lines.values() for _ in line.pointers()) / max(len(told), 1)) if lines else 0.0


def suggested(record: str, told: Sequence[Told]) -> dict[str, Line]:
    """Lines for the fields of a canonical record, as far as something in the answer looks like them."""
    return _lines(schemas.load(record), told, ())


def unmet(record: str, lines: Mapping[str, Line]) -> list[str]:
    """Required fields of the record that no line gives."""
    required: Any = schemas.load(record).get("required", [])
    return [name for name in required if name not in lines]


def _lines(schema: Mapping[str, Any], told: Sequence[Told], around: tuple[str, ...]) -> dict[str, Line]:
    here = [each for each in told if each.lists == around]
    lines, properties = {}, schema.get("properties", {})
    for name, wanted in properties.items():
        line = _list(wanted, told, around) if _is_list(wanted) else _value(name, wanted, properties, here, around)
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
            return Line(place[len(around[-1]) if around else 0 :], each=inner)
    return None


def _value(
    name: str, wanted: Mapping[str, Any], siblings: Mapping[str, Any], here: Sequence[Told], around: tuple[str, ...]
) -> Line | None:
    kind = _kind(wanted)
    fitting = [each for each in here if kind in READ.get(each.kind, {})]
    scored = sorted(((_score(name, each), -at) for at, each in enumerate(fitting)), reverse=True)
    alone = len(fitting) == 1 and kind != "text" and sum(_kind(each) == kind for each in siblings.values()) == 1
    if not scored or not (alone or scored[0][0] >= LIKE_ENOUGH):
        return None
    found = fitting[-scored[0][1]]
    types = wanted.get("type")
    nullable = isinstance(types, list) and "null" in types
    optional = ("null" if nullable else "yes") if found.optional else ""
    reader = "cents" if kind == "amount" and "cent" in found.name.lower() else READ[found.kind][kind]
    return Line(found.pointer[len(around[-1]) if around else 0 :], reader, optional)


def _kind(wanted: Mapping[str, Any]) -> str:
    """What one field of ours holds; empty for what no converter gives (a code, an object, a list of texts)."""
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
    return "" if pattern or "enum" in wanted else "text"


def _score(name: str, told: Told) -> float:
    return max(likeness(_plain(name), _plain(told.name)), 0.9 * likeness(_plain(name), _plain(told.caption)))


def words_of(name: str) -> list[str]:
    """`closedMonth`, `closed_month`, `Closed month` -> `["closed", "month"]`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+", " ", name).lower().split()


def _plain(text: str) -> str:
    return " ".join(_WORDS.get(word, word) for word in words_of(text))
