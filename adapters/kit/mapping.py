"""An agency's answer to a canonical record: one declared line per field, compiled once to plain functions.

```toml
[employment]                                            # the service
closed_month = { from = "/closed", with = "month" }
employments  = { from = "/jobs", each.start_date = { from = "/from", with = "date" } }
```
There are no conditions and no loops besides `each`; whatever needs one is `adapter.py`.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import schemas
from adapters.kit.converters import CONVERTERS, ConverterError

_SHAPE = "own/mapping.v1.json"
_ABSENT = object()

Mapper = Callable[[object], dict[str, object]]


class MappingError(Exception):
    """The answer cannot be mapped, or the mapping itself is wrong; names field and pointer, never a value."""


def load(folder: Path) -> dict[str, Mapper]:
    """The compiled mappings of one adapter folder, by short service name; empty without a `mapping.toml`.

    Raises:
        MappingError: not TOML, an unknown key, or an unknown converter.
    """
    path = folder / "mapping.toml"
    if not path.exists():
        return {}
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"{path}: not TOML ({error})") from None
    if (fault := schemas.first_fault(schemas.validator(_SHAPE), raw)) is not None:
        raise MappingError(f"{path}: breaks schemas/{_SHAPE} at {fault}")
    return {service: compiled(lines) for service, lines in raw.items()}


def compiled(lines: Mapping[str, Mapping[str, Any]]) -> Mapper:
    """One service's lines as one function from the raw answer to the record.

    Args:
        lines: canonical field -> {"from": JSON pointer, "with"?: converter, "optional"?: "yes"|"null", "each"?: lines}.

    Raises:
        MappingError: here for an unknown converter; from the function returned when a required
            pointer is absent or a converter refuses its value.
    """
    fields = _fields(lines)

    def mapped(raw: object) -> dict[str, object]:
        return fields(raw, "", "")

    return mapped


def _fields(lines: Mapping[str, Mapping[str, Any]]) -> Callable[[object, str, str], dict[str, object]]:
    steps = [(name, _line(name, line)) for name, line in lines.items()]

    def mapped(raw: object, field_path: str, pointer: str) -> dict[str, object]:
        record: dict[str, object] = {}
        for name, line in steps:
            value = line(raw, field_path, pointer)
            if value is not _ABSENT:
                record[name] = value
        return record

    return mapped


def _line(name: str, line: Mapping[str, Any]) -> Callable[[object, str, str], object]:
    source, fallback = line["from"], line.get("optional")
    tokens = tuple(token.replace("~1", "/").replace("~0", "~") for token in source.split("/")[1:])
    convert = _converted(line)

    def mapped(raw: object, field_path: str, pointer: str) -> object:
        field, where = f"{field_path}{name}", f"{pointer}{source}"
        value = _found(raw, tokens)
        if value is _ABSENT or (value is None and fallback):
            if not fallback:
                raise MappingError(f"{field}: nothing at {where}")
            return None if fallback == "null" else _ABSENT
        return convert(value, field, where)

    return mapped


def _converted(line: Mapping[str, Any]) -> Callable[[object, str, str], object]:
    if "each" in line:
        return _each(_fields(line["each"]))
    name = line.get("with")
    if name is None:
        return lambda value, _field, _where: value
    if name not in CONVERTERS:
        raise MappingError(f"no converter {name}: adapters/kit/converters.py has {', '.join(sorted(CONVERTERS))}")
    converter = CONVERTERS[name]

    def convert(value: object, field: str, where: str) -> object:
        try:
            return converter(value)
        except ConverterError as error:
            raise MappingError(f"{field}: {error} at {where}") from None

    return convert


def _each(fields: Callable[[object, str, str], dict[str, object]]) -> Callable[[object, str, str], object]:
    def convert(value: object, field: str, where: str) -> object:
        if not isinstance(value, list):
            raise MappingError(f"{field}: not a list at {where}")
        return [fields(entry, f"{field}[].", f"{where}/{index}") for index, entry in enumerate(value)]

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
