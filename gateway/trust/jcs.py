"""The JSON Canonicalization Scheme: one byte string for one JSON value, so that signatures survive re-serialising.

Source: RFC 8785. Numbers are IEEE 754 doubles in ECMAScript's shortest form, members are sorted by UTF-16
code units, text is raw UTF-8 (Sinhala and Tamil are not escaped).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring as quoted

from .errors import NotCanonical

LARGEST = 2**53 - 1  # beyond, two integers share one double


def canonical(value: object) -> bytes:
    """The canonical bytes of a JSON value (dict, list or tuple, str, int, float, bool, None).

    Raises:
        NotCanonical: NaN, infinity, an integer beyond 2^53 - 1, a lone surrogate, a member name that is
            no string, or something that is not JSON.
    """
    parts: list[str] = []
    _write(value, parts.append)
    try:
        return "".join(parts).encode("utf-8")
    except UnicodeEncodeError:
        raise NotCanonical("text holds a lone surrogate; send whole characters") from None


def _write(value: object, out: Callable[[str], None]) -> None:
    if isinstance(value, str):
        out(quoted(value))
    elif value is None or isinstance(value, bool):
        out("null" if value is None else str(value).lower())
    elif isinstance(value, int | float):
        out(number(value))
    elif isinstance(value, Mapping):
        _write_object(value, out)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        _write_array(value, out)
    else:
        raise NotCanonical(f"{type(value).__name__} is not a JSON type")


def _write_object(value: Mapping[object, object], out: Callable[[str], None]) -> None:
    before = "{"
    for name in sorted(value, key=_code_units):
        out(f"{before}{quoted(str(name))}:")
        _write(value[name], out)
        before = ","
    out("}" if value else "{}")


def _write_array(value: Sequence[object], out: Callable[[str], None]) -> None:
    before = "["
    for item in value:
        out(before)
        _write(item, out)
        before = ","
    out("]" if value else "[]")


def _code_units(name: object) -> bytes:
    """Sorting key: UTF-16 code units (section 3.2.3). Differs from code points for what lies beyond the BMP only."""
    if not isinstance(name, str):
        raise NotCanonical("a member name is not a string")
    return name.encode("utf-16-be", "surrogatepass")


def number(value: float) -> str:
    """A number as ECMAScript writes it: `1e21` -> `1e+21`, `1.0` -> `1`, `-0.0` -> `0`. Source: section 3.2.2.3."""
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise NotCanonical("an integer beyond 2^53 - 1 has no exact form; send it as a string")
        return str(int(value))
    if not math.isfinite(value):
        raise NotCanonical("NaN and infinity are not JSON")
    if value == 0:
        return "0"
    return ("-" if value < 0 else "") + _positive(repr(abs(value)))


def _positive(shortest: str) -> str:
    """Python's shortest digits, laid out by ECMA-262 section 7.1.12.1 (`n` is where the point goes)."""
    mantissa, _, exponent = shortest.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    n = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    k = len(digits)
    if k <= n <= 21:
        return digits + "0" * (n - k)
    if 0 < n <= 21:
        return f"{digits[:n]}.{digits[n:]}"
    if -6 < n <= 0:
        return f"0.{'0' * -n}{digits}"
    rest = f".{digits[1:]}" if k > 1 else ""
    return f"{digits[0]}{rest}e{'+' if n > 0 else '-'}{abs(n - 1)}"
