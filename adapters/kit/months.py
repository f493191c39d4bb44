"""Calendar months as `YYYY-MM` strings, and the tax years of the HMRC contract."""

from collections.abc import Sequence
from datetime import date, timedelta


def number(month: str) -> int:
    """Months since year 0, so that months can be subtracted."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


def of_number(count: int) -> str:
    """The month with this `number`."""
    return f"{count // 12:04}-{count % 12 + 1:02}"


def until(last: str, count: int) -> Sequence[str]:
    """The `count` months that end with `last`, oldest first."""
    end = number(last)
    return tuple(of_number(each) for each in range(end - count + 1, end + 1))


def closed(as_at: date, lag_months: int) -> str:
    """The last closed month of a register that runs behind: `2026-09` for 2026-10-31 and a lag of 1."""
    return of_number(as_at.year * 12 + as_at.month - 1 - lag_months)


def first_day(month: str) -> date:
    """The first day of a month."""
    return date(int(month[:4]), int(month[5:]), 1)


def last_day(month: str) -> date:
    """The last day of a month."""
    return first_day(of_number(number(month) + 1)) - timedelta(days=1)


def closed_tax_year(day: date) -> str:
    """The latest tax year that has ended by a day, as HMRC writes it: 6 April to 5 April, `2025-26`."""
    last = day.year if (day.month, day.day) >= (4, 5) else day.year - 1
    return f"{last - 1}-{last % 100:02}"
