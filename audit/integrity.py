"""How old the newest evidence outside our walls may be: pure, so that a reviewer can try any age."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """How old the newest evidence outside may be before we warn, and before exchanges stop (None: never)."""

    warn_cosigned: timedelta = timedelta(minutes=5)
    warn_anchored: timedelta = timedelta(hours=2)
    stop: timedelta | None = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Integrity:
    """The newest cosigned checkpoint that meets the policy, the newest verified time stamp, and what follows."""

    cosigned: datetime | None
    anchored: datetime | None
    warnings: tuple[str, ...] = ()
    stopped: str | None = None


def judged(ages: Sequence[tuple[str, timedelta, timedelta]], stop: timedelta | None, found: Integrity) -> Integrity:
    """What ages mean: (what, how old, when to warn) each."""
    warnings = tuple(f"the newest {what} is {_minutes(age)} minutes old" for what, age, warn in ages if age > warn)
    over = next((what for what, age, _ in ages if stop is not None and age > stop), None)
    stopped = f"the newest {over} is too old, so no exchange may begin; mend the way to it" if over else None
    return Integrity(found.cosigned, found.anchored, warnings, stopped)


def _minutes(age: timedelta) -> int:
    return int(age.total_seconds() // 60)
