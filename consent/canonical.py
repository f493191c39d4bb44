"""JSON Canonicalization Scheme: the one sequence of bytes that both members sign.

Source: RFC 8785. Numbers are printed as ECMAScript prints them (section 3.2.2.3), members are
sorted by the UTF-16 code units of their names (section 3.2.3), strings escape only what they must.
"""

import math
import re
from json.encoder import encode_basestring

import orjson

from .errors import NotCanonical

EXACT = 2**53 - 1  # beyond, two integers share one double (RFC 7493, section 2.2)
DEEPEST = 64
CONSTANTS = {None: "null", True: "true", False: "false"}
_PLAIN = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_SUBCLASS
_PLAIN |= orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_BEYOND_16_BITS = re.compile(rb"[\xf0-\xff]")  # characters that UTF-16 sorts elsewhere
_FRACTION = re.compile(rb"[\[:,]-?[0-9]+[.eE]")  # a number that ECMAScript may print otherwise, or a text like it


def canonical(value: object) -> bytes:
    """The canonical UTF-8 bytes of a JSON value (dict, list, str, int, float, bool, None).

    Raises:
        NotCanonical: NaN or infinity, an integer beyond 2**53 - 1, half of a surrogate pair, a name that
            is not a string, nesting beyond 64 levels, or a type that JSON does not have.
    """
    return (_plainly(value) if isinstance(value, dict) else None) or _spelled_out(value)


def _plainly(value: dict[object, object]) -> bytes | None:
    """Of what orjson surely writes in the same way, at a third of the cost: texts, whole numbers and constants."""
    try:
        plain = orjson.dumps(value, option=_PLAIN)
    except orjson.JSONEncodeError:
        return None
    if (not plain.isascii() and _BEYOND_16_BITS.search(plain)) or _FRACTION.search(plain):
        return None
    if plain.count(b"{") + plain.count(b"[") > DEEPEST or orjson.loads(plain) != value:
        return None  # NaN, and what JSON does not have, read back as something else
    return plain


def _spelled_out(value: object) -> bytes:
    """Of any value, step by step."""
    try:
        return _text(value, 0).encode()
    except UnicodeEncodeError:
        raise NotCanonical("a string holds half of a surrogate pair: send well-formed Unicode") from None


def _text(value: object, depth: int) -> str:
    if depth > DEEPEST:
        raise NotCanonical(f"nested deeper than {DEEPEST} levels")
    match value:
        case str():
            return encode_basestring(value)  # what `json.dumps` calls in the end, without an encoder for every string
        case None | bool():
            return CONSTANTS[value]
        case int():
            return _integer(value)
        case float():
            return number(value)
        case list() | tuple():
            return f"[{','.join([_text(each, depth + 1) for each in value])}]"
        case dict():
            return _object(value, depth)
    raise NotCanonical(f"{type(value).__name__} is not a JSON type")


def _object(value: dict[object, object], depth: int) -> str:
    names = [name for name in value if isinstance(name, str)]
    if len(names) < len(value):
        raise NotCanonical("a member's name is not a string")
    names.sort(key=None if "".join(names).isascii() else _code_units)
    return f"{{{','.join([f'{encode_basestring(name)}:{_text(value[name], depth + 1)}' for name in names])}}}"


def _code_units(name: str) -> bytes:
    return name.encode("utf-16-be")


def _integer(value: int) -> str:
    if abs(value) > EXACT:
        raise NotCanonical("an integer beyond 2**53 - 1 is not exact everywhere: send it as a string")
    return str(value)


def number(value: float) -> str:
    """A double as ECMAScript's `Number::toString` prints it: `1e+21`, `1e-7`, `0.000001`, `100`.

    Python's repr finds the same shortest digits; only the layout differs.

    Raises:
        NotCanonical: not a number, or infinite.
    """
    if not math.isfinite(value):
        raise NotCanonical("not a finite number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    digits, point = _shortest(abs(value))
    return sign + _laid_out(digits, point)


def _shortest(value: float) -> tuple[str, int]:
    """(significant digits, position of the decimal point after the first digit's left edge)."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    return re.sub("0+$", "", digits), len(whole) - leading + int(exponent or 0)


def _laid_out(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    power = f"e{point - 1:+d}"
    return f"{digits[0]}.{digits[1:]}{power}" if len(digits) > 1 else digits + power
