"""A JSON Schema of an agency's answers, drafted from answers that it gave: their shape, and none of their values.

What an answer may lack nobody can tell from one: so a member is wanted only where each of several answers has it, and
any value may be null. What is written down is judged from then on: an amount that is a text, a list that is an object.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.kit.untrusted import ProgramRefused, checked_schema

ANSWER = "answer.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_A_VALUE = re.compile(r"\d{5}")  # a member called 198061308997 is a value of somebody, and no name
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def schema_of(answers: Sequence[object]) -> bytes:
    """The schema of these answers, JSON objects all; empty where it could not be used (too large, too deep)."""
    about = f"Drafted from {len(answers)} answer{'s'[: len(answers) - 1]}: look at each line, and say what is required."
    found = {"$schema": _DIALECT, "description": about, **_shape(answers), "type": "object", "minProperties": 1}
    text = (json.dumps(found, ensure_ascii=False, indent=2) + "\n").encode()
    try:
        checked_schema(text, ANSWER)
    except ProgramRefused:
        return b""
    return text


def _shape(values: Sequence[object]) -> dict[str, Any]:
    """What all of these values of one place have in common."""
    told = [each for each in values if each is not None]
    objects = [each for each in told if isinstance(each, dict)]
    lists = [each for each in told if isinstance(each, list)]
    kinds = {_TYPES[type(each)] for each in told if not isinstance(each, (dict, list))}
    if "number" in kinds:
        kinds -= {"integer"}
    types = [*sorted(kinds), *(["object"] if objects else []), *(["array"] if lists else [])]
    found: dict[str, Any] = {"type": [*types, "null"]} if types else {}
    if objects:
        found |= _members(objects, whole=len(objects) == len(values))
    if lists:
        found["items"] = _shape([each for some in lists for each in some])
    return found


def _members(objects: Sequence[Mapping[str, object]], *, whole: bool) -> dict[str, Any]:
    names = list(dict.fromkeys(name for each in objects for name in each))
    if any(map(_A_VALUE.search, names)):
        return {}
    always = [name for name in names if all(each.get(name) is not None for each in objects)]
    parts = {name: _shape([each[name] for each in objects if name in each]) for name in names}
    required = {"required": always} if whole and len(objects) > 1 and always else {}
    return {"properties": parts, **required}
