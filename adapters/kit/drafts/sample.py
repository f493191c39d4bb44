"""A draft's source from JSON answers of the agency, and from a JSON Schema of them (which OpenAPI documents hold)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from adapters.kit import codes, strict_json
from adapters.kit.drafts import notations
from adapters.kit.drafts.shape import ANSWER, schema_of
from adapters.kit.drafts.source import MOST_TOLD, DraftRefused, Source, Told

LIMIT = 256 * 1024


def from_sample(text: bytes, unknown: bytes = b"") -> Source:
    """What one answer says. It becomes the first golden sample, so it must be about an invented person.

    Args:
        unknown: the answer about somebody whom the agency does not know, if it is one with a body. From both together
            the schema of its answers is drafted, with their shape and none of their values.

    Raises:
        DraftRefused: one is not a JSON object, or too large.
    """
    value, *further = [_read(each) for each in (text, unknown) if each.strip() or each is text]
    told = tuple(islice(in_value(value), MOST_TOLD))
    schema = schema_of([value, *further])
    return Source(
        "rest",
        "sample",
        told,
        service={"answer_schema": f"./{ANSWER}"} if schema else {},
        files={ANSWER: schema} if schema else {},
        answer=_written(value),
        broken="{}",
        unknown=_written(further[0]) if further else "",
        told_of_nobody=tuple(islice(in_value(further[0]), MOST_TOLD)) if further else (),
    )


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _read(text: bytes) -> dict[str, Any]:
    if len(text) > LIMIT:
        raise DraftRefused(f"a sample has at most {LIMIT} bytes; cut its lists short")
    try:
        value = strict_json.loads(text)
    except strict_json.StrictError as error:
        raise DraftRefused(f"the sample is {error}; bring one answer in JSON") from None
    if not isinstance(value, dict):
        raise DraftRefused("the sample is not a JSON object")
    return value


def in_value(value: object, pointer: str = "", lists: tuple[str, ...] = ()) -> Iterator[Told]:
    """Every value of a JSON value; of a list of objects what all of its entries show together."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from in_value(each, f"{pointer}/{_escaped(name)}", lists)
    elif isinstance(value, list):
        inner = (*lists, pointer)
        yield from _together([[*in_value(each, pointer, inner)] for each in value if isinstance(each, dict)], inner)
    else:
        choices = (value,) if isinstance(value, str) and codes.is_code(value) else ()
        choices = (str(value).lower(),) if isinstance(value, bool) else choices
        yield Told(pointer, _kind(value), value is None, lists=lists, choices=choices)


def _together(entries: Sequence[Sequence[Told]], lists: tuple[str, ...]) -> Iterator[Told]:
    """One value for each place of several entries: optional where an entry lacks it, with the codes of all."""
    shown: dict[str, list[Told]] = {}
    for each in (told for entry in entries for told in entry):
        shown.setdefault(each.pointer, []).append(each)
    for several in shown.values():
        first = next((each for each in several if each.kind != "null"), several[0])
        kind = "decimal" if {each.kind for each in several} >= {"integer", "decimal"} else first.kind
        lacking = first.lists == lists and len(several) < len(entries)
        choices = tuple(dict.fromkeys(choice for each in several for choice in each.choices))
        optional = lacking or any(each.optional for each in several)
        yield replace(first, kind=kind, optional=optional, choices=choices)


def in_schema(schema: Mapping[str, Any], whole: Mapping[str, Any], pointer: str = "", depth: int = 0) -> Iterator[Told]:
    """Every value that a JSON Schema describes by `properties` and `items`; references lead into `whole` only."""
    yield from _in_schema(_meant(schema, whole), whole, pointer, (), depth)


def _in_schema(
    schema: Mapping[str, Any], whole: Mapping[str, Any], pointer: str, lists: tuple[str, ...], depth: int
) -> Iterator[Told]:
    required = schema.get("required", [])
    for name, part in (schema.get("properties", {}) if depth < 12 else {}).items():
        meant, place = _meant(part, whole), f"{pointer}/{_escaped(name)}"
        inner = _meant(meant["items"], whole) if isinstance(meant.get("items"), Mapping) else {}
        if "properties" in inner:
            yield from _in_schema(inner, whole, place, (*lists, place), depth + 1)
        elif "properties" in meant:
            yield from _in_schema(meant, whole, place, lists, depth + 1)
        elif meant.get("type") != "array":
            yield _of_schema(meant, place, name not in required, lists)


def _of_schema(schema: Mapping[str, Any], place: str, optional: bool, lists: tuple[str, ...]) -> Told:
    """What a schema says of one value. An enum of codes is told only if each of them can be a code."""
    caption = " ".join(str(schema.get("description", "")).split())[:120]
    enum = [each for each in schema.get("enum", ()) if each is not None]
    choices = tuple(enum) if all(isinstance(each, str) and codes.is_code(each) for each in enum) else ()
    written, kind = notations.in_words(caption), _schema_kind(schema)
    if kind == "text" and choices and {each.upper() for each in choices} <= notations.YES_NO:
        kind = "yes_no"
    elif kind == "text" and written:
        kind = f"{'date' if 'DD' in written else 'month'}:{written}"
    notation = written or notations.in_words("", str(schema.get("pattern", "")))
    return Told(place, kind, optional, caption, lists, choices, notation)


def _meant(schema: Any, whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with its reference followed, and the parts of its `allOf` put together."""
    for _ in range(12):
        if not isinstance(schema, Mapping) or "$ref" not in schema:
            break
        schema = at(whole, str(schema["$ref"]))
    if not isinstance(schema, Mapping):
        return {}
    parts = [_meant(each, whole) for each in schema.get("allOf", ())]
    if not parts:
        return schema
    joined = {name: each for part in (*parts, schema) for name, each in part.get("properties", {}).items()}
    required = [name for part in (*parts, schema) for name in part.get("required", ())]
    return {**schema, "properties": joined, "required": required}


def at(whole: Any, reference: str) -> object:
    """What a reference inside a document leads to (RFC 6901, section 6); None where there is nothing."""
    for token in reference.removeprefix("#").split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        whole = whole.get(key) if isinstance(whole, Mapping) else None
    return whole


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, float):
        return "decimal"
    return notations.of_value(str(value)) or ("integer" if isinstance(value, int) else "text")


def _schema_kind(schema: Mapping[str, Any]) -> str:
    types = schema.get("type", "string")
    kind = next((each for each in (types if isinstance(types, list) else [types]) if each != "null"), "string")
    if kind == "string":
        shown = schema.get("example", "")
        return "date" if schema.get("format") == "date" else _kind(shown) if shown else "text"
    return {"integer": "integer", "number": "decimal", "boolean": "boolean"}.get(str(kind), "text")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
