"""How often a subscriber wants to be told: at once, or at the times of a cron line.

Five fields: minute, hour, day of the month, month, day of the week (0 or 7 is Sunday); `*`, numbers, lists, ranges,
steps, and English names of months and days. If both days are restricted, either fits, as in every cron. The times are
those of the country's clock: one that it skips in spring is left out, one that it has twice in autumn is meant once.

Source: crontab(5); DCI's `frequency` carries such a line, and in its official examples the word `real-time`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

REAL_TIME = "real-time"
AT_ONCE = frozenset({"", REAL_TIME, "realtime", "real_time"})
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
ENGLISH = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = {name: n for n, name in enumerate(ENGLISH, 1)}
DAYS = {name: n for n, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
NAMES: tuple[dict[str, int], ...] = ({}, {}, {}, MONTHS, DAYS)
LONGEST = 120
HORIZON_DAYS = 366 * 8  # 29 February comes within eight years


class CronRefused(ValueError):
    """The text says what a frequency looks like."""

    def __init__(self) -> None:
        super().__init__("frequency is real-time, or a cron line of five fields, such as `0 6 * * 1-5`")


@dataclass(frozen=True, slots=True)
class Cron:
    """A line that was read."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either_day: bool

    @classmethod
    def read(cls, line: str) -> "Cron":
        """From its five fields.

        Raises:
            CronRefused: not such a line, or one that never comes round (31 February).
        """
        fields = line.lower().split()
        if len(line) > LONGEST or len(fields) != 5:
            raise CronRefused
        sets = [_read(field, *bounds, names) for field, bounds, names in zip(fields, BOUNDS, NAMES, strict=True)]
        weekdays = frozenset(each % 7 for each in sets[4])
        either = not fields[2].startswith("*") and not fields[4].startswith("*")
        cron = cls(sets[0], sets[1], sets[2], sets[3], weekdays, either)
        cron.next_after(datetime(2024, 1, 1, tzinfo=UTC), UTC)
        return cron

    def next_after(self, moment: datetime, zone: tzinfo) -> datetime:
        """The first time of the line after this moment, on the clock of `zone`."""
        start = moment.astimezone(zone)
        for ahead in range(HORIZON_DAYS):
            day = start.date() + timedelta(days=ahead)
            if self._fits(day) and (found := self._within(day, moment, zone)) is not None:
                return found
        raise CronRefused

    def _fits(self, day: date) -> bool:
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (of_month or of_week if self.either_day else of_month and of_week)

    def _within(self, day: date, moment: datetime, zone: tzinfo) -> datetime | None:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                found = datetime.combine(day, time(hour, minute), zone)
                if found > moment and not _skipped(found, zone):
                    return found
        return None


def next_time(frequency: str, now: datetime, zone: tzinfo) -> float:
    """When something that happened now is told, in seconds since 1970; 0 for at once."""
    if frequency in AT_ONCE:
        return 0.0
    return Cron.read(frequency).next_after(now, zone).timestamp()


def checked_frequency(frequency: str) -> str:
    """The frequency as it is kept.

    Raises:
        CronRefused: it is none.
    """
    said = " ".join(frequency.split()).lower()
    if said in AT_ONCE:
        return REAL_TIME
    Cron.read(said)
    return said


def _skipped(found: datetime, zone: tzinfo) -> bool:
    """Whether the country's clock never shows it."""
    return datetime.fromtimestamp(found.timestamp(), zone).replace(tzinfo=None) != found.replace(tzinfo=None)


def _read(field: str, lowest: int, highest: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        start = lowest if span == "*" else _number(first, names)
        end = highest if span == "*" or (slash and not dash) else _number(last, names) if dash else start
        by = _number(step, {}) if slash else 1
        if not (lowest <= start <= end <= highest and by > 0):
            raise CronRefused
        found.update(range(start, end + 1, by))
    return frozenset(found)


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise CronRefused
    return int(text)
