"""Which past exchanges would have been decided differently, had a draft agreement been in force. Nothing is kept.

Each question is rebuilt from the log and decided twice on the facts as they were (`replay`, `consent.simulate`). What
cannot be rebuilt, because somebody was erased or a quota counted, is said as a number and never guessed.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Wanted
from consent import Agreement, Facts, member_of
from consent import register as consent_register
from consent.simulate import Verdict, simulate

from ..db import Database
from ..errors import shown_as
from .replay import Rebuilt, Replaying, persons_of
from .search import Exchange, Filters, exchanges

MOST = 100
"""Exchanges looked at for each pair of systems, the newest first."""
IN_FIVES = 5
"""Sums are rounded down to these, so that one more person seldom changes one, and fewer are not told at all."""

Known = Callable[[AsyncConnection, Facts], Awaitable[Facts]]
"""What of the facts counts for whom is shown the result."""


async def all_of_it(_connection: AsyncConnection, facts: Facts) -> Facts:
    """For whoever runs the gateway."""
    return facts


def recorded_by(member: str) -> Known:
    """What one member recorded itself: of others' consents, objections and relationships it learns nothing."""

    async def own(connection: AsyncConnection, facts: Facts) -> Facts:
        objections = await consent_register.list_objections(connection, member) if facts.objections else []
        ids = {each.id for each in objections}
        return replace(
            facts,
            consents=tuple(each for each in facts.consents if each.controller == member),
            objections=tuple(each for each in facts.objections if each.id in ids),
            relationships=tuple(each for each in facts.relationships if member_of(each.holder) == member),
        )

    return own


