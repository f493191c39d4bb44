"""The bytes that a DCI message signature covers: RFC 8785 (JSON Canonicalization Scheme)."""

import math
from collections.abc import Callable
from json.encoder import encode_basestring as quoted

LARGEST = 2**53 - 1


def canonical(value: object) -> bytes:
    """The canonical bytes of a JSON value.

    Raises:
        ValueError: NaN, infinity, an integer beyond 2^53 - 1, a lone surrogate, or not JSON.
    """
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts).encode("utf-8")


def _write(value: object, out: Callable[[str], None]) -> None:
    if isinstance(value, str):
        out(quoted(value))
    elif value is None or isinstance(value, bool):
        out("null" if value is None else str(value).lower())
    elif isinstance(value, int | float):
        out(_number(value))
    elif isinstance(value, dict):
        _write_object(value, out)
    elif isinstance(value, list | tuple):
        out("[")
        for place, item in enumerate(value):
            out("," if place else "")
            _write(item, out)
        out("]")
    else:
        raise ValueError(f"{type(value).__name__} is not a JSON type")


def _write_object(value: dict[str, object], out: Callable[[str], None]) -> None:
    out("{")
    for place, name in enumerate(sorted(value, key=lambda each: each.encode("utf-16-be", "surrogatepass"))):
        out(f"{',' if place else ''}{quoted(name)}:")
        _write(value[name], out)
    out("}")


def _number(value: float) -> str:
    """As ECMAScript writes it. Source: RFC 8785 section 3.2.2.3."""
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError("an integer beyond 2^53 - 1 has no exact form")
        return str(value)
    if not math.isfinite(value):
        raise ValueError("NaN and infinity are not JSON")
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return ("-" if value < 0 else "") + _laid_out(digits.rstrip("0"), point)


def _laid_out(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{'+' if point > 0 else '-'}{abs(point - 1)}"
