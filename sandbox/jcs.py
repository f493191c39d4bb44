"""Canonical JSON, the bytes that a DCI message signature covers.

Source: RFC 8785 (JSON Canonicalization Scheme); numbers as ECMA-262 writes them.
"""

import json
import math
from decimal import Decimal

EXACT = 2**53  # from here on a double no longer tells neighbouring integers apart


class NotCanonical(ValueError):
    """The value has no canonical form. The text names the rule and never the value."""


def canonical(value: object) -> bytes:
    """The canonical bytes of a JSON value.

    Raises:
        NotCanonical: not JSON, a number without an exact double, or a lone surrogate.
    """
    try:
        return _text(value).encode("utf-8")
    except UnicodeEncodeError:
        raise NotCanonical("half a surrogate pair") from None


def _text(value: object) -> str:
    match value:
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return json.dumps(value, ensure_ascii=False)
        case int() | float():
            return _number(value)
        case list() | tuple():
            return f"[{','.join(map(_text, value))}]"
        case dict():
            names = sorted(value, key=lambda name: str(name).encode("utf-16-be", "surrogatepass"))
            return f"{{{','.join(f'{_text(str(name))}:{_text(value[name])}' for name in names)}}}"
        case _:
            raise NotCanonical(f"{type(value).__name__} is not a JSON type")


def _number(value: float) -> str:
    if isinstance(value, int):
        if abs(value) >= EXACT:
            raise NotCanonical("an integer that a double does not hold exactly")
        return str(value)
    if not math.isfinite(value):
        raise NotCanonical("not a finite number")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    figures = "".join(map(str, digits))
    point = len(figures) + exponent  # where the decimal point stands, counted from the first figure
    return ("-" if sign and value else "") + _placed(figures, point)


def _placed(figures: str, point: int) -> str:
    if figures == "0":
        return "0"
    if len(figures) <= point <= 21:
        return figures.ljust(point, "0")
    if 0 < point <= 21:
        return f"{figures[:point]}.{figures[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{figures}"
    mantissa = figures if len(figures) == 1 else f"{figures[0]}.{figures[1:]}"
    return f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
