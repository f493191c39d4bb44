"""A breach: what leaked or was misused, whom it concerns, which fields, to whom, and until when who must be told.

Of a key: the exchanges whose request it signed, and, because a token does not say which key it was got with, every
exchange of its owner while it was in force. That is the safe side: nobody is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log, Wanted, new_id
from audit.entry import OUTCOME
from audit.scope import Scope, Which, everything, scope
from audit.tables import audit_search
from audit.writing import microseconds, time_of
from consent.phrase import wired

from ..db import Database
from ..delivery.tables import batch, batch_decision
from ..profile import Profile
from ..trust import tables as trust
from ..trust.held_keys import utc
from . import breach_letters, tables
from .errors import NothingFound, ReviewRefused
from .evidence import noted
from .search import Facts

CRITERIA = ("kid", "system", "agreement", "since", "until")


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is affected; all that are given hold at once. `systems`: what `system` stands for, where it is a member."""

    kid: str = ""
    system: str = ""
    agreement: str = ""
    since: datetime | None = None
    until: datetime | None = None
    systems: tuple[str, ...] = ()

    @property
    def parties(self) -> tuple[str, ...]:
        """The systems that are affected, by id; none: all."""
        return self.systems or ((self.system,) if self.system else ())

    def wire(self) -> dict[str, str]:
        """The given ones as JSON."""
        given = {name: getattr(self, name) for name in CRITERIA}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in given.items() if value
        }

    @classmethod
    def read(cls, kept: Mapping[str, str]) -> "Criteria":
        """What `wire` wrote."""
        times = {name: datetime.fromisoformat(kept[name]) for name in ("since", "until") if name in kept}
        named = (kept.get("kid", ""), kept.get("system", ""), kept.get("agreement", ""))
        return cls(*named, since=times.get("since"), until=times.get("until"))


@dataclass(frozen=True, slots=True)
class Breach:
    """A case. `figures` are those of when it was opened; the scope can be looked at again at any time."""

    id: str
    criteria: dict[str, str]
    opened_by: str
    known_at: datetime
    due_at: datetime
    told_at: datetime | None
    figures: dict[str, Any]


async def scope_of(db: Database, log: Log, criteria: Criteria) -> Scope:
    """What the criteria affect, people in batches included.

    Raises:
        NothingFound: no such key.
        ReviewRefused: nothing was given.
    """
    if not criteria.wire():
        raise ReviewRefused("Name a key, a system, an agreement or a period.")
    if criteria.kid:
        async with db.read() as connection:
            criteria = await _of_key(connection, criteria)
    return await log.store.read(lambda connection: affected(connection, criteria))


def affected(connection: Connection, criteria: Criteria) -> Scope:
    """The scope in one connection; a system counts on both sides. See `audit.scope`."""
    facts = (("agreement", criteria.agreement),) if criteria.agreement else ()
    parties, whole = criteria.parties, Scope()

    def add(side: Facts, which: Which = everything) -> None:
        wanted = Wanted((*facts, *side), since=criteria.since, until=criteria.until)
        _add(whole, scope(connection, wanted, which))

    if not parties:
        add(())
    for each in parties:
        add((("consumer", each),))
        add((("provider", each),), lambda said: said.get("consumer") not in parties)  # among themselves: once
    _batches(connection, criteria, whole)
    return whole


@dataclass(frozen=True, slots=True)
class Clock:
    """Since when it is known, and how many hours from then the authority may wait."""

    known_at: datetime
    hours: float
    now: datetime


async def open_case(
    connection: AsyncConnection, log: Log, criteria: Criteria, found: Scope, *, by: str, clock: Clock
) -> Breach:
    """Start the clock, with its entry."""
    known_at, now = clock.known_at, clock.now
    due = known_at + timedelta(hours=clock.hours)
    made = Breach(str(new_id(now)), criteria.wire(), by, known_at, due, None, figures(found))
    await connection.execute(insert(tables.breach).values({name: getattr(made, name) for name in Breach.__slots__}))
    facts: dict[str, object] = {"by": by, "breach": made.id, "criteria": made.criteria, "due_at": due.isoformat()}
    facts |= {"known_at": known_at.isoformat(), "exchanges": found.exchanges, "people": len(found.persons)}
    await noted(connection, log, "breach.opened", now, facts)
    return made


async def told(connection: AsyncConnection, log: Log, id_: str, *, by: str, now: datetime) -> str:
    """The authority was notified; the clock stops. Raises NothingFound, ReviewRefused."""
    kept = await read(connection, id_)
    if kept.told_at:
        raise ReviewRefused("The authority was notified already.")
    await connection.execute(update(tables.breach).where(tables.breach.c.id == id_).values(told_at=now))
    return await noted(connection, log, "breach.notified", now, {"by": by, "breach": id_, "late": now > kept.due_at})


