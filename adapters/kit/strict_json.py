"""The only JSON reader for bytes from outside.

Two readers that disagree about one document are an attack: a duplicate key or a lone surrogate means
one thing to the signature check and another to the rules. So everything that is not plainly one
reading is refused. Source: RFC 8259 sections 4, 6, 8; RFC 7493 (I-JSON) section 2.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import NoReturn

LIMIT = 1024 * 1024
DEPTH = 64
DIGITS = 19
_SURROGATE = re.compile("[\ud800-\udfff]")


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
    if data.count(b"{") + data.count(b"[") > DEPTH or b"\\u" in data:  # else neither can be broken
        _check_tree(value)
    return value


def _check_tree(value: object) -> None:
    waiting: list[tuple[object, int]] = [(value, 1)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, str):
            if not node.isascii() and _SURROGATE.search(node):
                raise StrictError("half of a surrogate pair")
            continue
        children: Iterable[object] = ()
        if isinstance(node, dict):
            children = (*node.keys(), *node.values())
        elif isinstance(node, list):
            children = node
        else:
            continue
        if depth > DEPTH:
            raise StrictError(f"nested deeper than {DEPTH} levels")
        waiting.extend((child, depth + 1) for child in children)


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
