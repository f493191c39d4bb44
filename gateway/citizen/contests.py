"""A person contests a record: a case with the agency that keeps it, and a mark on its answers until it has looked.

The mark is an objection of kind `contest` under the same id, so that decisions see it where they see everything else
that a person said, in every process, and a replay of the past sees it as it was. Every change is one transaction with
its entry. What was written is sealed; the person's numbers are erased when the case is closed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, new_id, subject_pseudonym
from consent import Objection, member_of
from consent import register as consent_register
from consent.errors import Conflict, NotFound
from consent.moments import micros, moment

from ..wiring import Services
from .tables import contest as table

MARKED_BY = "person"  # no member's id: no agency lifts the mark but by resolving the case
MOST_OPEN = 20
WITHDRAWN = "withdrawn"
FORGOTTEN = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person contests: a service's record, or all that a member tells (`service` empty); all fields if none.

    Attributes:
        provider: the member that shall look, or a system of it.
        services: whose answers are marked; the member itself stands for what it hands over.
        identifiers: (type, value), so that the agency finds the record; they were checked to be the person's.
        marks_all: `fields` say what is wrong in an exchange, and the mark is on more than those.
    """

    provider: str
    service: str
    services: frozenset[str]
    fields: frozenset[str]
    statement: str
    identifiers: Sequence[tuple[str, str]]
    exchange_id: str = ""
    marks_all: bool = False


@dataclass(frozen=True, slots=True)
class Contest:
    """A case. `identifiers` are there while it is open, for the agency only."""

    id: str
    provider: str
    service: str
    fields: Sequence[str]
    exchange_id: str
    state: str
    statement: str
    answer: str
    opened_at: datetime
    opened_by: str
    resolved_at: datetime | None
    identifiers: Sequence[tuple[str, str]] = field(default=(), repr=False)

    def wire(self, *, for_agency: bool) -> dict[str, Any]:
        """As JSON."""
        told: dict[str, Any] = {
            "id": self.id,
            "provider": self.provider,
            "service": self.service or None,
            "fields": list(self.fields),
            "exchange_id": self.exchange_id or None,
            "state": self.state,
            "statement": self.statement,
            "answer": self.answer or None,
            "opened_at": self.opened_at.isoformat(),
            "resolved_at": self.resolved_at.isoformat() if self.resolved_at else None,
        }
        numbers = [{"type": kind, "value": value} for kind, value in self.identifiers]
        return told | ({"subject": {"identifiers": numbers}} if for_agency else {"opened_by": self.opened_by})


