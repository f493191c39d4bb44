"""Calendar months as whole numbers, so that they can be counted; written `YYYY-MM`."""

from datetime import date, timedelta
from functools import cache


def month_of(day: date) -> int:
    return day.year * 12 + day.month - 1


@cache
def month_text(month: int) -> str:
    return f"{month // 12}-{month % 12 + 1:02d}"


@cache
def month_from(text: str) -> int:
    """The month that `YYYY-MM` names.

    Raises:
        ValueError: the text is not a month.
    """
    return month_of(date.fromisoformat(f"{text}-01"))


@cache
def day_in(month: int, day: int) -> date:
    return date(month // 12, month % 12 + 1, day)


def last_day(month: int) -> date:
    return day_in(month + 1, 1) - timedelta(days=1)


def years_between(birth_date: date, day: date) -> int:
    """Completed years of life. Who is born on 29 February has a birthday on 1 March in other years."""
    before_birthday = (day.month, day.day) < (birth_date.month, birth_date.day)
    return day.year - birth_date.year - before_birthday


def closed_tax_year(day: date) -> str:
    """The latest tax year that has ended by a day, written `2025-26`: 6 April to 5 April, as the contract has it."""
    end = day.year if (day.month, day.day) >= (4, 5) else day.year - 1
    return f"{end - 1}-{end % 100:02d}"
