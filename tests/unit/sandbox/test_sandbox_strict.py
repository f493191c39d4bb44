"""The strict reader refuses what careful parsers refuse, and reads everything else as the standard library does."""

import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import strict

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_json_writes_is_read_back(value: object, escaped: bool) -> None:
    assert strict.loads(json.dumps(value, ensure_ascii=escaped).encode()) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"]",
        b"nul",
        b"{'a':1}",
        b"[1,]",
        b'{"a":1}x',
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        '"\u20ac"'.encode("utf-16"),
        b'{"a":1,"a":1}',
        b'[{"b":{"a":1,"\\u0061":2}}]',
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[01]",
        b"[12345678901234567890]",
        b"[-12345678901234567890]",
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b'[["\\ud800x"]]',
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b'"' + b"x" * strict.MAX_BYTES + b'"',
    ],
)
def test_what_breaks_a_rule_is_refused_without_being_repeated(raw: bytes) -> None:
    with pytest.raises(strict.NotStrictJson) as refusal:
        strict.loads(raw)
    assert refusal.value.__cause__ is None
    assert len(str(refusal.value)) < 60


def test_brackets_inside_strings_are_not_depth() -> None:
    assert strict.loads(json.dumps(["[" * 200, '\\"[[{' * 100]).encode()) == ["[" * 200, '\\"[[{' * 100]
    assert strict.loads(b"[" * 64 + b"]" * 64)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert strict.loads(b'"\\ud83d\\ude00"') == "\U0001f600"


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_body_is_read_up_to_the_limit_and_not_beyond() -> None:
    assert await strict.bounded(chunks(b"ab", b"c"), limit=3) == b"abc"
    with pytest.raises(strict.BodyTooLarge):
        await strict.bounded(chunks(b"ab", b"cd", b"never read"), limit=3)