@dataclass(frozen=True, slots=True)
class Contests:
    """Opens, shows and closes cases over one running gateway."""

    services: Services

    async def open(self, person_ref: str, wish: Wish, *, by: str) -> tuple[str, str]:
        """Open a case; gives its id and the receipt. Answers are marked from the next decision on.

        Raises:
            Conflict: the person has as many open cases as one may have.
        """
        now = self.services.gate.clock()
        id_ = str(new_id(now))
        marked = frozenset() if wish.marks_all else wish.fields
        mark = Objection(id_, person_ref, "contest", services=wish.services, fields=marked)
        async with self.services.db.write() as connection:
            if await self._open_ones(connection, person_ref) >= MOST_OPEN:
                raise Conflict(f"{MOST_OPEN} records are contested already; wait for an agency, or withdraw one")
            await connection.execute(insert(table).values(self._row(id_, person_ref, wish, by, now)))
            await consent_register.record_objection(connection, mark, by=MARKED_BY, now=now)
            facts = {"by": by, "contest": id_, "provider": wish.provider, "services": sorted(wish.services)}
            facts |= {"fields": sorted(wish.fields)}
            return id_, await self._noted(connection, "contest.opened", facts, person_ref, now)

    async def of_person(self, person_ref: str) -> list[Contest]:
        """This person's cases, newest first."""
        return await self._where(table.c.person_ref == person_ref)

    async def of_provider(self, member: str, *, open_only: bool = False) -> list[Contest]:
        """The cases at an agency, newest first."""
        mine = (table.c.provider == member) & (table.c.person_ref != FORGOTTEN)
        return await self._where(mine & (table.c.state == "open") if open_only else mine)

    async def resolve(self, id_: str, state: str, answer: str, *, member: str, by: str) -> str:
        """The agency says what became of it, and the mark goes; gives the receipt.

        Raises:
            NotFound: this agency has no open case of this id.
        """
        return await self._closed(id_, table.c.provider == member, state, answer, by)

    async def withdraw(self, id_: str, person_ref: str, *, by: str) -> str:
        """The person takes it back; gives the receipt.

        Raises:
            NotFound: this person has no open case of this id.
        """
        return await self._closed(id_, table.c.person_ref == person_ref, WITHDRAWN, "", by)

    async def _closed(self, id_: str, whose: ColumnElement[bool], state: str, answer: str, by: str) -> str:
        now, seal = self.services.gate.clock(), self.services.trust.seal
        here = (table.c.id == id_) & (table.c.state == "open") & whose
        async with self.services.db.write() as connection:
            row = (await connection.execute(select(table).where(here).with_for_update())).mappings().first()
            if row is None:
                raise NotFound
            said = json.loads(seal.opened(f"contest:{id_}", row["sealed"])) | {"identifiers": []}
            closed = {
                "state": state,
                "sealed": seal.sealed(f"contest:{id_}", json.dumps(said).encode()),
                "sealed_answer": seal.sealed(f"contest answer:{id_}", answer.encode()) if answer else None,
                "resolved_at": micros(now),
                "resolved_by": by,
            }
            await connection.execute(update(table).where(table.c.id == id_).values(closed))
            await consent_register.lift_objection(connection, id_, by=MARKED_BY, now=now)
            facts = {"by": by, "contest": id_, "provider": row["provider"], "state": state}
            return await self._noted(connection, "contest.closed", facts, row["person_ref"], now)

    def _row(self, id_: str, person_ref: str, wish: Wish, by: str, now: datetime) -> dict[str, object]:
        said = json.dumps({"statement": wish.statement, "identifiers": list(wish.identifiers)})
        return {
            "id": id_,
            "person_ref": person_ref,
            "provider": member_of(wish.provider),
            "service": wish.service,
            "fields": sorted(wish.fields),
            "exchange_id": wish.exchange_id,
            "sealed": self.services.trust.seal.sealed(f"contest:{id_}", said.encode()),
            "state": "open",
            "opened_at": micros(now),
            "opened_by": by,
            "resolved_by": "",
        }

    async def _open_ones(self, connection: AsyncConnection, person_ref: str) -> int:
        mine = (table.c.person_ref == person_ref) & (table.c.state == "open")
        return int(await connection.scalar(select(func.count()).select_from(table).where(mine)) or 0)

    async def _where(self, condition: ColumnElement[bool]) -> list[Contest]:
        query = select(table).where(condition).order_by(table.c.opened_at.desc(), table.c.id)
        async with self.services.db.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [self._shown(row) for row in rows]

    def _shown(self, row: Any) -> Contest:
        seal = self.services.trust.seal
        said = json.loads(seal.opened(f"contest:{row['id']}", row["sealed"]))
        answer = row["sealed_answer"]
        return Contest(
            id=row["id"],
            provider=row["provider"],
            service=row["service"],
            fields=row["fields"],
            exchange_id=row["exchange_id"],
            state=row["state"],
            statement=said["statement"],
            answer=seal.opened(f"contest answer:{row['id']}", answer).decode() if answer else "",
            opened_at=moment(row["opened_at"]),
            opened_by=row["opened_by"],
            resolved_at=moment(row["resolved_at"]),
            identifiers=[(kind, value) for kind, value in said["identifiers"]],
        )

    async def _noted(
        self, connection: AsyncConnection, kind: str, facts: dict[str, Any], person_ref: str, now: datetime
    ) -> str:
        entry_id = new_id(now)
        facts = facts | {"subject": subject_pseudonym(person_ref, entry_id)}
        entry = Entry(entry_id, kind, now, facts, (person_ref,))
        return str(await self.services.log.append_in(connection, entry))


async def forget_contests(connection: AsyncConnection, log: Log, person_ref: str, *, by: str, now: datetime) -> int:
    """Erase what a person contested, in the caller's transaction; gives how many cases there were.

    Open cases are closed as withdrawn, with their marks and an entry each. What stays of a case names nobody: the
    agency, the service, and how it ended.
    """
    of, mine = table.c, table.c.person_ref == person_ref
    opened = (await connection.execute(select(of.id, of.provider).where(mine, of.state == "open"))).all()
    for row in opened:
        await consent_register.lift_objection(connection, row.id, by=MARKED_BY, now=now)
    closed = {"state": WITHDRAWN, "resolved_at": micros(now), "resolved_by": by}
    await connection.execute(update(table).where(mine, of.state == "open").values(closed))
    gone = {"person_ref": FORGOTTEN, "sealed": None, "sealed_answer": None, "exchange_id": ""}
    forgotten = await connection.execute(update(table).where(mine).values(gone))
    facts = [{"by": by, "contest": row.id, "provider": row.provider, "state": WITHDRAWN} for row in opened]
    if facts:
        await log.append_all_in(connection, [Entry(new_id(now), "contest.closed", now, each) for each in facts])
    return int(forgotten.rowcount)
