"""Named converters for `mapping.toml`: one agency notation each, never a guess among several.

A converter takes the value as the agency sent it and returns a JSON value. It raises `ConverterError` with a
text that completes "<field>: ... at <pointer>" and never holds the value. Days and months may be declared in any
notation of digits: `date:DD.MM.YYYY`, `month:MM/YYYY`.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TypeVar

_COLOMBO = timedelta(hours=5, minutes=30)
_DATE_ISO = re.compile(r"(\d{4}-\d\d-\d\d)(Z|[+-]\d\d:\d\d)?", re.ASCII)
_MONTH = re.compile(r"^\d{4}-(0[1-9]|1[0-2])$", re.ASCII)
_CENT = Decimal("0.01")
_PARTS = {"YYYY": r"(?P<year>\d{4})", "MM": r"(?P<month>\d\d)", "DD": r"(?P<day>\d\d)"}
_GROUPED = re.compile(r"-?\d{1,3}(,\d{2,3})*(\.\d{1,2})?", re.ASCII)
_TWO_PLACES = re.compile(r"-?(?:0|[1-9]\d{0,14})\.\d\d", re.ASCII)


class ConverterError(Exception):
    """The value is not in the notation the mapping declares."""


Converter = Callable[[object], object]
CONVERTERS: dict[str, Converter] = {}
_Function = TypeVar("_Function", bound=Converter)


def converter(function: _Function) -> _Function:
    """Register a converter under its function's name."""
    name = function.__name__
    if name in CONVERTERS:
        raise ValueError(f"two converters are called {name}")
    CONVERTERS[name] = function
    return function


def named(name: str) -> Converter | None:
    """The converter that `with` names, in a notation where one follows; None if there is none."""
    kind, by_notation, notation = name.partition(":")
    return _in_notation(kind, notation) if by_notation else CONVERTERS.get(name)


@cache
def _in_notation(kind: str, notation: str) -> Converter | None:
    wanted = {"date": ["DD", "MM", "YYYY"], "month": ["MM", "YYYY"]}.get(kind)
    parts = re.split("(YYYY|MM|DD)", notation)
    if wanted is None or sorted(parts[1::2]) != wanted or any(re.search(r"[^-/. ]", each) for each in parts[::2]):
        return None
    pattern = re.compile("".join(_PARTS.get(each, re.escape(each)) for each in parts), re.ASCII)

    def convert(value: object) -> str:
        digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
        if (found := pattern.fullmatch(digits)) is None:
            raise ConverterError(f"not a {kind} as {notation}")
        year_month = f"{found['year']}-{found['month']}"
        return _date(f"{year_month}-{found['day']}", "%Y-%m-%d") if kind == "date" else _month(year_month)

    return convert


@converter
def text(value: object) -> str:
    """A string that is not empty, without outer spaces."""
    if not isinstance(value, str) or not value.strip():
        raise ConverterError("not a text")
    return value.strip()


@converter
def integer(value: object) -> int:
    """A whole number, or a string of its digits: `"6"` -> `6`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value, re.ASCII):
        return int(value)
    raise ConverterError("not a whole number")


@converter
def boolean(value: object) -> bool:
    """True or false, or XML Schema's `true`, `false`, `1`, `0`."""
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "false": False, "0": False}
    if isinstance(value, str) and value in known:
        return known[value]
    raise ConverterError("not true or false")


@converter
def yes_no(value: object) -> bool:
    """Y, N, YES or NO, in any case, to true or false."""
    word = value.strip().upper() if isinstance(value, str) else ""
    if word not in {"Y", "YES", "N", "NO"}:
        raise ConverterError("not yes or no")
    return word.startswith("Y")


@converter
def date_iso(value: object) -> str:
    """`2026-10-31`, also with XML Schema's zone after it (`2026-10-31Z`, `2026-10-31+05:30`)."""
    if not isinstance(value, str):
        raise ConverterError("not a date")
    try:
        if date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass  # with a zone, or no date at all
    if match := _DATE_ISO.fullmatch(value):
        try:
            return date.fromisoformat(match.group(1)).isoformat()  # ten times as fast as strptime
        except ValueError:
            raise ConverterError("not a date") from None
    raise ConverterError("not a date")


