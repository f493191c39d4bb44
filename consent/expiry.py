"""Which agreements end soon, and when their officers are told: 60, 30 and 7 days before, once each.

A notice is named by agreement, version and threshold, so that whoever sends them keeps the names that were sent and
sends none twice. An agreement that an amendment follows without a gap lapses for nobody.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from .model import Agreement, State

DAYS = (60, 30, 7)  # before the end; the nearest that is due counts


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice that is due. `about` is `ends` or `review`; `days` its threshold; 0: the moment has passed."""

    name: str
    agreement: Agreement
    about: str
    at: datetime
    days: int


def notices(agreements: Iterable[Agreement], now: datetime, *, sent: Collection[str] = ()) -> list[Notice]:
    """What is due and was not sent, the nearest moment first."""
    known = list(agreements)
    live = [each for each in known if _ends(each, known)]
    due = [notice for each in live for notice in _of(each, now)]
    return sorted((each for each in due if each.name not in sent), key=lambda each: (each.at, each.name))


def _ends(agreement: Agreement, known: Iterable[Agreement]) -> bool:
    """Whether nothing follows: it is not over, and no amendment takes its place before its end."""
    if agreement.state in {State.ENDED, State.PROPOSED} or agreement.replaced_at is not None:
        return False
    return not any(
        each.id == agreement.id and each.version > agreement.version and each.valid_from <= agreement.valid_until
        for each in known
    )


def _of(agreement: Agreement, now: datetime) -> Iterator[Notice]:
    moments = (("ends", agreement.valid_until), ("review", agreement.review_at))
    for about, at in moments:
        if at is None:
            continue
        days = _threshold(at - now)
        if days is not None:
            yield Notice(f"{agreement.name} {about} {days}", agreement, about, at, days)


def _threshold(left: timedelta) -> int | None:
    """The smallest threshold that has been reached; 0 from the moment itself on."""
    if left <= timedelta(0):
        return 0
    return min((days for days in DAYS if left <= timedelta(days=days)), default=None)