@dataclass(frozen=True, slots=True)
class Past:
    """A past exchange that a draft would have decided differently; of a batch, all lines that differ together.

    Attributes:
        gained: fields that would newly have been released.
        lost: fields that would no longer have been released.
        people: how many it would differ for.
    """

    exchange_id: str
    at: datetime
    consumer: str
    provider: str
    service: str
    action: str
    purpose: str
    outcome: str
    gained: frozenset[str]
    lost: frozenset[str]
    people: int = 1

    def wire(self) -> dict[str, object]:
        """As JSON. No refusal and no reason: they may tell of a person what the reader may not know."""
        return {
            "exchange_id": self.exchange_id,
            "at": self.at.isoformat(),
            "consumer": self.consumer,
            "provider": self.provider,
            "service": self.service,
            "action": self.action,
            "purpose": self.purpose,
            "outcome": self.outcome,
            "gained": sorted(self.gained),
            "lost": sorted(self.lost),
            "people": self.people,
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """`looked_at` exchanges, of which `not_told` cannot be rebuilt, or ended in a way that the reader may not know."""

    looked_at: int
    not_told: int
    different: tuple[Past, ...]

    def wire(self) -> dict[str, object]:
        """As JSON."""
        return {
            "looked_at": self.looked_at,
            "not_told": self.not_told,
            "different": [each.wire() for each in self.different],
        }

    def in_sums(self) -> dict[str, object]:
        """As JSON for the agency that was asked: its own records tell whom it was asked about at which moment.

        So no exchange and no moment, or it would learn who consented or objected elsewhere.
        """
        people = Counter[tuple[str, str, str, tuple[str, ...], tuple[str, ...]]]()
        for each in self.different:
            kind = (each.service, each.action, each.purpose, tuple(sorted(each.gained)), tuple(sorted(each.lost)))
            people[kind] += each.people
        names = ("service", "action", "purpose", "gained", "lost", "people_at_least")
        sums = [(*kind, count - count % IN_FIVES) for kind, count in sorted(people.items()) if count >= IN_FIVES]
        told = [dict(zip(names, each, strict=True)) for each in sums]
        return {"looked_at": self.looked_at, "not_told": self.not_told, "different": told}


@dataclass(frozen=True, slots=True)
class Drafted:
    """Compares for one reader.

    Attributes:
        known: what of the facts counts.
        hidden: whether exchanges are left out whose outcome their consumer may not know.
    """

    db: Database
    replaying: Replaying
    known: Known = all_of_it
    hidden: bool = False

    async def compared(self, draft: Agreement, *, most: int = MOST, until: datetime | None = None) -> Compared:
        """The newest exchanges between the draft's systems, decided without the draft and with it.

        Args:
            most: for each pair of systems.
            until: those of before this moment only.
        """
        window = Wanted(limit=most, until=until)
        async with self.db.read() as connection:
            found = await connection.run_sync(lambda reading: [*_newest(reading, draft, window)])
            verdicts = [(each, await self._verdicts(connection, each, draft)) for each in found]
        different = [past for each, of in verdicts if of for past in _differing(each, of)]
        different.sort(key=lambda each: each.at, reverse=True)
        return Compared(len(found), sum(not of for _, of in verdicts), tuple(different))

    async def _verdicts(self, connection: AsyncConnection, exchange: Exchange, draft: Agreement) -> list[Verdict]:
        """Of each person; empty: nothing can be told of this exchange."""
        if not (exchange.intent and exchange.outcome):
            return []
        if "lines" in exchange.intent.facts:
            some = [each async for each in self.replaying.rebuilt_lines(connection, exchange)]
            told = [_in_bulk(each) for each in some if not self._is_hidden(each.ended)]
            return [await self._verdict(connection, each, _bulk_of(draft)) for each in told]
        if self._is_hidden(exchange.outcome.facts):
            return []
        people = await connection.run_sync(persons_of, [exchange.intent.id.bytes])
        person = people.get(exchange.intent.id.bytes)
        rebuilt = await self.replaying.rebuilt(connection, exchange, person) if person else []
        verdicts = [await self._verdict(connection, each, draft) for each in rebuilt]
        return verdicts[:1] if len({(each.gained, each.lost) for each in verdicts}) == 1 else []

    async def _verdict(self, connection: AsyncConnection, rebuilt: Rebuilt, draft: Agreement) -> Verdict:
        facts = await self.known(connection, rebuilt.facts)
        was, then = simulate(draft, [(rebuilt.request, each, rebuilt.at) for each in (rebuilt.facts, facts)])
        return Verdict(rebuilt.request, was.now, then.then)

    def _is_hidden(self, facts: Mapping[str, object]) -> bool:
        outcome, may_know = str(facts.get("outcome")), facts.get("may_know_existence") is True
        return self.hidden and ("told" in facts or shown_as(outcome, may_know) != outcome)


def _newest(connection: Connection, draft: Agreement, window: Wanted) -> Iterable[Exchange]:
    for consumer in sorted(draft.consumer.systems):
        for provider in sorted(draft.provider.systems):
            asked = Filters((("consumer", consumer), ("provider", provider)), window=window)
            yield from exchanges(connection, asked)


def _differing(exchange: Exchange, verdicts: list[Verdict]) -> Iterable[Past]:
    differing = [each for each in verdicts if each.gained or each.lost]
    if not differing or exchange.intent is None or exchange.outcome is None:
        return
    facts = exchange.intent.facts
    yield Past(
        exchange_id=exchange.id,
        at=exchange.intent.at,
        consumer=str(facts["consumer"]),
        provider=str(facts["provider"]),
        service=str(facts["service"]),
        action=str(facts["action"]),
        purpose=str(facts["purpose"]),
        outcome=str(exchange.outcome.facts.get("outcome", "")),
        gained=frozenset[str]().union(*(each.gained for each in differing)),
        lost=frozenset[str]().union(*(each.lost for each in differing)),
        people=len(differing),
    )


def _in_bulk(each: Rebuilt) -> Rebuilt:
    agreements = tuple(map(_bulk_of, each.facts.agreements))
    return replace(each, facts=replace(each.facts, agreements=agreements))


def _bulk_of(agreement: Agreement) -> Agreement:
    """What of an agreement counts for lines of a batch."""
    grants = {name: grant for name, grant in agreement.grants.items() if "bulk" in grant.actions}
    return replace(agreement, grants=grants)
