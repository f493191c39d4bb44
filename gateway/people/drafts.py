"""A form that came too late is kept with the session that sent it, sealed, until its sender has signed in again.

It goes over to the next session of the same person at the same browser, and is handed out once. Signing out deletes the
row, and the form with it; so does whatever else ends a session, and ten minutes.
"""

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pages.drafts import Draft, packed, unpacked

from ..trust.errors import SealBroken
from ..trust.seal import Seal
from . import tables
from .sessions import Session, read

ROW = "people_session:"


async def keep(connection: AsyncConnection, seal: Seal, id_hash: str, draft: Draft) -> bool:
    """With the session of this hash, in place of an earlier one; False: there is no such row, or it is too long."""
    text = packed(draft)
    if not text:
        return False
    return await _write(connection, id_hash, seal.sealed(ROW + id_hash, text), datetime.fromtimestamp(draft.until, UTC))


async def take(connection: AsyncConnection, seal: Seal, id_hash: str, sealed: bytes) -> Draft | None:
    """Hand it out; None: somebody was faster, or it cannot be opened."""
    held = tables.session.c
    statement = update(tables.session).where(held.id_hash == id_hash, held.draft == sealed)
    if (await connection.execute(statement.values(draft=None, draft_until=None))).rowcount != 1:
        return None
    return opened(seal, id_hash, sealed)


async def carry(connection: AsyncConnection, seal: Seal, before: str, after: str, now: datetime) -> None:
    """From an earlier session of the same person, over or not, to the one that begins now: hashes of their numbers."""
    held = tables.session.c
    rows = (await connection.execute(select(tables.session).where(held.id_hash.in_([before, after])))).mappings().all()
    found = {row["id_hash"]: read(row, now) for row in rows}
    if before not in found or after not in found or _person(found[before]) != _person(found[after]):
        return
    sealed = found[before].draft
    if sealed and (draft := opened(seal, before, sealed)):
        await keep(connection, seal, after, draft)


def opened(seal: Seal, id_hash: str, sealed: bytes) -> Draft | None:
    """The form; None: it was altered, or its key is gone. A lost draft stands in nobody's way."""
    try:
        return unpacked(seal.opened(ROW + id_hash, sealed))
    except SealBroken:
        return None


def _person(session: Session) -> tuple[str | None, str | None]:
    return session.officer, session.person_ref


async def _write(connection: AsyncConnection, id_hash: str, sealed: bytes, until: datetime) -> bool:
    statement = update(tables.session).where(tables.session.c.id_hash == id_hash)
    return (await connection.execute(statement.values(draft=sealed, draft_until=until))).rowcount == 1
