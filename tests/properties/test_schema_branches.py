"""The count of `untrusted.branches` is never too low: a validator that tries everything judges no value more often."""

import json
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.kit.untrusted import ProgramRefused, branches

NAMES = ("a", "b", "ab")
POINTERS = ("#", "#/properties/a", "#/items", "#/anyOf/0", "#/properties/a/items", "#/additionalProperties")
LEAVES = st.sampled_from([{}, True, {"type": "string"}, *({"$ref": pointer} for pointer in POINTERS)])


def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one, some = inner, st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "properties": named,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=2),
            "additionalProperties": one,
            "propertyNames": one,
            "items": one,
            "prefixItems": some,
            "contains": one,
            "anyOf": some,
            "allOf": some,
            "not": one,
            "if": one,
            "then": one,
            "dependentSchemas": named,
        },
    )


SCHEMAS = deeper(st.recursive(LEAVES, deeper, max_leaves=8))
DOCUMENTS = st.recursive(
    st.integers() | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "c"]), inner, max_size=4),
    max_leaves=12,
)


def target(root: Any, reference: str) -> Any:
    node = root
    for token in reference.split("/")[1:]:
        node = node[token] if isinstance(node, dict) else node[int(token)]
    return node


def visited(root: Any, schema: Any, value: Any, place: str, seen: Counter[str]) -> None:
    """Judge a value by everything that could judge it, without stopping early."""
    seen[place] += 1
    if not isinstance(schema, dict):
        return
    same = [*schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("dependentSchemas", {}).values()]
    same += [schema[name] for name in ("not", "if", "then") if name in schema]
    same += [target(root, schema["$ref"])] if "$ref" in schema else []
    for each in same:
        visited(root, each, value, place, seen)
    for name, member in value.items() if isinstance(value, dict) else ():
        for each in _for_member(schema, name):
            visited(root, each, member, f"{place}/{name}", seen)
        if "propertyNames" in schema:
            visited(root, schema["propertyNames"], name, f"{place}/{name}#", seen)
    for number, entry in enumerate(value) if isinstance(value, list) else ():
        judging = [schema[name] for name in ("items", "contains") if name in schema]
        for each in judging + schema.get("prefixItems", [])[number : number + 1]:
            visited(root, each, entry, f"{place}/{number}", seen)


def _for_member(schema: dict[str, Any], name: str) -> list[Any]:
    found = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    found += [each for pattern, each in schema.get("patternProperties", {}).items() if re.search(pattern, name)]
    return found or ([schema["additionalProperties"]] if "additionalProperties" in schema else [])


@given(SCHEMAS, DOCUMENTS, st.integers(2, 9))
@settings(max_examples=200)
def test_no_value_is_judged_more_often_than_was_counted(schema: Any, document: Any, most: int) -> None:
    schema = json.loads(json.dumps(schema))  # every subschema an object of its own, as it is read from a text
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(branches, "MOST", most)
        try:
            branches.check(schema, lambda reference: target(schema, reference))
        except (ProgramRefused, KeyError, IndexError, ValueError, TypeError):
            return  # refused, or a reference leads nowhere, which is told before
    seen: Counter[str] = Counter()
    visited(schema, schema, document, "", seen)
    assert max(seen.values()) <= most


def test_the_count_is_not_too_high_either() -> None:
    """What three subschemas judge is counted as three: the root, and both of its parts."""
    schema = {"allOf": [{"type": "object"}, {"properties": {"a": {}, "b": {}}}]}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(branches, "MOST", 3)
        branches.check(schema, lambda _: {})
        patched.setattr(branches, "MOST", 2)
        with pytest.raises(ProgramRefused):
            branches.check(schema, lambda _: {})
