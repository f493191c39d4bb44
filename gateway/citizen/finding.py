"""Which exchanges concern a person: by the log's keyed index, and by the decision lines of batches.

Pages go by the id of the entry that began an exchange. Ids are UUIDs of version 7, so they are in the order of time,
and a page costs the same wherever it stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log
from audit.entry import INTENT, OUTCOME
from audit.tables import SAME_PLACE, audit_search, audit_subject, log_entry

from ..db import Database
from ..delivery.tables import batch_decision

READ = "citizen.read"
MOST_DIGITS = 9  # of a line: what every database's integers hold
FIRST, LAST = UUID(int=0), UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a use stands: newest is greatest. `line` is 0 but for batches."""

    entry: UUID
    line: int = 0

    def __str__(self) -> str:
        return f"{self.entry}.{self.line}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """From `str()`. Raises ValueError."""
        entry, _, line = text.partition(".")
        if not line.isascii() or not line.isdecimal() or len(line) > MOST_DIGITS:
            raise ValueError("a place is an entry's id, a dot, and a line")
        return cls(UUID(entry), int(line))


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment, until before another."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def ids(self) -> tuple[UUID, UUID]:
        """The least id of the period, and the least one after it."""
        return (_least(self.since) if self.since else FIRST, _least(self.until) if self.until else LAST)


@dataclass(frozen=True, slots=True)
class Use:
    """One exchange about one person, or one look of an officer on the person's behalf.

    Attributes:
        began: the entry that opened it, which says who asked what for which purpose.
        ended: facts of how it ended for this person; empty while it is under way.
    """

    place: Place
    began: Entry
    ended: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """Of the outcome table; empty while it is under way."""
        return str(self.ended.get("outcome", ""))

    def says(self, name: str) -> str:
        """A fact as text; empty where there is none."""
        return str(self.ended.get(name) or self.began.facts.get(name) or "")

    def names(self, name: str) -> list[str]:
        """A fact that is a list of names."""
        found = self.ended.get(name, self.began.facts.get(name, ()))
        return [str(each) for each in found] if isinstance(found, list | tuple) else []


async def uses_of(
    db: Database, log: Log, person_ref: str, period: Period, before: Place | None, limit: int
) -> list[Use]:
    """Up to `limit` uses before a place, newest first. Nothing is kept back here: that is `disclosure`."""
    first, end = period.ids
    async with db.read() as connection:
        places = await _begun(connection, person_ref, first, min(end, _past(before)), limit)
        lines = await _lines(connection, person_ref, first, end, before, limit)
        wanted = sorted([*places, *lines], reverse=True)[:limit]
        ids = await _outcomes(connection, [place.entry for place in wanted if place not in lines])
    logged = await log.find([*{place.entry for place in wanted}, *ids.values()])
    entries = {each.entry.id: each.entry for each in logged}
    found: list[Use] = []
    for place in wanted:
        if place in lines:
            found.append(Use(place, entries[place.entry], lines[place]))
            continue
        ended = entries[ids[place.entry]].facts if place.entry in ids else {}
        found.append(Use(place, entries[place.entry], ended))
    return found


async def _begun(connection: AsyncConnection, person_ref: str, first: UUID, end: UUID, limit: int) -> list[Place]:
    found = audit_search.join(log_entry, SAME_PLACE)
    found = found.join(audit_subject, audit_subject.c.entry_id == log_entry.c.entry_id)
    of = audit_subject.c
    query = select(of.entry_id).select_from(found).where(of.subject_ref == person_ref)
    query = query.where(of.entry_id >= first.bytes, of.entry_id < end.bytes)
    query = query.where(audit_search.c.kind.in_((INTENT, READ))).order_by(of.entry_id.desc()).limit(limit)
    return [Place(UUID(bytes=bytes(each))) for each in (await connection.execute(query)).scalars()]


async def _lines(
    connection: AsyncConnection, person_ref: str, first: UUID, end: UUID, before: Place | None, limit: int
) -> dict[Place, dict[str, Any]]:
    """Lines of batches about the person, with what each decided."""
    of = batch_decision.c
    query: Select[Any] = select(of.exchange_id, of.line, of.decision).where(of.person_ref == person_ref)
    query = query.where(of.exchange_id >= str(first), of.exchange_id < str(end))
    if before is not None:
        same = (of.exchange_id == str(before.entry)) & (of.line < before.line)
        query = query.where((of.exchange_id < str(before.entry)) | same)
    query = query.order_by(of.exchange_id.desc(), of.line.desc()).limit(limit)
    rows = (await connection.execute(query)).all()
    return {Place(UUID(row.exchange_id), row.line): orjson.loads(row.decision) for row in rows}


async def _outcomes(connection: AsyncConnection, began: Sequence[UUID]) -> dict[UUID, UUID]:
    """Intent -> outcome entry, for those that have ended."""
    of = audit_search.c
    query = select(of.exchange_id, of.entry_id).where(of.exchange_id.in_([str(each) for each in began]))
    rows = (await connection.execute(query.where(of.kind == OUTCOME))).all()
    return {UUID(row.exchange_id): UUID(bytes=bytes(row.entry_id)) for row in rows}


def _least(at: datetime) -> UUID:
    """The least id that was made at or after this moment. Source: RFC 9562 section 5.7."""
    return UUID(int=max(int(at.timestamp() * 1000), 0) << 80)


def _past(before: Place | None) -> UUID:
    return before.entry if before else LAST
