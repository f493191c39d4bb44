"""How each agency has been lately, as this process sees it: from what it asked anyway, nothing is sent to find out.

One dead agency never stops the others, so none of this is part of `/readyz`: it is for people to look at.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol, runtime_checkable

from adapters.kit.breaker import Health

from .catalogue import Catalogue, Offer
from .gate_ports import Meter

NO_LINK, OPEN, FAILING, WELL, UNTRIED = "no_link", "open", "failing", "well", "untried"
OVER_QUOTA = "over_quota"


@runtime_checkable
class TellsHealth(Protocol):
    """An adapter that knows how its connections are. `newest`: service -> the last day an answer was complete for."""

    newest: Mapping[str, date]

    def health(self) -> Sequence[Health]:
        """Of each connection."""


@dataclass(frozen=True, slots=True)
class AgencyHealth:
    """One agency.

    Attributes:
        state: `well`; `failing`: the last call failed; `open`: left alone but for probes; `over_quota`: not asked until
            tomorrow; `untried`: nothing was asked since the start; `no_link`: not connected here.
        calls, failures: of the last 30 s.
        ok_ago_s, failed_ago_s: since a call last went well, and last failed; None: not since the start.
        newest: service -> the last day that an answer's data was complete for.
        per_day, used_today: the quota of the agency, None without one, and what all processes drew from it.
    """

    adapter: str
    provider: str
    state: str
    calls: int
    failures: int
    ok_ago_s: float | None
    failed_ago_s: float | None
    newest: Mapping[str, date]
    per_day: int | None = None
    used_today: int = 0

    def wire(self) -> dict[str, object]:
        """As `/v1/agency-health` shows it."""
        return {
            "adapter": self.adapter,
            "provider": self.provider,
            "state": self.state,
            "calls": self.calls,
            "failures": self.failures,
            "ok_ago_s": None if self.ok_ago_s is None else round(self.ok_ago_s, 1),
            "failed_ago_s": None if self.failed_ago_s is None else round(self.failed_ago_s, 1),
            "newest": {service: day.isoformat() for service, day in sorted(self.newest.items())},
            "quota": None if self.per_day is None else {"per_day": self.per_day, "used_today": self.used_today},
        }


def agencies(catalogue: Catalogue, meter: Meter, used: Mapping[str, int], member: str = "") -> list[AgencyHealth]:
    """Every adapter's agency, those of this member only unless it is empty; by adapter id.

    Args:
        used: provider -> how much of its quota of the day is used.
    """
    offers = {offer.service.id.partition(".")[0]: offer for offer in catalogue}
    mine = {name: each for name, each in offers.items() if not member or each.provider.startswith(f"{member}/")}
    return [_drawn(_health(name, mine[name]), meter.limits(mine[name]).per_day, used) for name in sorted(mine)]


def _drawn(told: AgencyHealth, per_day: int | None, used: Mapping[str, int]) -> AgencyHealth:
    """With its quota; an agency that is not asked any more says so, unless something worse is true."""
    today = used.get(told.provider, 0)
    over = per_day is not None and today >= per_day and told.state in {WELL, UNTRIED}
    return replace(told, state=OVER_QUOTA if over else told.state, per_day=per_day, used_today=today)


def _health(adapter: str, offer: Offer) -> AgencyHealth:
    link = offer.adapter
    if link is None:
        return AgencyHealth(adapter, offer.provider, NO_LINK, 0, 0, None, None, {})
    told, newest = (link.health(), link.newest) if isinstance(link, TellsHealth) else ((), {})
    ok, failed = _least(each.ok_ago_s for each in told), _least(each.failed_ago_s for each in told)
    return AgencyHealth(
        adapter,
        offer.provider,
        _state(told, ok, failed),
        sum(each.calls for each in told),
        sum(each.failures for each in told),
        ok,
        failed,
        dict(newest),
    )


def _state(told: Sequence[Health], ok: float | None, failed: float | None) -> str:
    if any(each.open for each in told):
        return OPEN
    if failed is not None and (ok is None or failed < ok):
        return FAILING
    return UNTRIED if ok is None else WELL


def _least(ages: Iterable[float | None]) -> float | None:
    return min(_known(ages), default=None)


def _known(ages: Iterable[float | None]) -> Iterator[float]:
    return (each for each in ages if each is not None)
