"""The sandbox's own strict JSON reader: what an agency with a careful parser would refuse.

UTF-8 without byte order mark, at most 1 MiB, 64 levels, no key twice in one object, finite
numbers, integers of at most 19 digits, no lone surrogate. Source: RFC 8259; RFC 7493 (I-JSON).
"""

import json
import re
from collections.abc import AsyncIterator

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_DIGITS = 19

_STRINGS_AND_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class NotStrictJson(ValueError):
    """The bytes are not acceptable JSON. The text names the rule and never the content."""


class BodyTooLarge(ValueError):
    """More bytes than this agency reads."""


async def bounded(chunks: AsyncIterator[bytes], limit: int = MAX_BYTES) -> bytes:
    """Collect a request body.

    Raises:
        BodyTooLarge: as soon as more than `limit` bytes have come.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"send at most {limit} bytes")
    return bytes(body)


def loads(raw: bytes) -> object:
    """Parse one JSON text.

    Raises:
        NotStrictJson: a rule of this module is broken.
    """
    if len(raw) > MAX_BYTES:
        raise NotStrictJson("larger than 1 MiB")
    _check_depth(raw)
    try:
        text = raw.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_finite
        )
    except NotStrictJson:
        raise
    except ValueError:  # its text quotes the content, so it is not chained
        raise NotStrictJson("not JSON in UTF-8") from None
    if "\\u" in text:
        _check_surrogates(value)
    return value


def _check_depth(raw: bytes) -> None:
    depth = 0
    for found in _STRINGS_AND_BRACKETS.finditer(raw):
        mark = found.group()[0:1]
        if mark in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise NotStrictJson(f"nested deeper than {MAX_DEPTH} levels")
        elif mark in b"]}":
            depth -= 1


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJson("a key occurs twice in one object")
    return found


def _constant(name: str) -> object:
    raise NotStrictJson(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise NotStrictJson(f"an integer of more than {MAX_DIGITS} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise NotStrictJson("a number too large for a double")
    return number


def _check_surrogates(value: object) -> None:
    """Depth is bounded by `_check_depth`, so plain recursion is safe."""
    match value:
        case str():
            if _LONE_SURROGATE.search(value):
                raise NotStrictJson("half a surrogate pair")
        case dict():
            for key, item in value.items():
                _check_surrogates(key)
                _check_surrogates(item)
        case list():
            for item in value:
                _check_surrogates(item)
