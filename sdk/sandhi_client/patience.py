"""How long we go on asking a gateway that is busy, and what it says itself about that."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try: pauses double from `first` to `longest` seconds, with jitter.

    Attributes:
        told: the longest `Retry-After` to wait for, in seconds; a longer one is left to the caller, in the error.
    """

    attempts: int = 5
    first: float = 0.2
    longest: float = 5.0
    told: float = 30.0

    def pause(self, attempt: int, wanted: float | None) -> float:
        """Seconds before the next attempt, never fewer than the gateway asked for."""
        own = min(self.longest, self.first * (1 << attempt)) * (0.5 + secrets.randbelow(500) / 1000)
        return own + (wanted or 0.0)

    def bears(self, wanted: float | None) -> bool:
        """Whether what the gateway asks for is worth waiting."""
        return wanted is None or wanted <= self.told


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from now; None where nothing usable was said. Source: RFC 9110 section 10.2.3."""
    told = headers.get("retry-after", "")
    if told.isascii() and told.isdecimal():
        return float(told)
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
