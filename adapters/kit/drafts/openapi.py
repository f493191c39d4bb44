"""A draft's source from an OpenAPI 3 document in JSON: one POST operation, its request's members, its answer's schema.

References inside the document are followed, others refused: nothing is fetched.

Source: OpenAPI Specification 3.0.3 and 3.1.0, sections 4.7.10, 4.7.14 and 4.7.24.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from adapters.kit import strict_json
from adapters.kit.drafts.sample import in_schema
from adapters.kit.drafts.source import MOST_TOLD, DraftRefused, Source
from adapters.kit.untrusted import ProgramRefused, checked_schema

LIMIT = 2 * 1024 * 1024
ANSWER = "answer.json"
_OURS = "#/$defs/"
_THEIRS = "#/components/schemas/"
_SHOWN: Mapping[str, object] = {"integer": 1, "number": 10.5, "boolean": True, "array": [], "object": {}}


def from_openapi(text: bytes, operation: str = "") -> Source:
    """What one operation says.

    Args:
        operation: its `operationId`, or `/path`; not needed where only one can be used.

    Raises:
        DraftRefused: not OpenAPI 3 in JSON, a reference that leads outside, or no such POST with JSON both ways.
    """
    document = _read(text)
    usable = {name: told for path, told in _posts(document) for name in (path, str(told.get("operationId", path)))}
    paths = {str(told["x-path"]) for told in usable.values()}
    if not operation and len(paths) == 1:
        operation = next(iter(paths))
    if operation not in usable:
        known = ", ".join(sorted(usable)[:40]) or "none: a person's number must not stand in a URL, so GET is no choice"
        raise DraftRefused(f"choose a POST with JSON both ways by --operation: {known}")
    chosen = usable[operation]
    schema = _answer_schema(chosen, document)
    request = _content(chosen["requestBody"])
    asked = {each.pointer[1:]: each for each in in_schema(request, document) if not each.lists}
    return Source(
        transport="rest",
        operation=operation,
        told=tuple(islice(in_schema(schema, schema), MOST_TOLD)),
        service={"path": str(chosen["x-path"]), "answer_schema": f"./{ANSWER}"},
        asked={name: each for name, each in asked.items() if "/" not in name},
        files={ANSWER: (json.dumps(schema, ensure_ascii=False, indent=2) + "\n").encode()},
        answer=json.dumps(_shown(schema, schema), ensure_ascii=False, indent=1),
        broken="[]",
    )


def _read(text: bytes) -> dict[str, Any]:
    if len(text) > LIMIT:
        raise DraftRefused(f"an OpenAPI document has at most {LIMIT} bytes")
    try:
        document = strict_json.loads(text)
    except strict_json.StrictError as error:
        raise DraftRefused(f"the document is {error}; a YAML one must be turned into JSON first") from None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise DraftRefused("the document is not OpenAPI 3 (its member `openapi`)")
    for reference in _references(document):
        if not reference.startswith("#/"):
            raise DraftRefused("a reference leads outside the document; nothing is fetched: put it into components")
    return document


def _references(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _posts(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document.get("paths", {}).items():
        told = item.get("post") if isinstance(item, dict) else None
        if "{" in path or not isinstance(told, dict):
            continue
        if _content(told.get("requestBody", {})) and _content(_success(told)):
            yield path, {**told, "x-path": path}


def _success(told: Mapping[str, Any]) -> Any:
    answers = told.get("responses", {})
    return answers.get("200", answers.get("201", {}))


def _content(body: Any) -> dict[str, Any]:
    """The schema of a JSON body; empty without one."""
    kinds = body.get("content", {}) if isinstance(body, dict) else {}
    found = [each for kind, each in kinds.items() if kind.partition(";")[0].strip() == "application/json"]
    schema = found[0].get("schema", {}) if found else {}
    return schema if isinstance(schema, dict) else {}


def _answer_schema(told: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The answer's schema as a document of its own: what it refers to comes along.

    Raises:
        DraftRefused: it refers to something that is no schema, or is refused as a program.
    """
    needed: dict[str, Any] = {}
    known = document.get("components", {}).get("schemas", {})
    waiting = [_content(_success(told))]
    while waiting:
        for reference in _references(waiting.pop()):
            name = reference.removeprefix(_THEIRS)
            if name not in known:
                raise DraftRefused(f"{reference} is not below {_THEIRS}; write it out")
            if name not in needed:
                needed[name] = known[name]
                waiting.append(known[name])
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_ours(_content(_success(told)))}
    if needed:
        schema["$defs"] = {name: _ours(each) for name, each in needed.items()}
    try:
        checked_schema(json.dumps(schema).encode(), ANSWER)
    except ProgramRefused as error:
        raise DraftRefused(f"the answer's schema cannot be used: {error}") from None
    return schema


def _ours(value: Any) -> Any:
    """In JSON Schema 2020-12: references to our place, `nullable` as a type, and no words for other tools."""
    if isinstance(value, list):
        return [_ours(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: _ours(each) for name, each in value.items() if name not in {"nullable", "discriminator", "xml"}}
    if isinstance(value.get("$ref"), str):
        found["$ref"] = value["$ref"].replace(_THEIRS, _OURS)
    if value.get("nullable") is True and isinstance(value.get("type"), str):
        found["type"] = [value["type"], "null"]
    return found


def _shown(schema: Any, whole: Mapping[str, Any], depth: int = 0) -> Any:
    """An answer that the schema allows, of its own examples where it has some."""
    if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
        schema = whole.get("$defs", {}).get(schema["$ref"].removeprefix(_OURS), {})
    if not isinstance(schema, dict) or depth > 12:
        return None
    for name in ("example", "const", "default"):
        if name in schema:
            return schema[name]
    if schema.get("enum"):
        return schema["enum"][0]
    if "properties" in schema:
        return {name: _shown(each, whole, depth + 1) for name, each in schema["properties"].items()}
    types = schema.get("type", "string")
    kind = types[0] if isinstance(types, list) else types
    if kind == "array":
        return [_shown(schema.get("items", {}), whole, depth + 1)]
    return {"date": "2026-10-31"}.get(schema.get("format", ""), _SHOWN.get(kind, "text"))
