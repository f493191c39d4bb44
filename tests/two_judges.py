"""A fast validator and a slow one over the same JSON: the schema by its name, good values, values that were changed."""

import json
import random
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import jsonschema

import schemas

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    10**12,
    1.5,
    "",
    " ",
    "x",
    "2026-02-30",
    "2026-02-28",
    "2026-11-02T09:00:00Z",
    "\u0d9a",
    [],
    {},
    [{}],
]
FORMATS = jsonschema.FormatChecker(("date",))  # what both have to know: the library leaves these to others
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@FORMATS.checks("date-time", raises=ValueError)
def moment(value: object) -> bool:
    """RFC 3339 section 5.6."""
    if not isinstance(value, str):
        return True
    return bool(_MOMENT.fullmatch(value) and datetime.fromisoformat(value.replace("z", "Z")))


@FORMATS.checks("uri", raises=ValueError)
def uri(value: object) -> bool:
    """RFC 3986 section 3: a scheme, and nothing outside ASCII."""
    return not isinstance(value, str) or (bool(urlsplit(value).scheme) and value.isascii() and " " not in value)


@FORMATS.checks("email")
def email(value: object) -> bool:
    """As much of RFC 5321 section 4.1.2 as the values here need: one @ with something on both sides."""
    return not isinstance(value, str) or re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None


@FORMATS.checks("uuid", raises=ValueError)
def uuid(value: object) -> bool:
    """RFC 9562 section 4, with its hyphens."""
    return not isinstance(value, str) or str(UUID(value)) == value.lower()


def document(name: str) -> dict[str, Any]:
    """The schema that a name means, with its dialect."""
    path, _, pointer = name.partition("#")
    whole: dict[str, Any] = json.loads((schemas.FOLDER / path).read_bytes())
    dialect = whole.get("$schema", "http://json-schema.org/draft-04/schema#")
    return {**whole, "$schema": dialect, "$ref": f"#{pointer}"} if pointer else whole


@cache
def slow(name: str) -> Any:
    """The judge: `jsonschema`."""
    schema = document(name)
    return jsonschema.validators.validator_for(schema)(schema, format_checker=FORMATS)


@cache
def fast(name: str) -> schemas.Validator:
    """What the gateway judges with."""
    return schemas.compiled(document(name), name) if name.startswith("/") else schemas.validator(name)


def changed_json(good: Any, draw: random.Random) -> Any:
    """The value with one or two members replaced, removed or added."""
    value = [deepcopy(good)]
    for _ in range(draw.randint(1, 2)):
        holder = draw.choice(list(_holders(value)))
        keys: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        act = draw.choice(["replace", "replace", "remove", "add"])
        if act == "add" and isinstance(holder, dict):
            holder[draw.choice(["more", "status", "data"])] = deepcopy(draw.choice(ODD))
        elif keys and act == "remove" and holder is not value:
            del holder[draw.choice(keys)]
        elif keys:
            holder[draw.choice(keys)] = deepcopy(draw.choice(ODD))
    return value[0]


def _holders(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for below in value.values() if isinstance(value, dict) else value:
            yield from _holders(below)


def agree(name: str, good: list[Any], count: int, seed: str) -> set[bool]:
    """Hold both to one verdict over good values and changed ones; gives the verdicts that there were."""
    draw, verdicts = random.Random(seed), set()
    for value in (*good, *(changed_json(draw.choice(good), draw) for _ in range(count))):
        verdicts.add(verdict := fast(name).is_valid(value))
        assert verdict == slow(name).is_valid(value), f"{name}: {json.dumps(value)}"
    return verdicts
