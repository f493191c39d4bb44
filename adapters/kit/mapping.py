"""An agency's answer to a canonical record: one declared line per field, compiled once to plain functions.

```toml
[employment]                                            # the service
closed_month = { from = "/closed", with = "month" }
employments  = { from = "/jobs", each.start_date = { from = "/from", with = "date" } }
left_on      = { from = "/left", with = "date", only_where = { state = ["left"] } }     # `state`: a line above
```
`only_where` is a table of values, not an expression (decision 0136), and there are no loops besides `each`; whatever
needs more is `adapter.py`.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from adapters.kit import codes as code_lists
from adapters.kit import converters
from adapters.kit.codes import Codes, CodesError
from adapters.kit.converters import ConverterError
from adapters.kit.untrusted import ProgramRefused, checked_mapping

STEPS = 200_000  # values that one answer may take
_OUR_PLACE = re.compile(r"the record breaks \S+ at (/[^:]*): enum")
_ABSENT = object()
_NO_KEY: Any = object()  # under which no object has anything

Mapper = Callable[[object], dict[str, object]]
_Record = dict[str, object]
_Step = tuple[str, str, Callable[[object], object], Callable[[object, _Record], object]]


class MappingError(Exception):
    """The answer cannot be mapped, or the mapping itself is wrong; names field and pointer, never a value."""


def load(folder: Path, codes: Codes | None = None) -> dict[str, Mapper]:
    """The compiled mappings of one adapter folder, by short service name; empty without a `mapping.toml`.

    Args:
        codes: the lists that lines name with `codes`; those of the folder if left out.

    Raises:
        MappingError: not TOML, an unknown key, an unknown converter, or too much of it; with the line.
    """
    path = folder / "mapping.toml"
    if not path.exists():
        return {}
    try:
        raw = checked_mapping(path.read_bytes(), str(path))
    except ProgramRefused as error:
        raise MappingError(str(error)) from None
    try:
        known = code_lists.load(folder) if codes is None else codes
    except CodesError as error:
        raise MappingError(str(error)) from None
    return {service: compiled(lines, known) for service, lines in raw.items()}


def compiled(lines: Mapping[str, Mapping[str, Any]], codes: Codes | None = None) -> Mapper:
    """One service's lines as one function from the raw answer to the record.

    Args:
        lines: canonical field -> {"from": JSON pointer, "with"?: converter, "optional"?: "yes"|"null", "each"?: lines,
            "codes"?: list, "only_where"?: {field: values}}.
        codes: the lists that `codes` names.

    Raises:
        MappingError: here for an unknown converter; from the function returned when a required
            pointer is absent, a converter refuses its value, or lists take more than 200,000 values.
    """
    budget = _Steps()
    fields = _fields(lines, budget, codes or Codes())

    def mapped(raw: object) -> dict[str, object]:
        budget.left = STEPS
        try:
            return fields(raw)
        except _Broken as broken:
            raise MappingError(f"{broken.field}: {broken.words} {broken.pointer}") from None

    return mapped


class _Broken(Exception):
    """One line cannot be mapped. Each level adds its own name and pointer in front, so a good answer pays for none."""

    def __init__(self, field: str, words: str, pointer: str) -> None:
        super().__init__()
        self.field, self.words, self.pointer = field, words, pointer


class _Steps:
    """How many values of lists one answer may still take. A mapping runs from end to end: it never waits."""

    left = STEPS


def _fields(
    lines: Mapping[str, Mapping[str, Any]], budget: _Steps, codes: Codes
) -> Callable[[object], dict[str, object]]:
    steps = [_step(name, line, budget, codes) for name, line in lines.items()]

    def mapped(raw: object) -> dict[str, object]:
        record: dict[str, object] = {}
        get = raw.get if isinstance(raw, dict) else _nothing
        for name, key, convert, otherwise in steps:
            value = get(key)
            try:
                if value is not None:
                    record[name] = convert(value)
                elif (value := otherwise(raw, record)) is not _ABSENT:
                    record[name] = value
            except ConverterError as error:
                raise _Broken(name, f"{error} at", lines[name]["from"]) from None
        return record

    return mapped


def _nothing(_key: str) -> None:
    """What a value that is no object has under any key."""


def found_at(raw: object, pointer: str) -> object:
    """What an answer has at a JSON pointer; None where there is nothing."""
    value = _found(raw, _tokens(pointer))
    return None if value is _ABSENT else value


def told_table(lines: Mapping[str, Mapping[str, Any]], fault: str) -> list[str]:
    """Where the record breaks at a value that a list of codes gave: which list, in words; nothing for any other fault.

    Args:
        lines: of the service; `fault`: as told by `AgencyAnswerMalformed`.
    """
    if (found := _OUR_PLACE.search(fault)) is None:
        return []
    line: Mapping[str, Any] = {}
    for token in found[1].split("/")[1:]:
        if not token.isdecimal():
            line, lines = lines.get(token, {}), lines.get(token, {}).get("each", {})
    told = "of codes.toml gives our value there; a code that it has not becomes `unmapped`: add the agency's code to it"
    return [f"[{line['codes']}] {told}"] if "codes" in line else []


def _tokens(pointer: str) -> tuple[str, ...]:
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def _step(name: str, line: Mapping[str, Any], budget: _Steps, codes: Codes) -> _Step:
    """One line: its name, the key that most answers have its value under, its converter, and what else to do.

    A pointer of one token is that key, so a good answer costs a look into a dictionary; for any other pointer, and
    for what is absent or null, `otherwise` finds the value or says that there is none.
    """
    source, fallback = line["from"], line.get("optional")
    tokens = _tokens(source)
    convert = _each(name, source, line["each"], budget, codes) if "each" in line else _converter(line, codes)

    def otherwise(raw: object, _: _Record) -> object:
        value = _found(raw, tokens)
        if value is _ABSENT or (value is None and fallback):
            if not fallback:
                raise _Broken(name, "nothing at", source)
            return None if fallback == "null" else _ABSENT
        return convert(value)

    if "only_where" in line:
        return name, _NO_KEY, convert, _only_where(line, otherwise)
    return name, tokens[0] if len(tokens) == 1 else _NO_KEY, convert, otherwise


def _only_where(
    line: Mapping[str, Any], told: Callable[[object, _Record], object]
) -> Callable[[object, _Record], object]:
    """What a line with a condition gives: nothing of the answer is even read where it is not met."""
    untold = _ABSENT if line.get("optional") == "yes" else None

    def otherwise(raw: object, record: _Record) -> object:
        return told(raw, record) if met(line, record) else untold

    return otherwise


def met(line: Mapping[str, Any], record: Mapping[str, object]) -> bool:
    """Whether a line's `only_where` holds in the record as far as it is made; `true` is not `1`, null is no value."""
    ((field, values),) = line["only_where"].items()
    value = record.get(field)
    return any(type(value) is type(each) and value == each for each in values)


