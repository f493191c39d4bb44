"""Days and moments as people of a language and a place write them: `22 November 2026, 18:28` by the clocks there."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAY = "%(day)s %(month)s %(year)s"
"""Both are keys of `words/`: a language may have its own order."""


def day(text: str, said: Callable[[str], str]) -> str:
    """A day of ISO 8601 in words; what is none stays as it is.

    Args:
        said: a text of ours in the language of the page.
    """
    try:
        return _day(date.fromisoformat(text[:10]), said)
    except ValueError:
        return text


def moment(text: str, said: Callable[[str], str], zone: tzinfo, *, seconds: bool = False) -> str:
    """A moment of ISO 8601 (UTC where it names no offset) by the clocks of a zone; what is none stays as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    here = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(zone)
    return f"{_day(here.date(), said)}, {here:%H:%M:%S}" if seconds else f"{_day(here.date(), said)}, {here:%H:%M}"


def begins(text: str, said: Callable[[str], str], zone: tzinfo) -> str:
    """From when something holds: a midnight (of UTC or of the zone) stands for its day, any other moment for itself."""
    day = _midnight(text, zone)
    return _day(day, said) if day else moment(text, said, zone)


def ends(text: str, said: Callable[[str], str], zone: tzinfo) -> str:
    """Until when something holds, told from the first moment it no longer does: of a midnight (of UTC or of the zone)
    the last whole day before it by the clocks of the zone, of any other the moment.
    """
    day = _midnight(text, zone)
    return _day(day - timedelta(days=1), said) if day else moment(text, said, zone)


def _midnight(text: str, zone: tzinfo) -> date | None:
    """The day of the zone in which the moment falls, if it is a midnight of UTC or of the zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    here = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(zone)
    return here.date() if time() in (here.time(), here.astimezone(UTC).time()) else None


def _day(on: date, said: Callable[[str], str]) -> str:
    return said(DAY) % {"day": on.day, "month": said(MONTHS[on.month - 1]), "year": on.year}
