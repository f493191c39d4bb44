"""Planned outages of the adapters that this installation brings; a registered one looks after its own (`versioned`)."""

from collections.abc import Sequence
from datetime import datetime

from ..errors import ExchangeError, translated
from .store import Window
from .versioned import PlannedOutage


class Planned:
    """Filled by whoever sees every process's changes (`live`), read before an agency is asked."""

    def __init__(self) -> None:
        self.windows: Sequence[Window] = ()

    def outage(self, adapter: str, now: datetime) -> ExchangeError | None:
        """What callers are told, while the agency said that it is off line; None: ask it."""
        covering = (each for each in self.windows if each.adapter == adapter and each.covers(now))
        found = next(covering, None)
        return translated(PlannedOutage(found, now)) if found else None
