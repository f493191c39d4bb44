"""What the gate reports beside an exchange: what it costs, a use in an emergency, and what was found of whom.

The implementations are `spending`, `oversight.emergencies` and `oversight.misses`; a gate without one of them refuses
what would have needed it. What agencies let themselves be asked is counted by `agency_quota`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from .catalogue import Offer
from .errors import NoEvidence, RefusedByRules, SourceUnavailable
from .model import Ask, Opened, Permit, RawAnswer

Break = Callable[[Opened, Ask, Permit], Awaitable[None]]
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


async def uncounted(
    once: str, lines: Sequence[tuple[Permit, str]], *, size: int = 1
) -> Sequence[RefusedByRules | None]:
    """A gate that counts no budgets. Raises NoEvidence."""
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
    over: SourceUnavailable | None


class Meter(Protocol):
    """Counts what agencies are asked, where they allow only so much; implemented by `agency_quota`."""

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
    """Nothing is counted: every agency takes everything."""

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


class Kept(Protocol):
    """Answers that are given again, where an agreement allows it; implemented by `kept_answers`."""

    async def found(self, ask: Ask, permit: Permit) -> RawAnswer | None:
        """The kept answer to this question; None: ask the agency."""

    async def keep(self, ask: Ask, permit: Permit, raw: RawAnswer, released: Mapping[str, object]) -> None:
        """Keep what was released."""


class NothingKept:
    """Every question goes to its agency."""

    async def found(self, ask: Ask, permit: Permit) -> RawAnswer | None:
        """Never."""
        del ask, permit
        return None

    async def keep(self, ask: Ask, permit: Permit, raw: RawAnswer, released: Mapping[str, object]) -> None:
        """Not here."""


async def metered(meter: Meter, offer: Offer) -> None:
    """Count one call.

    Raises:
        SourceUnavailable: over the agency's quota; `after_s` says when it takes questions again.
        NoEvidence: it cannot be counted now.
    """
    if (over := (await meter(offer, 1)).over) is not None:
        raise over


Looked = Callable[[str, int, int], None]
"""A consumer asked about so many people, and so many of them were misses (`is_miss`)."""


def unwatched(_consumer: str, _asked: int, _missed: int) -> None:
    """Nobody counts."""


async def unreported(_opened: Opened, _ask: Ask, _permit: Permit) -> None:
    """A gate that reports no emergencies. Raises NoEvidence."""
    raise NoEvidence("Emergencies are not reported here, so nothing was exchanged.")
