"""The only JSON reader for bytes from outside.

Two readers that disagree about one document are an attack: a duplicate key or a lone surrogate means
one thing to the signature check and another to the rules. So everything that is not plainly one
reading is refused. Source: RFC 8259 sections 4, 6, 8; RFC 7493 (I-JSON) section 2.
"""

import json
import math
import re
from typing import NoReturn

import orjson

LIMIT = 1024 * 1024
DEPTH = 64
DIGITS = 19
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_NO_BRACKET_OR_QUOTE = bytes(set(range(256)) - set(b'[]{}"'))


class StrictError(Exception):
    """The document is refused. The text names the rule that was broken, never a value."""


def loads(data: bytes, *, limit: int = LIMIT) -> object:
    """Read one JSON document.

    Args:
        data: UTF-8 without a byte order mark.
        limit: the largest size in bytes.

    Raises:
        StrictError: too big, not UTF-8, not JSON, deeper than 64 levels, a key twice in one object, a number
            that is not finite or an integer of more than 19 digits, or half of a surrogate pair.
    """
    if len(data) > limit:
        raise StrictError(f"larger than {limit} bytes")
    try:
        value = orjson.loads(data)
        if orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER) != data:
            return _judged(data)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # the slow reader says why, or that it is allowed
        return _judged(data)
    _check_depth(data)
    return value  # byte for byte what is written of this value, so nobody can read another one


def _judged(data: bytes) -> object:
    """`loads` for what is not written in the shortest way, three to ten times as slow."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise StrictError("not UTF-8") from None
    if text.startswith("\ufeff"):
        raise StrictError("starts with a byte order mark")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise StrictError(f"nested deeper than {DEPTH} levels") from None
    except json.JSONDecodeError:
        raise StrictError("not JSON") from None
    _check_depth(data)
    if _SURROGATE_ESCAPE.search(data):
        _check_texts(value)
    return value


def _check_depth(data: bytes) -> None:
    """Of a well-formed document: what is left of its brackets after taking the innermost pairs away 64 times."""
    if data.count(b"{") + data.count(b"[") <= DEPTH:
        return  # it cannot be deep
    brackets = data.translate(_SQUARE, _NO_BRACKET_OR_QUOTE).replace(b'""', b"")
    if b'"' in brackets or b"\\" in data:  # a bracket in a string leaves its quotes; a backslash may hide quotes
        brackets = _STRING.sub(b"", data).translate(_SQUARE, _NO_BRACKET)
    for _ in range(DEPTH):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise StrictError(f"nested deeper than {DEPTH} levels")


def _check_texts(value: object) -> None:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            if not node.isascii() and _SURROGATE.search(node):
                raise StrictError("half of a surrogate pair")
        elif isinstance(node, dict):
            waiting += (*node.keys(), *node.values())
        elif isinstance(node, list):
            waiting += node


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StrictError("a key twice in one object")
    return members


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > DIGITS:
        raise StrictError(f"an integer of more than {DIGITS} digits")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise StrictError("a number that is not finite")
    return number


def _constant(_: str) -> NoReturn:
    raise StrictError("a number that is not finite")


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_integer, parse_float=_number, parse_constant=_constant)
