"""JSON Schemas written to hang us or to reach out: each is refused at once, by name, with the line. Threat 20."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

import schemas
from adapters.kit import manifest
from adapters.kit.untrusted import ProgramRefused, checked_schema

Schema = dict[str, Any]


def doubled(keyword: str, times: int = 30) -> Schema:
    """Each level judges the same value by the level below, twice."""
    levels: Schema = {"d0": {"type": "integer"}}
    for level in range(1, times + 1):
        levels[f"d{level}"] = {keyword: [{"$ref": f"#/$defs/d{level - 1}"}] * 2}
    return {"$defs": levels, "$ref": f"#/$defs/d{times}"}


def nested(levels: int) -> Schema:
    schema: Schema = {"type": "string"}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


SELF = {"$ref": "#"}
REFUSED: dict[str, tuple[str, Schema | bytes]] = {
    "anyOf of anyOf, doubled thirty times": ("branches", doubled("anyOf")),
    "oneOf, doubled": ("branches", doubled("oneOf")),
    "allOf, doubled": ("branches", doubled("allOf")),
    "doubled by if and then": (
        "branches",
        {
            "$defs": {
                f"d{n}": {"if": {"$ref": f"#/$defs/d{n + 1}"}, "then": {"$ref": f"#/$defs/d{n + 1}"}} for n in range(20)
            }
            | {"d20": {"type": "null"}},
            "$ref": "#/$defs/d0",
        },
    ),
    "doubled by dependencies": (
        "branches",
        {
            "$defs": {
                f"d{n}": {"dependentSchemas": {"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}}}
                for n in range(20)
            }
            | {"d20": {"minProperties": 1}},
            "$ref": "#/$defs/d0",
        },
    ),
    "doubled at every level of the document": (
        "branches",
        {"allOf": [{"properties": {"a": SELF}}, {"properties": {"a": SELF}}]},
    ),
    "doubled by a name and a pattern": ("branches", {"properties": {"a": SELF}, "patternProperties": {"^a": SELF}}),
    "doubled by items and contains": ("branches", {"items": SELF, "contains": SELF}),
    "doubled by additional properties": (
        "branches",
        {"anyOf": [{"additionalProperties": SELF}, {"properties": {"b": {}}, "additionalProperties": SELF}]},
    ),
    "five hundred subschemas for each number": ("branches", {"items": {"allOf": [{"type": "integer"}] * 500}}),
    "an enumeration of twenty thousand for each": ("too_many_nodes", {"items": {"enum": list(range(20_000))}}),
    "a thicket": (
        "branches",
        {
            "$defs": {
                f"n{k}": {"properties": {f"p{i}": {"$ref": f"#/$defs/n{(k * 31 + i * 17) % 120}"} for i in range(8)}}
                for k in range(120)
            },
            "anyOf": [{"$ref": f"#/$defs/n{i}"} for i in range(60)],
        },
    ),
    "a chain of references": (
        "branches",
        {"$ref": "#/$defs/d0", "$defs": {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(2000)} | {"d2000": {}}},
    ),
    "itself": ("recursion", SELF),
    "itself in a circle": (
        "recursion",
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
    ),
    "not itself": ("recursion", {"not": SELF}),
    "a schema elsewhere": ("reference", {"$ref": "http://127.0.0.1:{port}/x.json"}),
    "a schema elsewhere, deep inside": ("reference", {"properties": {"a": {"items": {"$ref": "https://x.example/"}}}}),
    "a file": ("reference", {"$ref": "file:///etc/passwd"}),
    "a neighbour": ("reference", {"$ref": "other.json#/a"}),
    "a base of its own": ("reference", {"$defs": {"a": {"$id": "http://127.0.0.1:{port}/", "$ref": "#"}}}),
    "a base of its own in an older dialect": (
        "reference",
        {"$schema": "http://json-schema.org/draft-04/schema#", "definitions": {"a": {"id": "http://x.example/"}}},
    ),
    "an anchor": ("reference", {"$defs": {"a": {"$anchor": "b"}}, "$ref": "#b"}),
    "a dynamic reference": ("reference", {"$dynamicRef": "#meta"}),
    "a recursive reference": ("reference", {"$recursiveRef": "#"}),
    "a reference to nowhere": ("reference", {"$ref": "#/$defs/missing"}),
    "a reference to a number": ("reference", {"maximum": 3, "properties": {"a": {"$ref": "#/maximum"}}}),
    "a dialect of its own": ("dialect", {"$schema": "http://127.0.0.1:{port}/meta.json"}),
    "two dialects": ("dialect", {"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}),
    "a vocabulary": ("reference", {"$vocabulary": {"http://127.0.0.1:{port}/v": True}}),
    "a pattern with lookahead": ("pattern", {"pattern": "^(?=(a+)+$)"}),
    "a pattern with a back-reference": ("pattern", {"pattern": r"^(a+)\1+$"}),
    "a pattern that is none": ("pattern", {"pattern": "("}),
    "a pattern that is huge inside": ("pattern", {"pattern": r"^(\w{0,500}){0,50}$"}),
    "a pattern that is huge outside": ("pattern", {"pattern": "a" * 1001}),
    "a pattern for names": ("pattern", {"patternProperties": {"(?!a)b": {}}}),
    "too deep": ("too_deep", nested(60)),
    "too deep for any parser": ("json", b'{"items":' * 5000 + b"{}" + b"}" * 5000),
    "too many nodes": ("too_many_nodes", {"properties": {f"p{n}": {"type": "string"} for n in range(3000)}}),
    "too large": ("too_large", {"description": "x" * 300_000}),
    "two keys of one name": ("json", b'{"type": "string",\n "type": "number"}'),
    "no JSON": ("json", b'{\n"type": string}'),
    "no object": ("schema", b"[]"),
    "no schema": ("schema", {"type": "anything"}),
    "true by another name": ("schema", {"properties": {"a": "x"}}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_hostile_schema_is_refused_at_once(case: str, canary: object) -> None:
    code, schema = REFUSED[case]
    text = schema if isinstance(schema, bytes) else json.dumps(schema).replace("{port}", str(canary.port)).encode()
    started = time.process_time()
    with pytest.raises(ProgramRefused) as caught:
        checked_schema(text, "their.json")
    assert time.process_time() - started < 2.0
    assert caught.value.code == code
    assert str(caught.value).startswith("their.json")
    assert canary.hits == 0


def test_the_line_is_that_of_the_fault() -> None:
    text = '{\n "type": "object",\n "properties": {\n  "a": {},\n  "b": {"items": [{}, {"pattern":\n"(?=x)"}]}\n }\n}'
    with pytest.raises(ProgramRefused, match=r"^their\.json:6: ") as caught:
        checked_schema(text.encode(), "their.json")
    assert caught.value.line == 6


ORDINARY: dict[str, Schema] = {
    "a tree": {"properties": {"left": SELF, "right": SELF, "more": {"items": SELF}}},
    "a choice of fifty kinds": {"oneOf": [{"properties": {"kind": {"const": n}}} for n in range(50)]},
    "a wide record": {"properties": {f"p{n}": {"properties": {f"q{m}": {} for m in range(9)}} for n in range(60)}},
    "a code list": {"properties": {"code": {"enum": [f"c{n}" for n in range(3000)]}}},
    "an older dialect": {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {"type": "string"}},
                         "items": [{"$ref": "#/definitions/a"}], "additionalItems": False},
    "names in every script": {"pattern": r"^[\p{L}\p{M} .'-]+$", "maxLength": 140},
    "escaped pointers": {"$defs": {"a/b~c": {"type": "string"}}, "$ref": "#/$defs/a~1b~0c"},
}  # fmt: skip


@pytest.mark.parametrize("case", ORDINARY)
def test_what_agencies_really_write_is_taken(case: str) -> None:
    assert checked_schema(json.dumps(ORDINARY[case]).encode())


def test_what_we_wrote_ourselves_would_be_taken() -> None:
    ours = [path for folder in ("canonical", "own") for path in (schemas.FOLDER / folder).glob("*.json")]
    assert len(ours) > 10
    assert all(checked_schema(path.read_bytes(), path.name) for path in ours)


def test_the_worst_that_is_taken_costs_little() -> None:
    """The budget is a promise about documents: 200 subschemas a value, a pattern at its limits, a megabyte."""
    dear = {"items": {"allOf": [{"type": "integer", "minimum": n - 10_000} for n in range(190)]}}
    slow = {"items": {"pattern": "(a?){300}(a?){300}b"}, "uniqueItems": True}
    for schema, document in ((dear, [5] * 50_000), (slow, ["a" * 1000 + str(n) for n in range(500)])):
        checker = checked_schema(json.dumps(schema).encode())
        started = time.process_time()
        checker.is_valid(document)
        assert time.process_time() - started < 4.0


def test_a_folder_brings_its_schema_and_is_refused_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "levy"
    folder.mkdir()
    (folder / "manifest.toml").write_text(MANIFEST)
    schema = folder / "answer.json"
    with pytest.raises(manifest.ManifestError, match=r"answer\.json cannot be read"):
        manifest.load(folder)
    schema.write_text('{\n"pattern": "(?=x)"}')
    with pytest.raises(manifest.ManifestError, match=r"answer\.json:2: a pattern"):
        manifest.load(folder)
    schema.write_text('{"required": ["no"]}')
    assert manifest.load(folder).services["status"].answer_schema == "./answer.json"
    assert schemas.first_fault(manifest.answer_validator(folder, "./answer.json"), {}) == "/: required"


MANIFEST = """
contract = 1
id = "levy"
name = "National Levy Fund"
owner = "integration@levy.example"
summary = "An agency that needs no Python."
[transport]
kind = "rest"
base_url = "setting:LEVY_URL"
[service.status]
actions = ["read"]
id_types = ["NIC"]
sends = ["NIC"]
fields = ["enrolled", "status"]
path = "/status/search"
request = { memberNo = "identifier:NIC" }
record_schema = "canonical/enrolment.v1.json"
answer_schema = "./answer.json"
sensitivity = "personal"
summary = "Is the person enrolled."
"""
