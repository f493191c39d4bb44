"""The erasure list: who holds what was released under a consent that ended, until each says that it is erased.

A line names no person, but the exchanges, by which the recipient knows what it received. It is added once, and ends
once. Every function works inside the caller's transaction and commits nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables
from .errors import NotFound
from .model import Consent, member_of
from .moments import micros, moment
from .tables import erasure as table

WITHDRAWN, EXPIRED = "withdrawn", "expired"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One recipient's duty under one consent. `exchanges` are ids."""

    number: int
    consent: str
    controller: str
    recipient: str
    cause: str
    exchanges: tuple[str, ...]
    noted_at: datetime
    due_at: datetime
    reminded_at: datetime
    acknowledged_at: datetime | None = None

    def standing(self, now: datetime) -> str:
        """`acknowledged`, `due` or `overdue`."""
        if self.acknowledged_at is not None:
            return "acknowledged"
        return "due" if now < self.due_at else "overdue"


async def note(
    connection: AsyncConnection,
    consent: Consent,
    received: Mapping[str, Sequence[str]],
    cause: str,
    *,
    now: datetime,
    due: datetime,
) -> list[Erasure]:
    """Add a line for each recipient; gives the new ones. What is there already stays as it is.

    Args:
        received: recipient system -> ids of the exchanges in which it received something.
    """
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    added: list[Erasure] = []
    for recipient in sorted(received):
        row = {
            "consent": consent.id,
            "controller": consent.controller,
            "recipient": recipient,
            "member": member_of(recipient),
            "cause": cause,
            "exchanges": " ".join(received[recipient]),
            "noted_at": micros(now),
            "due_at": micros(due),
            "reminded_at": micros(now),
        }
        made = dialect.insert(table).values(row).on_conflict_do_nothing().returning(table)
        added += [_erasure(each) for each in (await connection.execute(made)).all()]
    return added


async def erasures_of(
    connection: AsyncConnection, member: str, *, all_: bool = False, after: int = 0, limit: int = 100
) -> list[Erasure]:
    """What this member has to erase, and what others have to erase of its consents, by number; open ones unless all."""
    query = select(table).where(or_(table.c.member == member, table.c.controller == member), table.c.number > after)
    query = query if all_ else query.where(table.c.acknowledged_at.is_(None))
    return [_erasure(each) for each in await connection.execute(query.order_by(table.c.number).limit(limit))]


async def read_erasure(connection: AsyncConnection, number: int, member: str = "") -> Erasure:
    """One; if a member is named, only its own duty.

    Raises:
        NotFound: there is none.
    """
    query = select(table).where(table.c.number == number)
    row = (await connection.execute(query.where(table.c.member == member) if member else query)).one_or_none()
    if row is None:
        raise NotFound
    return _erasure(row)


async def acknowledge(connection: AsyncConnection, number: int, *, member: str, now: datetime) -> bool:
    """The recipient says that it is erased. False if it said so before.

    Raises:
        NotFound: it is not this member's duty.
    """
    await read_erasure(connection, number, member)
    open_ = (table.c.number == number, table.c.acknowledged_at.is_(None))
    made = await connection.execute(update(table).where(*open_).values(acknowledged_at=micros(now)))
    return bool(made.rowcount)


async def remind(connection: AsyncConnection, *, now: datetime, silent_since: datetime, limit: int) -> list[Erasure]:
    """Overdue lines whose recipient was last asked before `silent_since`; they count as asked now."""
    late = (
        table.c.acknowledged_at.is_(None),
        table.c.due_at <= micros(now),
        table.c.reminded_at <= micros(silent_since),
    )
    numbers = (
        select(table.c.number).where(*late).order_by(table.c.number).limit(limit).with_for_update(skip_locked=True)
    )
    made = update(table).where(table.c.number.in_(numbers)).values(reminded_at=micros(now)).returning(table)
    return [_erasure(each) for each in await connection.execute(made)]


async def ended(
    connection: AsyncConnection, since: datetime, until: datetime, *, after: str = "", limit: int = 200
) -> list[tuple[str, str]]:
    """Consents that were withdrawn or expired from `since` to `until`: (id, cause) by id, a page `after` an id."""
    of, span = tables.consent.c, (micros(since), micros(until))
    cause = case((of.withdrawn_at.is_not(None), WITHDRAWN), else_=EXPIRED)
    query = select(of.id, cause).where(or_(of.withdrawn_at.between(*span), of.valid_until.between(*span)))
    rows = await connection.execute(query.where(of.id > after).order_by(of.id).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def swept_until(connection: AsyncConnection) -> datetime:
    """Consents that ended before this moment have been looked at; 1970 at first."""
    return moment(await connection.scalar(select(tables.swept.c.until)) or 0)


async def sweep_until(connection: AsyncConnection, until: datetime) -> None:
    """Note that consents that ended before this moment have been looked at."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    row = {"id": 1, "until": micros(until)}
    made = dialect.insert(tables.swept).values(row)
    await connection.execute(made.on_conflict_do_update(index_elements=["id"], set_={"until": micros(until)}))


def _erasure(row: Row[Any]) -> Erasure:
    return Erasure(
        row.number,
        row.consent,
        row.controller,
        row.recipient,
        row.cause,
        tuple(row.exchanges.split()),
        moment(row.noted_at),
        moment(row.due_at),
        moment(row.reminded_at),
        moment(row.acknowledged_at),
    )
