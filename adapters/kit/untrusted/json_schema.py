"""JSON Schemas of agencies: checked as text, counted, and compiled for an engine that never backtracks."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

import jsonschema_rs

from adapters.kit import strict_json
from adapters.kit.strict_json import StrictError
from schemas import Validator

from . import branches
from .places import line_of
from .refused import ProgramRefused

LIMIT = 256 * 1024
NODES = 5_000
DEPTH = 40
LONGEST_PATTERN = 1_000
PATTERN_MEMORY = 512 * 1024  # of one compiled pattern, in bytes: it bounds the work on each character
DIALECTS = frozenset(
    {
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema",
        "http://json-schema.org/draft-06/schema",
        "http://json-schema.org/draft-04/schema",
    }
)
NEWEST = "https://json-schema.org/draft/2020-12/schema"

_ELSEWHERE = {
    "$dynamicRef": "dynamic references are not followed; write $ref",
    "$recursiveRef": "recursive references are not followed; write $ref",
    "$anchor": "anchors are not followed; refer by pointer, like #/$defs/name",
    "$dynamicAnchor": "anchors are not followed; refer by pointer, like #/$defs/name",
    "$vocabulary": "vocabularies of one's own are not known here",
}
Path = tuple[str | int, ...]


@cache
def checked_schema(text: bytes, where: str = "schema") -> Validator:
    """The compiled validator of a schema that somebody else wrote; formats are checked.

    Args:
        text: the JSON document.
        where: its name, for the error.

    Raises:
        ProgramRefused: `too_large`, `json`, `too_many_nodes`, `too_deep`, `dialect`, `reference`, `pattern`,
            `recursion`, `branches` or `schema`, with the line.
    """
    schema = _read(text, where)

    def refuse(code: str, detail: str, path: Path) -> ProgramRefused:
        return ProgramRefused(code, detail, where=where, line=line_of(text.decode(), path))

    _check_nodes(schema, refuse)
    try:
        branches.check(schema, lambda reference: _target(schema, reference))
    except ProgramRefused as error:
        raise ProgramRefused(error.code, error.detail, where=where) from None
    return _compiled(schema, where)


Refuse = Callable[[str, str, Path], ProgramRefused]


def _read(text: bytes, where: str) -> dict[str, Any]:
    if len(text) > LIMIT:
        raise ProgramRefused("too_large", f"a schema has at most {LIMIT} bytes", where=where)
    try:
        schema = strict_json.loads(text)
    except StrictError as error:
        raise ProgramRefused("json", str(error), where=where, line=_broken_line(text)) from None
    if not isinstance(schema, dict):
        raise ProgramRefused("schema", "a schema is a JSON object", where=where, line=1)
    return schema


def _broken_line(text: bytes) -> int:
    try:
        json.loads(text.decode("utf-8", "replace"))
    except json.JSONDecodeError as error:
        return error.lineno
    except RecursionError:
        return 0
    return 0


def _check_nodes(schema: dict[str, Any], refuse: Refuse) -> None:
    for count, (path, node) in enumerate(_walk(schema)):
        if count >= NODES:
            raise refuse("too_many_nodes", f"a schema has at most {NODES} nodes", path)
        if len(path) > DEPTH:
            raise refuse("too_deep", f"a schema has at most {DEPTH} levels", path)
        if isinstance(node, dict):
            _check_object(schema, node, path, refuse)


def _walk(root: object) -> Iterator[tuple[Path, object]]:
    waiting: list[tuple[Path, object]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        yield path, node
        if isinstance(node, dict):
            waiting += [((*path, name), each) for name, each in node.items()]
        elif isinstance(node, list):
            waiting += [((*path, place), each) for place, each in enumerate(node)]


def _check_object(root: dict[str, Any], node: dict[str, Any], path: Path, refuse: Refuse) -> None:
    for name, told in _ELSEWHERE.items():
        if name in node:
            raise refuse("reference", told, (*path, name))
    dialect = node.get("$schema")
    if isinstance(dialect, str) and (path or dialect.rstrip("#") not in DIALECTS):
        raise refuse(
            "dialect", f"a schema has one dialect, named at its root: for example {NEWEST}", (*path, "$schema")
        )
    for name in ("$id", "id") if "draft-04" in str(root.get("$schema")) else ("$id",):
        if path and isinstance(node.get(name), str):
            raise refuse("reference", "only the root has an identifier; refer by pointer", (*path, name))
    if isinstance(reference := node.get("$ref"), str):
        _check_reference(root, reference, (*path, "$ref"), refuse)
    for pattern, place in _patterns(node, path):
        _check_pattern(pattern, place, refuse)


def _check_reference(root: dict[str, Any], reference: str, path: Path, refuse: Refuse) -> None:
    if reference != "#" and not reference.startswith("#/"):
        raise refuse("reference", "refers outside itself; only pointers like #/$defs/name are followed", path)
    try:
        _target(root, reference)
    except ProgramRefused as error:
        raise refuse(error.code, error.detail, path) from None


def _target(root: Any, reference: str) -> Any:
    """The subschema behind a local reference (RFC 6901, section 6)."""
    node = root
    for token in reference.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isascii() and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            raise ProgramRefused("reference", "a reference leads nowhere")
    if not isinstance(node, Mapping | bool):
        raise ProgramRefused("reference", "a reference does not lead to a schema")
    return node


def _patterns(node: dict[str, Any], path: Path) -> Iterator[tuple[str, Path]]:
    if isinstance(pattern := node.get("pattern"), str):
        yield pattern, (*path, "pattern")
    if isinstance(table := node.get("patternProperties"), dict):
        yield from ((pattern, (*path, "patternProperties", pattern)) for pattern in table)


def _check_pattern(pattern: str, path: Sequence[str | int], refuse: Refuse) -> None:
    told = "a pattern without lookaround and back-references is needed; bound a text's length by maxLength, not here"
    if len(pattern) > LONGEST_PATTERN:
        raise refuse("pattern", f"a pattern has at most {LONGEST_PATTERN} characters", tuple(path))
    try:
        jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=_linear(), offline=True)
    except ValueError:
        raise refuse("pattern", told, tuple(path)) from None


def _linear() -> jsonschema_rs.RegexOptions:
    return jsonschema_rs.RegexOptions(size_limit=PATTERN_MEMORY)


def _compiled(schema: dict[str, Any], where: str) -> Validator:
    try:
        built = jsonschema_rs.validator_for(
            {"$schema": NEWEST, **schema}, validate_formats=True, offline=True, pattern_options=_linear()
        )
    except ValueError as error:  # ValidationError and ReferencingError are ValueErrors
        raise ProgramRefused("schema", f"does not compile: {type(error).__name__}", where=where) from None
    return cast("Validator", built)
