"""Which DCI messages were received: an id does its work once, whichever process gets it and however often it comes.

A message is claimed before it is worked on. What failed may come again; what was done is refused, or acknowledged
again where doing it again changes nothing. Of two processes that get one message at once, one works.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ...db import Database, new_rows
from .tables import dci_message

LEASE = timedelta(minutes=10)  # longer than a whole message may take: whoever claimed it before is dead
SHORT_LEASE = timedelta(minutes=1)  # of what does no harm when it is done twice at once


class Duplicate(Exception):
    """The id was received before: with another body, or with this one, and it is done."""


class InWork(Exception):
    """Somebody is working on this message; whether it will fail is not known yet."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One message as it came in. `fingerprint` is keyed, `expires` when it cannot be shown again."""

    sender: str
    message_id: str
    fingerprint: str
    expires: datetime

    @property
    def key(self) -> dict[str, str]:
        """The row's."""
        return {"sender": self.sender, "message_id": self.message_id}


async def claim(db: Database, seen: Seen, now: datetime, *, repeatable: bool) -> None:
    """Take the message for this process.

    Args:
        repeatable: doing it again changes nothing, so a message that was done may come again.

    Raises:
        Duplicate, InWork: it is not to be worked on.
    """
    until = _until(now, repeatable=repeatable)
    row = {"body_hash": seen.fingerprint, "done": False, "received": now.timestamp(), "claimed_until": until}
    row |= {**seen.key, "expires": seen.expires.timestamp()}
    if not await db.together(_claimed, row):
        await _claim_again(db, seen, now, repeatable=repeatable)


async def _claimed(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    return await new_rows(connection, dci_message, rows)


async def _claim_again(db: Database, seen: Seen, now: datetime, *, repeatable: bool) -> None:
    table = dci_message.c
    free = (table.claimed_until < now.timestamp()) & (table.body_hash == seen.fingerprint)
    if not repeatable:
        free &= ~table.done
    statement = update(dci_message).filter_by(**seen.key).where(free)
    longer = update(dci_message).filter_by(**seen.key).where(table.expires < seen.expires.timestamp())
    async with db.write() as connection:
        await connection.execute(longer.values(expires=seen.expires.timestamp()))
        taken = await connection.execute(statement.values(claimed_until=_until(now, repeatable=repeatable), done=False))
    if taken.rowcount == 1:
        return
    known = await _known(db, seen)
    if known is not None and known.body_hash == seen.fingerprint and not known.done:
        raise InWork
    raise Duplicate


def _until(now: datetime, *, repeatable: bool) -> float:
    return (now + (SHORT_LEASE if repeatable else LEASE)).timestamp()


async def _known(db: Database, seen: Seen) -> Row[Any] | None:
    async with db.read() as connection:
        return (await connection.execute(select(dci_message).filter_by(**seen.key))).one_or_none()


async def finish(db: Database, seen: Seen, *, done: bool) -> None:
    """Give the claim back; from a message that is done its id is used up."""
    await db.together(_finished, {"from_": seen.sender, "id_": seen.message_id, "done": done, "claimed_until": 0.0})


async def _finished(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[None]:
    table = dci_message.c
    mine = (table.sender == bindparam("from_")) & (table.message_id == bindparam("id_"))
    await connection.execute(update(dci_message).where(mine), sorted(map(dict, rows), key=itemgetter("from_", "id_")))
    return [None] * len(rows)


async def forget_expired(db: Database, now: datetime) -> None:
    """Drop what could not be shown any more: its time is checked before its id."""
    async with db.write() as connection:
        await connection.execute(delete(dci_message).where(dci_message.c.expires < now.timestamp()))