async def read(connection: AsyncConnection, id_: str) -> Breach:
    """One case. Raises NothingFound."""
    row = (await connection.execute(select(tables.breach).where(tables.breach.c.id == id_))).first()
    if row is None:
        raise NothingFound("breach")
    return _read(row)


async def listed(connection: AsyncConnection) -> list[Breach]:
    """All cases, the nearest deadline first."""
    return [_read(row) for row in await connection.execute(select(tables.breach).order_by(tables.breach.c.due_at))]


def figures(found: Scope) -> dict[str, Any]:
    """What may be shown to who sees no people: counts, names of fields and of systems."""
    return {
        "exchanges": found.exchanges,
        "people": len(found.persons),
        "lines_of_batches": found.lines,
        "fields": dict(found.fields.most_common()),
        "recipients": dict(found.recipients.most_common()),
        "agreements": dict(found.agreements.most_common()),
        "first": found.first.isoformat() if found.first else None,
        "last": found.last.isoformat() if found.last else None,
    }


def shown(kept: Breach, now: datetime, profile: Profile) -> dict[str, object]:
    """A case with its clock and its drafts, in English and as the phrases of each (`consent.phrase`).

    Args:
        profile: has the authority that has to be told, and to whom people complain, and the country's clocks.
    """
    drafts = breach_letters.drafts(kept.id, kept.known_at, kept.figures, profile)
    left = (kept.due_at - now).total_seconds() / 3600
    return {
        "id": kept.id,
        "criteria": kept.criteria,
        "opened_by": kept.opened_by,
        "known_at": kept.known_at.isoformat(),
        "due_at": kept.due_at.isoformat(),
        "hours_left": None if kept.told_at else round(left, 1),
        "told_at": kept.told_at.isoformat() if kept.told_at else None,
        "figures": kept.figures,
        "drafts": {name: "\n".join(map(str, letter)) for name, letter in drafts.items()},
        "phrases": {name: wired(letter) for name, letter in drafts.items()},
    }


async def _of_key(connection: AsyncConnection, criteria: Criteria) -> Criteria:
    """The owner of a key, and the time in which it was in force, within what else was given."""
    row = (await connection.execute(select(trust.key).where(trust.key.c.kid == criteria.kid))).first()
    if row is None:
        raise NothingFound("key")
    ends = [utc(each) for each in (row.not_after, row.retired_at) if each]
    since = max(filter(None, (utc(row.added_at), criteria.since)))
    until = min([*ends, *([criteria.until] if criteria.until else [])], default=None)
    if criteria.parties and row.owner_id not in criteria.parties:
        raise ReviewRefused("The key belongs to another system.")
    return Criteria(criteria.kid, row.owner_id, criteria.agreement, since, until)


def _batches(connection: Connection, criteria: Criteria, whole: Scope) -> None:
    """Batches name no fields in their outcome and nobody in the index: both stand in their decision rows."""
    table = audit_search.c
    query = select(table.exchange_id, table.consumer, table.ts).join(batch, batch.c.id == table.exchange_id)
    query = query.where(table.kind == OUTCOME)
    if criteria.parties:
        query = query.where(or_(table.consumer.in_(criteria.parties), table.provider.in_(criteria.parties)))
    if criteria.since:
        query = query.where(table.ts >= microseconds(criteria.since))
    if criteria.until:
        query = query.where(table.ts < microseconds(criteria.until))
    for row in connection.execute(query).all():
        part = _batch(connection, row.exchange_id, criteria.agreement)
        if part.lines:
            part.exchanges, part.first = 1, time_of(row.ts)
            part.last, part.recipients[row.consumer] = part.first, 1
            _add(whole, part)


def _batch(connection: Connection, exchange_id: str, agreement: str) -> Scope:
    """What one batch released, under one agreement if named: a field counts for each person, an agreement once."""
    part, decided = Scope(), batch_decision.c
    query = select(decided.person_ref, decided.decision).where(decided.exchange_id == exchange_id)
    for person_ref, text in connection.execute(query):
        line = orjson.loads(text)
        if line.get("released") and agreement in {"", line.get("agreement")}:
            part.lines += 1
            part.persons.add(person_ref)
            part.fields.update(line["released"])
            part.agreements[str(line.get("agreement"))] = 1
    return part


def _add(whole: Scope, part: Scope) -> None:
    whole.exchanges += part.exchanges
    whole.lines += part.lines
    whole.persons |= part.persons
    for name in ("fields", "recipients", "agreements"):
        getattr(whole, name).update(getattr(part, name))
    times = [each for each in (whole.first, part.first) if each]
    whole.first = min(times, default=None)
    whole.last = max((each for each in (whole.last, part.last) if each), default=None)


def _read(row: Row[Any]) -> Breach:
    return Breach(**row._mapping)
