"""When offices work in this country: days, hours and holidays of the profile's table `[review]`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """`days`: 0 is Monday; `holidays`: `12-25` every year, or `2026-05-02`."""

    zone: ZoneInfo
    days: frozenset[int] = frozenset({0, 1, 2, 3, 4})
    opens: time = time(7)
    closes: time = time(19)
    holidays: frozenset[str] = frozenset()

    @classmethod
    def of(cls, profile: Mapping[str, Any], zone: ZoneInfo) -> "OfficeHours":
        """Of a profile as read; what it does not say is Monday to Friday, 7 to 19."""
        said = profile.get("review", {})
        return cls(
            zone,
            frozenset(said.get("work_days", (0, 1, 2, 3, 4))),
            time.fromisoformat(said.get("opens", "07:00")),
            time.fromisoformat(said.get("closes", "19:00")),
            frozenset(said.get("holidays", ())),
        )

    def open_at(self, at: datetime) -> bool:
        """Whether somebody may be expected to work then."""
        here = at.astimezone(self.zone)
        if {f"{here:%m-%d}", f"{here:%Y-%m-%d}"} & self.holidays or here.weekday() not in self.days:
            return False
        return self.opens <= here.time().replace(tzinfo=None) < self.closes
