"""What we read ourselves of other people's texts: any text is taken or refused by name, and what is taken is read by
the library behind us as we read it."""

import json
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from yarl import URL

from adapters.kit.dial_rules import BadListing, DialRules, is_host
from adapters.kit.egress import NotAllowed
from adapters.kit.untrusted import ProgramRefused, checked_schema, patterns
from adapters.kit.untrusted.mapping_text import line_of as mapping_line
from adapters.kit.untrusted.places import line_of

PARTS = st.sampled_from(
    [
        *("https://", "http://", "a.example", "127.0.0.1", "[::1]", "@", ":", "443", "/", "?", "#", "\\", "%2f", "%"),
        *(
            "0x7f",
            "１２７",
            "xn--a",
            "user",
            "localhost",
            " ",
            "\t",
            "-",
            "_",
            "A",
            "é",
            "[",
            "]",
            "fe80::1%1",
            ".",
            "..",
        ),
    ]
)


@given(st.lists(PARTS, max_size=8).map("".join) | st.text(max_size=60))
@example("https://a.example\\@127.0.0.1/")
@example("https://a.example:0443/")
def test_a_url_that_is_taken_leads_where_the_client_goes(url: str) -> None:
    try:
        place = DialRules({"localhost:443", "127.0.0.1:443", "[::1]:443"}).place(url)
    except NotAllowed:
        return
    sent = URL(url)
    assert (sent.scheme, sent.host, sent.port) == place
    assert (sent.user, sent.password) == (None, None)


@given(st.lists(PARTS, max_size=6).map("".join) | st.text(max_size=30))
def test_a_host_that_is_taken_has_no_other_spelling(host: str) -> None:
    if is_host(host):
        assert URL.build(scheme="https", host=host).host == host
        assert host == host.lower()
        assert not is_host(f"{host}.")


@given(st.text(max_size=40))
def test_any_listing_is_taken_or_refused_by_name(entry: str) -> None:
    try:
        DialRules({entry})
    except BadListing as refused:
        assume(repr(entry) in str(refused))


SIGNS = st.sampled_from(
    [*"ab01.*+?|()[]{}^$\\,-", r"\d", r"\p{L}", "{2}", "{1,9}", "{3,}", "[a-z]", "(a|b)", "[a-[b]]"]
)


@given(st.lists(SIGNS, max_size=14).map("".join) | st.text(max_size=40))
def test_any_pattern_is_taken_or_refused_by_name(pattern: str) -> None:
    try:
        patterns.check(pattern)
    except ProgramRefused as refused:
        assume(refused.code == "pattern")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
KEYWORDS = st.sampled_from(
    [
        *(
            "$ref",
            "$defs",
            "properties",
            "items",
            "anyOf",
            "allOf",
            "not",
            "if",
            "then",
            "pattern",
            "enum",
            "type",
            "a",
        ),
        *("patternProperties", "prefixItems", "dependentSchemas", "additionalProperties", "contains", "$id"),
    ]
)
WORDS = st.sampled_from(["#", "#/$defs/a", "#/properties/a", "string", "object", "^a+$", "(?=a)", "http://127.0.0.1/"])
SCHEMAS = st.recursive(
    WORDS | st.booleans() | st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=4),
    max_leaves=25,
)


@given(st.dictionaries(KEYWORDS, SCHEMAS, max_size=4), JSON)
def test_any_schema_is_refused_by_name_or_judges_any_document(schema: dict[str, Any], document: object) -> None:
    try:
        checker = checked_schema(json.dumps(schema).encode())
    except ProgramRefused as refused:
        assume(refused.code)
        return
    assert checker.is_valid(document) in {True, False}


@given(JSON, st.sampled_from([None, 1, 3]), st.data())
def test_the_line_of_a_value_is_where_it_stands(value: object, indent: int | None, data: st.DataObject) -> None:
    path: list[str | int] = []
    node: Any = {"only": value}
    while isinstance(node, dict | list) and node and data.draw(st.booleans()):
        step = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        path.append(step)
        node = node[step]
    text = json.dumps({"only": value}, indent=indent, ensure_ascii=False)
    line = text.split("\n")[line_of(text, path) - 1]
    start = json.dumps(node, ensure_ascii=False)[:1]
    assert start in line


@given(st.text(max_size=200), st.lists(st.text(max_size=5), max_size=3))
def test_looking_for_a_line_never_fails(text: str, path: list[str]) -> None:
    assert 0 <= mapping_line(text, path) <= text.count("\n") + len(text.splitlines()) + 1


def test_what_stands_in_a_message_is_never_the_foreign_text() -> None:
    with pytest.raises(NotAllowed) as caught:
        DialRules(()).place("https://secret-name@a.example/?token=1")
    assert "secret-name" not in str(caught.value)