def _converter(line: Mapping[str, Any], codes: Codes) -> Callable[[object], object]:
    if (table := line.get("codes")) is not None:
        if table not in codes.tables:
            raise MappingError(f"no list {table}: write [{table}] into codes.toml beside the mapping")
        return partial(codes.ours, table)
    wanted = line.get("with")
    if wanted is None:
        return lambda value: value
    if (convert := converters.named(wanted)) is None:
        raise MappingError(f"no converter {wanted}: `sandhi adapter converters` lists them")
    return convert


def _each(
    name: str, source: str, lines: Mapping[str, Mapping[str, Any]], budget: _Steps, codes: Codes
) -> Callable[[object], object]:
    fields, width = _fields(lines, budget, codes), len(lines)

    def convert(value: object) -> object:
        if not isinstance(value, list):
            raise _Broken(name, "not a list at", source)
        budget.left -= len(value) * width
        if budget.left < 0:
            raise _Broken(name, f"more than {STEPS} values in lists, the last at", source)
        records: list[dict[str, object]] = []
        try:
            records.extend(map(fields, value))  # keeps what came before the one that breaks
        except _Broken as broken:
            place = f"{source}/{len(records)}{broken.pointer}"
            raise _Broken(f"{name}[].{broken.field}", broken.words, place) from None
        return records

    return convert


def _found(raw: object, tokens: tuple[str, ...]) -> object:
    """The value at a JSON pointer (RFC 6901), or _ABSENT."""
    for token in tokens:
        if isinstance(raw, dict):
            raw = raw.get(token, _ABSENT)
        elif isinstance(raw, list) and token.isdecimal() and int(token) < len(raw):
            raw = raw[int(token)]
        else:
            return _ABSENT
    return raw
