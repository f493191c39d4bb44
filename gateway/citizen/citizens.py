"""Everything that the edges for people need, joined once for the life of the process (`app.state.citizens`)."""

from dataclasses import dataclass

from ..trust.limits import Bucket
from ..wiring import Services
from .contests import Contests
from .reading import Reading

REMEMBERED = 10_000
BURST = 20


class Pace:
    """How fast one person, or one officer, may ask; in memory, and bounded: who is oldest is forgotten first."""

    def __init__(self, per_minute: float) -> None:
        """`per_minute` 0: as fast as they like."""
        self._per_second = per_minute / 60
        self._buckets: dict[str, Bucket] = {}

    def wait(self, who: str, now: float) -> float:
        """0 if they may ask now, else the seconds until they may."""
        if not self._per_second:
            return 0.0
        bucket = self._buckets.pop(who, None) or Bucket()
        self._buckets[who] = bucket
        if len(self._buckets) > REMEMBERED:
            del self._buckets[next(iter(self._buckets))]
        return bucket.wait(now, self._per_second, BURST)


@dataclass(frozen=True, slots=True)
class Citizens:
    """See the module."""

    services: Services
    reading: Reading
    contests: Contests
    pace: Pace

    @classmethod
    def of(cls, services: Services) -> "Citizens":
        """Over one running gateway."""
        return cls(services, Reading(services), Contests(services), Pace(services.settings.number("PERSON_RATE")))
