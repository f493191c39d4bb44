"""The erasure list: who has to erase what it received, until each says that it is done.

Because a consent ended, or because the data life that was agreed, or told to the person, is over. A line names no
person, but the exchanges, by which the recipient knows what it received. It is added once, and ends once. Every
function works inside the caller's transaction and commits nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables
from .errors import NotFound
from .model import Consent, member_of
from .moments import micros, moment
from .tables import erasure as table

WITHDRAWN, EXPIRED, DATA_LIFE = "withdrawn", "expired", "data_life"
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Erasure:
    """One recipient's duty under one consent, or under one agreement for data whose life ends on one day.

    Attributes:
        controller: who sees that it is done: the consent's, or the member that the data came from.
        exchanges: their ids.
        agreement: of a data life; empty otherwise.
    """

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
    agreement: str = ""

    def standing(self, now: datetime) -> str:
        """`acknowledged`, `due` or `overdue`."""
        if self.acknowledged_at is not None:
            return "acknowledged"
        return "due" if now < self.due_at else "overdue"


@dataclass(frozen=True, slots=True)
class Life:
    """What one system received under one agreement, and has to have erased at one moment."""

    agreement: str
    recipient: str
    source: str
    due_at: datetime


async def note_lives(
    connection: AsyncConnection, lives: Mapping[Life, Sequence[str]], *, now: datetime
) -> list[Erasure]:
    """Add a line for each, with the ids of its exchanges; gives them. The caller notes how far it has come."""
    rows = [
        {
            "consent": "",
            "controller": each.source,
            "recipient": each.recipient,
            "member": member_of(each.recipient),
            "cause": DATA_LIFE,
            "exchanges": " ".join(lives[each]),
            "noted_at": micros(now),
            "due_at": micros(each.due_at),
            "reminded_at": micros(now),
            "agreement": each.agreement,
        }
        for each in sorted(lives, key=lambda each: (each.due_at, each.agreement, each.recipient))
    ]
    return [_erasure((await connection.execute(insert(table).values(row).returning(table))).one()) for row in rows]


async def lives_of_people(connection: AsyncConnection, subject_refs: Sequence[str]) -> list[tuple[str, str, int]]:
    """(consent, person, days) of those consents of these people, standing or not, that say a data life."""
    of, found = tables.consent.c, list[tuple[str, str, int]]()
    query = select(of.id, of.subject_ref, tables.terms.c.body).join(tables.terms)
    for start in range(0, len(subject_refs), AT_ONCE):
        some = query.where(of.subject_ref.in_(subject_refs[start : start + AT_ONCE]))
        for id_, subject_ref, body in (await connection.execute(some)).all():
            if (days := json.loads(body).get("data_life_days")) is not None:
                found.append((id_, subject_ref, days))
    return found


async def lived_until(connection: AsyncConnection) -> tuple[int, int]:
    """(log, place) of the last entry that was looked at for data lives; before every entry at first."""
    row = (await connection.execute(select(tables.lived.c.log_id, tables.lived.c.seq))).one_or_none()
    return (row.log_id, row.seq) if row else (-1, -1)


async def live_until(connection: AsyncConnection, place: tuple[int, int], *, since: tuple[int, int]) -> bool:
    """Note how far the log was looked at for data lives. False: another process was faster; note nothing else."""
    dialect, of = sqlite if connection.dialect.name == "sqlite" else postgresql, tables.lived.c
    begun = dialect.insert(tables.lived).values({"id": 1, "log_id": -1, "seq": -1}).on_conflict_do_nothing()
    await connection.execute(begun)
    here = update(tables.lived).where(of.log_id == since[0], of.seq == since[1])
    return bool((await connection.execute(here.values(log_id=place[0], seq=place[1]))).rowcount)


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
            "agreement": "",
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
        row.agreement,
    )
