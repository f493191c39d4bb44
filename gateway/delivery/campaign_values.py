"""A campaign as its owner may see it, and why one is not taken."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import ceil

from consent import Agreement

from ..model import Ask

DAY_S = 86400.0


class CampaignRefused(Exception):
    """It cannot be run like this; the text says why."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """How far it is. `expected_end` is the day, in the country, on which the last slice will be asked."""

    id: str
    consumer: str
    service: str
    purpose: str
    state: str  # running | paused | done | failed | erased
    lines: int
    asked: int
    done: int
    per_day: int
    used_today: int
    asked_again: int
    expected_end: date | None
    created: float
    updated: float

    def wire(self) -> dict[str, object]:
        """The JSON answer of `/v1/campaigns/{id}`."""
        return {
            "campaign_id": self.id,
            "service": self.service,
            "purpose": self.purpose,
            "state": self.state,
            "lines": self.lines,
            "asked": self.asked,
            "done": self.done,
            "per_day": self.per_day,
            "used_today": self.used_today,
            "asked_again": self.asked_again,
            "expected_end": self.expected_end.isoformat() if self.expected_end else None,
            "created": datetime.fromtimestamp(self.created, UTC).isoformat(),
            "updated": datetime.fromtimestamp(self.updated, UTC).isoformat(),
        }


def check_duration(lines: int, per_day: int, max_age_days: float) -> None:
    """Raise unless the last line is answered before the first answer is too old.

    Raises:
        CampaignRefused: it takes more days than answers may be old.
    """
    if lines > per_day * max_age_days:
        raise CampaignRefused(
            f"{lines} lines at {per_day} a day take {ceil(lines / per_day)} days, and answers may be {max_age_days:g} "
            "days old at the end: ask about fewer people, or let answers be older"
        )


def grants(agreement: Agreement, pattern: Ask, now: datetime) -> bool:
    """Whether the agreement, as it is now, is about this question."""
    return (
        agreement.standing(now) == "in force"
        and pattern.consumer in agreement.consumer.systems
        and pattern.service in agreement.grants
        and pattern.purpose in agreement.purposes
    )
