"""Who used a member's data: counted from the log, for each consumer, service, purpose and agreement.

People are counted as different pseudonyms, and no pseudonym leaves this file. A period has a bound, because the fields
that were released stand in the entries and nowhere else.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from audit.entry import OUTCOME
from audit.tables import SAME_PLACE, audit_search, audit_subject, log_entry
from audit.writing import microseconds
from consent.model import HANDED_OVER

from ..db import Database
from ..delivery.tables import batch_decision

AT_ONCE = 1000
ANSWERED = frozenset({"answered", "no_data"})


class Key(NamedTuple):
    """What is counted together. `agreement` is empty where nothing was decided in favour."""

    consumer: str
    service: str
    purpose: str
    agreement: str


@dataclass(slots=True)
class Counted:
    """How much, about how many people, and which fields were released."""

    exchanges: int = 0
    answered: int = 0
    refused: int = 0
    people: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)

    def add(self, facts: Mapping[str, Any], subject_ref: str) -> None:
        """One exchange about one person, by the facts of its outcome or the decision of its line."""
        self.exchanges += 1
        self.answered += facts["outcome"] in ANSWERED
        self.refused += facts["outcome"] == "refused_by_rules"
        self.people |= {subject_ref} if subject_ref else set()
        self.fields |= set(facts.get("released", ()))


@dataclass(frozen=True, slots=True)
class Mine:
    """Whose data: the member's systems, and the services that these offer."""

    systems: Collection[str]
    services: Collection[str]

    def user(self, facts: Mapping[str, Any]) -> str:
        """The system that used this member's data in an exchange; empty if none did."""
        handed_over = facts.get("action") in HANDED_OVER
        owner, user = (facts["consumer"], facts["provider"]) if handed_over else (facts["provider"], facts["consumer"])
        return user if owner in self.systems else ""

    def condition(self) -> ColumnElement[bool]:
        """The entries among which they are; by index."""
        of = audit_search.c
        return or_(of.service.in_(self.services), of.consumer.in_(self.systems))


async def counted(db: Database, mine: Mine, since: datetime, until: datetime) -> dict[Key, Counted]:
    """What was used from a moment until before another."""
    found: dict[Key, Counted] = {}
    async with db.read() as connection:
        here = _condition(mine, since, until)
        people = await _people(connection, here)
        async for entry_id, facts in _outcomes(connection, here):
            user = mine.user(facts)
            if not user:
                continue
            if "lines" in facts:
                await _lines(connection, user, facts, found)
                continue
            _group(found, user, facts, facts).add(facts, people.get(entry_id, ""))
    return found


def _condition(mine: Mine, since: datetime, until: datetime) -> ColumnElement[bool]:
    of = audit_search.c
    return and_(mine.condition(), of.kind == OUTCOME, of.ts >= microseconds(since), of.ts < microseconds(until))


def _group(found: dict[Key, Counted], user: str, facts: Mapping[str, Any], decided: Mapping[str, Any]) -> Counted:
    key = Key(user, facts["service"], facts["purpose"], str(decided.get("agreement", "")))
    return found.setdefault(key, Counted())


async def _people(connection: AsyncConnection, here: ColumnElement[bool]) -> dict[bytes, str]:
    """Entry -> the one person it concerns, as far as the index still knows."""
    joined = audit_search.join(audit_subject, audit_subject.c.entry_id == audit_search.c.entry_id)
    query = select(audit_subject.c.entry_id, audit_subject.c.subject_ref).select_from(joined).where(here)
    return {bytes(row.entry_id): row.subject_ref for row in (await connection.execute(query)).all()}


async def _outcomes(
    connection: AsyncConnection, here: ColumnElement[bool]
) -> AsyncIterator[tuple[bytes, Mapping[str, Any]]]:
    """Outcome entries in the log's order, a page at a time: other work gets its turns."""
    of = audit_search.c
    joined = audit_search.join(log_entry, SAME_PLACE)
    query = select(of.log_id, of.seq, of.entry_id, log_entry.c.body).select_from(joined).where(here)
    query, last = query.order_by(of.log_id, of.seq).limit(AT_ONCE), (-1, -1)
    while page := (await connection.execute(query.where(_after(last)))).all():
        for row in page:
            yield bytes(row.entry_id), orjson.loads(bytes(row.body))["facts"]
        last = (page[-1].log_id, page[-1].seq)
        await asyncio.sleep(0)


def _after(last: tuple[int, int]) -> ColumnElement[bool]:
    of = audit_search.c
    return or_(of.log_id > last[0], and_(of.log_id == last[0], of.seq > last[1]))


async def _lines(connection: AsyncConnection, user: str, facts: Mapping[str, Any], found: dict[Key, Counted]) -> None:
    """The people of a batch, each with an own decision."""
    of, first = batch_decision.c, 0
    query = select(of.line, of.person_ref, of.decision).where(of.exchange_id == facts["exchange_id"])
    query = query.order_by(of.line).limit(AT_ONCE)
    while page := (await connection.execute(query.where(of.line >= first))).all():
        for row in page:
            _add_line(found, user, facts, row)
        first = page[-1].line + 1
        await asyncio.sleep(0)


def _add_line(found: dict[Key, Counted], user: str, facts: Mapping[str, Any], row: Any) -> None:
    decided = orjson.loads(row.decision)
    _group(found, user, facts, decided).add(decided, row.person_ref)