@converter
def date_iso_or_empty(value: object) -> str | None:
    """As `date_iso`; an empty string, `0001-01-01` and `9999-12-31` mean no date."""
    return None if value in ("", "0001-01-01", "9999-12-31") else date_iso(value)


@converter
def date_ymd_slashes(value: object) -> str:
    """`1990/11/25` -> `1990-11-25`."""
    return _date(value, "%Y/%m/%d")


@converter
def date_dmy_slashes(value: object) -> str:
    """`25/11/1990` -> `1990-11-25`."""
    return _date(value, "%d/%m/%Y")


@converter
def date_epoch_ms(value: object) -> str:
    """Milliseconds since 1970 UTC, a number or a string, -> the day in Colombo (+05:30)."""
    try:
        return (datetime.fromtimestamp(integer(value) / 1000, UTC) + _COLOMBO).date().isoformat()
    except (OverflowError, OSError, ValueError):
        raise ConverterError("not a time in milliseconds") from None


@converter
def month(value: object) -> str:
    """`YYYYMM`, as string or number, -> `2026-09`."""
    digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return _month(f"{digits[:4]}-{digits[4:]}" if len(digits) == 6 else "")


@converter
def month_iso(value: object) -> str:
    """`2026-09`."""
    return _month(value)


@converter
def month_dotted(value: object) -> str:
    """`09.2026` -> `2026-09`."""
    return _month(f"{value[3:]}-{value[:2]}" if isinstance(value, str) and value[2:3] == "." else "")


@converter
def cents(value: object) -> str:
    """Minor units to a decimal string: `1050` -> `10.50`. Strings keep money exact in JSON."""
    return str(Decimal(integer(value)).scaleb(-2).quantize(_CENT))


@converter
def decimal(value: object) -> str:
    """A JSON number or a decimal string to a decimal string with two places: `4765.3` -> `4765.30`.

    More than two places are refused: rounding money is not a converter's decision.
    """
    if isinstance(value, str) and _TWO_PLACES.fullmatch(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ConverterError("not an amount")
    try:
        amount = Decimal(str(value))
        exact = amount.quantize(_CENT)
    except InvalidOperation:
        raise ConverterError("not an amount") from None
    if not amount.is_finite() or exact != amount:
        raise ConverterError("not an amount of whole cents")
    return str(exact)


@converter
def decimal_grouped(value: object) -> str:
    """`1,250.00` or `1,25,000` (commas between thousands, or lakhs) to a decimal string: `1250.00`."""
    if not isinstance(value, str) or not _GROUPED.fullmatch(value):
        raise ConverterError("not an amount with commas")
    return decimal(value.replace(",", ""))


@converter
def tax_year(value: object) -> str:
    """`2025-26`, or HMRC's short `25-26`, -> `2025-26`."""
    if isinstance(value, str) and (match := re.fullmatch(r"(?:20)?(\d\d)-(\d\d)", value, re.ASCII)):
        first, second = int(match.group(1)), int(match.group(2))
        if (first + 1) % 100 == second:
            return f"20{first:02}-{second:02}"
    raise ConverterError("not a tax year")


@converter
def sex(value: object) -> str:
    """`M`, `F`, `male`, `female` in any case, -> `male` or `female`; anything else -> `unknown`."""
    words = {"m": "male", "male": "male", "f": "female", "female": "female"}
    if not isinstance(value, str):
        raise ConverterError("not a text")
    return words.get(value.strip().lower(), "unknown")


def _date(value: object, notation: str) -> str:
    if not isinstance(value, str) or not value.isascii():
        raise ConverterError("not a date")
    try:
        return datetime.strptime(value, notation).replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        raise ConverterError("not a date") from None


def _month(value: object) -> str:
    if not isinstance(value, str) or not _MONTH.fullmatch(value):
        raise ConverterError("not a month")
    return value
