"""Values that fit a JSON Schema, made from the schema itself: a start for tests that change messages."""

import random
import re._constants as ops
import re._parser as parser
from collections.abc import Iterable, Mapping
from typing import Any

DAYS = {
    "date": "2026-02-28",
    "date-time": "2026-11-02T09:00:00Z",
    "uri": "https://a.example/b",
    "email": "a@b.example",
    "uuid": "01a20473-0f2a-7057-a6cc-3a59df571f69",
}
DEEP = 12  # of a schema that holds itself, no optional member below here


def made(root: Mapping[str, Any], schema: Any, draw: random.Random, depth: int = 0) -> Any:
    """A value for a schema; nearly always one that fits, which the caller has to see.

    Args:
        root: the document that `$ref` points into.
    """
    if not isinstance(schema, Mapping):
        return "x"
    if "$ref" in schema:
        return made(root, _target(root, str(schema["$ref"])), draw, depth + 1)
    for word in ("oneOf", "anyOf"):
        if word in schema:
            rest = {key: value for key, value in schema.items() if key != word}
            return _together(root, [rest, draw.choice(schema[word])], draw, depth)
    if "allOf" in schema:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        return _together(root, [rest, *schema["allOf"]], draw, depth)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else draw.choice(schema["enum"])
    return _of_type(root, schema, draw, depth)


def _together(root: Mapping[str, Any], schemas: Iterable[Any], draw: random.Random, depth: int) -> Any:
    """One value for several schemas: their members together, or what the last one that says something wants."""
    values = [made(root, each, draw, depth + 1) for each in schemas if _says(each)]
    if values and all(isinstance(each, dict) for each in values):
        return {name: value for each in values for name, value in each.items()}
    return values[-1] if values else "x"


def _says(schema: Any) -> bool:
    return isinstance(schema, Mapping) and bool(
        schema.keys() & {"type", "properties", "$ref", "oneOf", "anyOf", "allOf", "enum", "const", "prefixItems"}
    )


def _of_type(root: Mapping[str, Any], schema: Mapping[str, Any], draw: random.Random, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = draw.choice(kind) if isinstance(kind, list) else kind
    if kind == "object":
        properties, required = schema.get("properties", {}), set(schema.get("required", ()))
        wanted = [name for name in properties if name in required or (depth < DEEP and draw.random() < 0.5)]
        found = {
            each: made(root, properties[each], draw, depth + 1) for each in wanted if properties[each] is not False
        }
        return found if len(found) >= schema.get("minProperties", 0) else found | _named(root, schema, draw, depth)
    if kind == "array":
        return _list(root, schema, draw, depth)
    if kind in {"integer", "number"}:
        return max(schema.get("minimum", 1), 1) if schema.get("maximum", 1) >= 1 else schema["maximum"]
    return {"boolean": True, "null": None}.get(kind, _text(schema, draw) if kind == "string" else None)


def _named(root: Mapping[str, Any], schema: Mapping[str, Any], draw: random.Random, depth: int) -> dict[str, Any]:
    """One member under a name that is free to choose."""
    if "patternProperties" in schema:
        ((pattern, of),) = schema["patternProperties"].items()
        return {_text({"pattern": pattern}, draw): made(root, of, draw, depth + 1)}
    names, of = schema.get("propertyNames", {}), schema.get("additionalProperties", {"type": "string"})
    if not isinstance(of, Mapping) or not _says(of):
        of = {"type": "string"}
    return {str(made(root, {"type": "string", **names}, draw, depth + 1)): made(root, of, draw, depth + 1)}


def _list(root: Mapping[str, Any], schema: Mapping[str, Any], draw: random.Random, depth: int) -> list[Any]:
    found = [made(root, each, draw, depth + 1) for each in schema.get("prefixItems", ())]
    items, least = schema.get("items"), schema.get("minItems", 0)
    wanted = max(least, len(found) + draw.randint(0, 1)) if isinstance(items, Mapping) else len(found)
    found += [made(root, items, draw, depth + 1) for _ in range(wanted - len(found))]
    return [*found[:-1], made(root, schema["contains"], draw, depth + 1)] if "contains" in schema and found else found


def _text(schema: Mapping[str, Any], draw: random.Random) -> str:
    if schema.get("format") in DAYS:
        return DAYS[schema["format"]]
    if "pattern" in schema:
        return "".join(_matching(parser.parse(schema["pattern"]), draw))
    return "x" * max(schema.get("minLength", 1), 1)


def _matching(parts: Any, draw: random.Random) -> Iterable[str]:
    """Text for the parts of a parsed pattern."""
    for op, of in parts:
        if op is ops.LITERAL:
            yield chr(of)
        elif op in {ops.ANY, ops.NOT_LITERAL}:
            yield "x"
        elif op is ops.IN:
            yield _one_of(of, draw)
        elif op is ops.BRANCH:
            yield from _matching(draw.choice(of[1]), draw)
        elif op is ops.SUBPATTERN:
            yield from _matching(of[3], draw)
        elif op in {ops.MAX_REPEAT, ops.MIN_REPEAT}:
            least, most, inner = of
            for _ in range(draw.randint(least, min(int(most), max(least, 3)))):
                yield from _matching(inner, draw)


def _one_of(members: Any, draw: random.Random) -> str:
    if members[0][0] is ops.NEGATE:
        return "x"
    op, of = draw.choice(members)
    if op is ops.RANGE:
        return chr(draw.randint(*of))
    return chr(of) if op is ops.LITERAL else {"CATEGORY_DIGIT": "7", "CATEGORY_SPACE": " "}.get(str(of), "x")


def _target(root: Mapping[str, Any], reference: str) -> Any:
    node: Any = root
    for token in reference.removeprefix("#/").split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        node = node[int(name)] if isinstance(node, list) else node[name]
    return node
