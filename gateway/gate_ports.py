"""The optional services of a gate, as protocols, each with what stands in for it where a deployment has none.

port           asked                           implemented by           without it
Spend          before the agency               `spending`               a permit with a budget is refused
BreakGlass     before the agency               `oversight.emergencies`  a use in an emergency is refused
Meter          at each call of an agency       `agency_quota`           calls are not limited
AnswerCache    before the agency, and after 6  `kept_answers`           the agency is always asked
CountMisses    at step 6                       `oversight.misses`       nobody counts
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from .catalogue import Offer
from .errors import ExchangeError, NoEvidence, RefusedByRules
from .model import Ask, Opened, Permit, RawAnswer

BreakGlass = Callable[[Opened, Ask, Permit], Awaitable[None]]
"""Report a use of a basis for emergencies, durably, before anything is asked. Raises NoEvidence."""


class Spend(Protocol):
    """Counts what permits with budgets cost."""

    async def __call__(
        self, once: str, lines: Sequence[tuple[Permit, str]], *, size: int = 1
    ) -> Sequence[RefusedByRules | None]:
        """Spend one question for each line, (permit, pseudonym); gives the refusals of those over a budget.

        Args:
            once: what it is for: the same again costs nothing more.
            size: how many people are asked about at once, with those of other lines.

        Raises:
            NoEvidence: budgets cannot be counted now.
        """


async def no_budgets(
    once: str, lines: Sequence[tuple[Permit, str]], *, size: int = 1
) -> Sequence[RefusedByRules | None]:
    """In place of a `Spend`: refuses, for what is not counted has no limit. Raises NoEvidence."""
    del once, lines, size
    raise NoEvidence("Budgets are not counted here, so nothing was exchanged.")


class Limits(NamedTuple):
    """How often an agency lets itself be asked; None: as often as anybody likes."""

    per_day: int | None
    per_minute: int | None


def declared(offer: Offer) -> Limits:
    """What the manifest of an offer's adapter says (`[quota]`)."""
    found = (offer.service.extra.get(f"quota_{kind}") for kind in Limits._fields)
    return Limits(*(None if each is None else int(str(each)) for each in found))


class Room(NamedTuple):
    """How many calls an agency takes now, and what is said about those that it does not."""

    calls: int
    over: ExchangeError | None


class Meter(Protocol):
    """Counts what agencies are asked, where they allow only so much."""

    async def __call__(self, offer: Offer, calls: int) -> Room:
        """Count so many calls, or as many as there is room for.

        Raises:
            NoEvidence: the quota cannot be counted now.
        """

    def limits(self, offer: Offer) -> Limits:
        """What holds here for the agency behind an offer."""

    async def used_today(self) -> Mapping[str, int]:
        """Provider -> how much of its quota of the day is used."""


class Unmetered:
    """In place of a `Meter`: every agency takes everything."""

    async def __call__(self, offer: Offer, calls: int) -> Room:
        """Room for all."""
        del offer
        return Room(calls, None)

    def limits(self, offer: Offer) -> Limits:
        """As declared."""
        return declared(offer)

    async def used_today(self) -> Mapping[str, int]:
        """Not counted."""
        return {}


class AnswerCache(Protocol):
    """Answers that are given again, where an agreement allows it."""

    async def found(self, ask: Ask, permit: Permit) -> RawAnswer | None:
        """The kept answer to this question; None: ask the agency."""

    async def keep(self, ask: Ask, permit: Permit, raw: RawAnswer, released: Mapping[str, object]) -> None:
        """Keep what was released."""


class NoAnswerCache:
    """In place of an `AnswerCache`: every question goes to its agency."""

    async def found(self, ask: Ask, permit: Permit) -> RawAnswer | None:
        """Never."""
        del ask, permit
        return None

    async def keep(self, ask: Ask, permit: Permit, raw: RawAnswer, released: Mapping[str, object]) -> None:
        """Not here."""


async def metered(meter: Meter, offer: Offer) -> None:
    """Count one call.

    Raises:
        SourceUnavailable: over the agency's quota, or off line by plan; `after_s` says when it takes questions again.
        NoEvidence: it cannot be counted now.
    """
    if (over := (await meter(offer, 1)).over) is not None:
        raise over


CountMisses = Callable[[str, int, int], None]
"""A consumer asked about so many people, and so many of them were misses (`is_miss`)."""


def no_miss_count(_consumer: str, _asked: int, _missed: int) -> None:
    """In place of a `CountMisses`: nobody counts."""


async def no_break_glass(_opened: Opened, _ask: Ask, _permit: Permit) -> None:
    """In place of a `BreakGlass`: refuses, for a use that nobody reviews must not happen. Raises NoEvidence."""
    raise NoEvidence("Emergencies are not reported here, so nothing was exchanged.")
