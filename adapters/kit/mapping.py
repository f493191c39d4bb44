"""An agency's answer to a canonical record: one declared line per field, compiled once to plain functions.

```toml
[employment]                                            # the service
closed_month = { from = "/closed", with = "month" }
employments  = { from = "/jobs", each.start_date = { from = "/from", with = "date" } }
```
There are no conditions and no loops besides `each`; whatever needs one is `adapter.py`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from adapters.kit.converters import CONVERTERS, ConverterError
from adapters.kit.untrusted import ProgramRefused, checked_mapping

STEPS = 200_000  # values that one answer may take
_ABSENT = object()

Mapper = Callable[[object], dict[str, object]]


class MappingError(Exception):
    """The answer cannot be mapped, or the mapping itself is wrong; names field and pointer, never a value."""


def load(folder: Path) -> dict[str, Mapper]:
    """The compiled mappings of one adapter folder, by short service name; empty without a `mapping.toml`.

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
    return {service: compiled(lines) for service, lines in raw.items()}


def compiled(lines: Mapping[str, Mapping[str, Any]]) -> Mapper:
    """One service's lines as one function from the raw answer to the record.

    Args:
        lines: canonical field -> {"from": JSON pointer, "with"?: converter, "optional"?: "yes"|"null", "each"?: lines}.

    Raises:
        MappingError: here for an unknown converter; from the function returned when a required
            pointer is absent, a converter refuses its value, or lists take more than 200,000 values.
    """
    budget = _Steps()
    fields = _fields(lines, budget)

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


def _fields(lines: Mapping[str, Mapping[str, Any]], budget: _Steps) -> Callable[[object], dict[str, object]]:
    steps = [(name, _line(name, line, budget)) for name, line in lines.items()]

    def mapped(raw: object) -> dict[str, object]:
        record: dict[str, object] = {}
        for name, line in steps:
            value = line(raw)
            if value is not _ABSENT:
                record[name] = value
        return record

    return mapped


def _line(name: str, line: Mapping[str, Any], budget: _Steps) -> Callable[[object], object]:
    source, fallback = line["from"], line.get("optional")
    tokens = tuple(token.replace("~1", "/").replace("~0", "~") for token in source.split("/")[1:])
    convert = _each(name, source, line["each"], budget) if "each" in line else _converted(name, source, line)

    def mapped(raw: object) -> object:
        value = _found(raw, tokens)
        if value is _ABSENT or (value is None and fallback):
            if not fallback:
                raise _Broken(name, "nothing at", source)
            return None if fallback == "null" else _ABSENT
        return convert(value)

    return mapped


def _converted(name: str, source: str, line: Mapping[str, Any]) -> Callable[[object], object]:
    wanted = line.get("with")
    if wanted is None:
        return lambda value: value
    if wanted not in CONVERTERS:
        raise MappingError(f"no converter {wanted}: adapters/kit/converters.py has {', '.join(sorted(CONVERTERS))}")
    converter = CONVERTERS[wanted]

    def convert(value: object) -> object:
        try:
            return converter(value)
        except ConverterError as error:
            raise _Broken(name, f"{error} at", source) from None

    return convert


def _each(name: str, source: str, lines: Mapping[str, Mapping[str, Any]], budget: _Steps) -> Callable[[object], object]:
    fields, width = _fields(lines, budget), len(lines)

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
