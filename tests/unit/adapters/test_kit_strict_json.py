import json

import pytest

from adapters.kit.strict_json import DEPTH, StrictError, loads


def test_ordinary_documents_are_read_as_the_standard_library_reads_them() -> None:
    document = {"a": [1, -2.5, True, None, "සිංහල", "😀"], "b": {"c": {}}}
    assert loads(json.dumps(document).encode()) == document
    assert loads(json.dumps(document, ensure_ascii=False).encode()) == document


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b'{"a": 1, "a": 2}', "a key twice"),
        (b'{"a": {"b": 1, "\\u0062": 2}}', "a key twice"),
        (b"[NaN]", "not finite"),
        (b"[Infinity]", "not finite"),
        (b"[-Infinity]", "not finite"),
        (b"[1e999]", "not finite"),
        (b"12345678901234567890", "more than 19 digits"),
        (b"-" + b"9" * 400, "more than 19 digits"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'{"\\udc00": 1}', "half of a surrogate pair"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\xff"', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": 1}\x00', "not JSON"),
        (b"[" * 1000 + b"]" * 1000, "nested deeper"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested deeper"),
        (b"", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'"tab\there"', "not JSON"),
        (b"01", "not JSON"),
    ],
)
def test_a_document_with_two_readings_is_refused_by_rule(data: bytes, rule: str) -> None:
    with pytest.raises(StrictError, match=rule):
        loads(data)


def test_limits_are_exact() -> None:
    assert loads(b"[" * DEPTH + b"]" * DEPTH)
    assert loads(b"9" * 19) == 9999999999999999999
    assert loads(b"[1]", limit=3) == [1]
    with pytest.raises(StrictError, match="larger than 2 bytes"):
        loads(b"[1]", limit=2)


def test_many_shallow_brackets_are_not_deep() -> None:
    assert loads(b"[" + b",".join([b"{}"] * 500) + b"]") == [{}] * 500
    assert loads(b'"' + b"[" * 200 + b'"') == "[" * 200


def test_brackets_in_texts_neither_hide_depth_nor_make_it() -> None:
    closed = b'"]]]]\\"}}}}\\\\"'
    deep = b"[" * 65 + closed + b"]" * 65
    with pytest.raises(StrictError, match="nested deeper"):
        loads(deep)
    assert loads(b"[" * 64 + closed + b"]" * 64)
    with pytest.raises(StrictError, match="nested deeper"):
        loads(b'{"a": [' * 33 + b"]}" * 33)
    assert loads(b'{"a": [' * 32 + b"]}" * 32)


def test_a_whole_pair_of_surrogates_is_one_character() -> None:
    assert loads(b'{"a": ["\\ud83d\\ude00", "\\\\ud800"]}') == {"a": ["\U0001f600", "\\ud800"]}


def test_an_error_never_shows_a_value() -> None:
    with pytest.raises(StrictError) as caught:
        loads(b'{"nic": "199012345678", "nic": "199012345679"}')
    assert "1990" not in str(caught.value)
