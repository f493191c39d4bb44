"""At the end of a data life: whoever received something has to erase it, and says so.

An agreement names for how many days its receivers may hold what they got, and a consent may name fewer. Both begin with
the exchange, so the log is read once, a day after, and each exchange is put on the erasure list for the day on which
its life ends: one line for an agreement, a recipient and a day. The way of an exchange is not touched. A duty that is
not acknowledged by then is asked for like every other (`erasing.Erasing.remind`).
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, new_id
from audit.entry import OUTCOME
from audit.tables import SAME_PLACE, audit_search, audit_subject, log_entry
from consent import erasures, member_of, store
from consent.erasures import Life
from consent.model import HANDED_OVER

from .db import Database
from .delivery.tables import batch_decision
from .erasing import MAY_HAVE_LEFT, due_facts, rested_on
from .gate import utc_now
from .reasons import consent_pseudonym

PAGE = 500
LINES_AT_ONCE = 1000
Days = Mapping[tuple[str, int], int | None]
Consents = Sequence[tuple[str, str, int]]
"""(consent, person, days)."""


@dataclass(frozen=True, slots=True)
class _Released:
    """One release under one version of an agreement; `days` of the consent that carried it, if it says any."""

    facts: Mapping[str, Any]
    agreement: tuple[str, int]
    days: int | None
    at: datetime

    def life(self, agreed: Days) -> Life | None:
        """When it has to be gone, and where; None: nobody said how long it may be held."""
        said = [each for each in (self.days, agreed.get(self.agreement)) if each is not None]
        if not said:
            return None
        source, recipient = str(self.facts["provider"]), str(self.facts["consumer"])
        if self.facts["action"] in HANDED_OVER:
            source, recipient = recipient, source
        return Life(self.agreement[0], recipient, member_of(source), _midnight(self.at) + timedelta(days=min(said)))


@dataclass(frozen=True, slots=True)
class DataLives:
    """Reads the log on, up to the day before."""

    db: Database
    log: Log
    clock: Callable[[], datetime] = utc_now

    async def sweep(self) -> int:
        """Put on the list what left since the last time and before today; gives how many lines are new."""
        added = 0
        while page := await self._page():
            added += await self._noted(page)
        return added

    async def _page(self) -> "_Page | None":
        """The next outcomes in the log's order; None: there are none."""
        of = audit_search.c
        joined = audit_search.join(log_entry, SAME_PLACE)
        query = select(of.log_id, of.seq, log_entry.c.body).select_from(joined).where(of.kind == OUTCOME)
        query = query.order_by(of.log_id, of.seq).limit(PAGE)
        async with self.db.read() as connection:
            since = await erasures.lived_until(connection)
            rows = (await connection.execute(query.where(tuple_(of.log_id, of.seq) > tuple_(*since)))).all()
        today, outcomes, until = _midnight(self.clock()), [], since
        for row in rows:
            entry = Entry.from_body(bytes(row.body))
            if entry.at >= today:
                break
            outcomes.append(entry)
            until = (row.log_id, row.seq)
        return _Page(outcomes, since, until) if outcomes else None

    async def _noted(self, page: "_Page") -> int:
        now, lives = self.clock(), defaultdict[Life, list[str]](list)
        async with self.db.read() as connection:
            agreed = await _agreed(connection)
            async for each in _released(connection, page.outcomes):
                life, exchange_id = each.life(agreed), str(each.facts["exchange_id"])
                if life and exchange_id not in lives[life][-1:]:  # lines of a batch follow each other
                    lives[life].append(exchange_id)
        async with self.db.write() as connection:
            if not await erasures.live_until(connection, page.until, since=page.since):
                return 0
            added = await erasures.note_lives(connection, lives, now=now)
            entries = [Entry(new_id(now), "erasure.due", now, due_facts(each)) for each in added]
            if entries:
                await self.log.append_all_in(connection, entries)
        return len(added)


@dataclass(frozen=True, slots=True)
class _Page:
    """Some outcomes, between two places of the log."""

    outcomes: Sequence[Entry]
    since: tuple[int, int]
    until: tuple[int, int]


async def _agreed(connection: AsyncConnection) -> Days:
    recorded = [each.agreement for each in await store.list_agreements(connection)]
    return {(each.id, each.version): each.data_life_days for each in recorded}


async def _released(connection: AsyncConnection, outcomes: Sequence[Entry]) -> AsyncIterator[_Released]:
    """Everything that left, or may have left, in these exchanges."""
    single = [each for each in outcomes if "lines" not in each.facts and _left(each.facts)]
    people = await _people(connection, single)
    said = await erasures.lives_of_people(connection, sorted(set(people.values())))
    for entry in single:
        person = people.get(entry.id.bytes, "")
        own = [(consent_pseudonym(id_, ref, entry.id), days) for id_, ref, days in said if ref == person]
        yield _Released(entry.facts, _version(entry.facts), _shortest(entry.facts, own), entry.at)
    for entry in outcomes:
        if "lines" in entry.facts:
            async for decision, days in _lines(connection, str(entry.facts["exchange_id"])):
                yield _Released(entry.facts, _version(decision), days, entry.at)


async def _people(connection: AsyncConnection, entries: Sequence[Entry]) -> Mapping[bytes, str]:
    """Whom each entry that rests on consent concerns, as far as the index still knows."""
    of, ids = audit_subject.c, [each.id.bytes for each in entries if each.facts.get("basis") == "consent"]
    rows = (await connection.execute(select(of.entry_id, of.subject_ref).where(of.entry_id.in_(ids)))).all()
    return {bytes(row.entry_id): row.subject_ref for row in rows}


async def _lines(connection: AsyncConnection, exchange_id: str) -> AsyncIterator[tuple[Mapping[str, Any], int | None]]:
    """What each line of a batch released, and the days that its consent says; a person's consents stand beside it."""
    of, first = batch_decision.c, 0
    query = select(of.line, of.person_ref, of.decision).where(of.exchange_id == exchange_id)
    query = query.where(of.outcome.in_(MAY_HAVE_LEFT)).order_by(of.line).limit(LINES_AT_ONCE)
    while rows := (await connection.execute(query.where(of.line >= first))).all():
        said = await erasures.lives_of_people(connection, sorted({row.person_ref for row in rows}))
        by_person = defaultdict[str, list[tuple[str, int]]](list)
        for id_, person, days in said:
            by_person[person].append((id_, days))
        for row in rows:
            decision = orjson.loads(row.decision)
            if _left(decision):
                yield decision, _shortest(decision, by_person[row.person_ref])
        first = rows[-1].line + 1


def _left(facts: Mapping[str, Any]) -> bool:
    return facts.get("outcome") in MAY_HAVE_LEFT and bool(facts.get("agreement"))


def _version(facts: Mapping[str, Any]) -> tuple[str, int]:
    return str(facts["agreement"]), int(facts["agreement_version"])


def _shortest(facts: Mapping[str, Any], said: Iterable[tuple[str, int]]) -> int | None:
    """The days of the consent that an outcome rested on, named as its reasons name it."""
    return min((days for name, days in said if rested_on(facts.get("reasons"), name)), default=None)


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)
