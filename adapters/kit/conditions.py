"""`only_where` of a mapping against the record that its lines make: what can never be met, and what may not be untold.

```toml
genuine  = { from = "/certificate/genuine", with = "yes_no" }
category = { from = "/certificate/scheme", codes = "scheme", only_where = { genuine = [true] } }
```
What a line may name at all is judged with the text (`untrusted/mapping_text.py`); see decision record 0136.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import schemas
from adapters.kit import mapping
from adapters.kit.untrusted.mapping_text import Lines


class Fault(NamedTuple):
    """A condition that the record does not allow: its field (`jobs.left_on`), a code, and words for the officer."""

    field: str
    code: str
    detail: str


def faults(lines: Lines, record_schema: str) -> Iterator[Fault]:
    """What is wrong with the conditions of one service's lines, by the canonical record that they make."""
    record: Mapping[str, Any] = schemas.load(record_schema)
    yield from _faults(lines, record, record, "")


def _faults(lines: Lines, here: Mapping[str, Any], whole: Mapping[str, Any], before: str) -> Iterator[Fault]:
    here = meant(here, whole)
    properties: Mapping[str, Any] = here.get("properties", {})
    for name, line in lines.items():
        if name not in properties:
            continue  # an unknown field is told by who compares names
        if "only_where" in line:
            yield from _of_values(f"{before}{name}", line, properties, whole)
            yield from _of_untold(f"{before}{name}", line, properties[name], whole, name in here.get("required", ()))
        if "each" in line:
            inner = meant(properties[name], whole).get("items", {})
            yield from _faults(line["each"], inner, whole, f"{before}{name}.")


def _of_values(
    field: str, line: Mapping[str, Any], properties: Mapping[str, Any], whole: Mapping[str, Any]
) -> Iterator[Fault]:
    for wanted, values in line["only_where"].items():
        for value in values if wanted in properties else ():
            if not allowed(properties[wanted], value, whole):
                told = f"only_where: our {wanted} is never {json.dumps(value)}; the values are ours, not the agency's"
                yield Fault(field, "condition_value", told)


def _of_untold(
    field: str, line: Mapping[str, Any], part: Mapping[str, Any], whole: Mapping[str, Any], required: bool
) -> Iterator[Fault]:
    if line.get("optional") == "yes":
        if required:
            yield Fault(
                field, "condition_untold", 'the record requires it, so it cannot be left out (optional = "yes")'
            )
    elif not allowed(part, None, whole):
        more = "" if required else '; say optional = "yes", and it is left out instead'
        yield Fault(
            field, "condition_untold", f"only_where makes it null where it is not told, and ours is never null{more}"
        )


def allowed(part: Mapping[str, Any], value: object, whole: Mapping[str, Any]) -> bool:
    """Whether the record may have this value there, by the part of its schema for this field alone."""
    whole_of_part = {"$schema": whole["$schema"], "$defs": whole.get("$defs", {}), **part}
    return schemas.compiled(whole_of_part, "a field of ours").is_valid(value)


def meant(part: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of a schema behind its local reference."""
    reference = str(part.get("$ref", ""))
    found: Mapping[str, Any] = whole.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}) if reference else part
    return found


def untold(lines: Lines, record: Mapping[str, object]) -> list[str]:
    """Why fields of a record that these lines made are not told, in words that hold no value of the answer."""
    return list(_untold(lines, record, ""))


def _untold(lines: Lines, record: Mapping[str, object], before: str) -> Iterator[str]:
    for name, line in lines.items():
        if "only_where" in line and not mapping.met(line, record):
            ((wanted, values),) = line["only_where"].items()
            yield f"{before}{name}: told only where {wanted} is {' or '.join(json.dumps(each) for each in values)}"
        entries = record.get(name) if "each" in line else None
        for place, entry in enumerate(entries if isinstance(entries, list) else ()):
            yield from _untold(line["each"], entry, f"{before}{name}[{place}].")
