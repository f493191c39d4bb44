"""Nonces of signed messages, each good once: in the database, so that neither a restart nor a second process forgets.

A row lives as long as its message could still be shown: twice the sender's window.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, Table, Text, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from ..db import Database, new_rows
from .errors import SignatureRefused
from .tables import metadata

used_nonce = Table(
    "trust_used_nonce",
    metadata,
    Column("system_id", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("trust_used_nonce_expiry", "expires_at"),
)


async def use_up(db: Database, system: str, nonce: str, expires: datetime) -> None:
    """Remember a nonce; of two processes that try at once, one succeeds.

    Raises:
        SignatureRefused: it was used before.
    """
    if not await db.together(_used, {"system_id": system, "nonce": nonce, "expires_at": expires}):
        raise SignatureRefused("The message signature was not accepted.", reason="replayed")


async def _used(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    return await new_rows(connection, used_nonce, rows)


async def forget_expired(db: Database, now: datetime) -> None:
    """Drop what could not be shown any more anyway."""
    async with db.write() as connection:
        await connection.execute(delete(used_nonce).where(used_nonce.c.expires_at < now))
