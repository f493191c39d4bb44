"""Tokens that were taken back before their time: remembered by every process, for the minutes they would have lived.

A revocation in this process counts at the next call, one in another process within a second.

Source: RFC 7009.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from ..db import Database
from .held_keys import utc
from .token_tables import revoked_token
from .tokens import Token

OVERLAP = timedelta(seconds=60)  # a transaction may commit, and another process's clock may be, this much late


class Revocations:
    """The revoked tokens, by their id."""

    def __init__(self, db: Database, *, look_again: float = 1.0) -> None:
        """`look_again`: seconds for which another process's revocation may go unnoticed."""
        self._db = db
        self._look_again = look_again
        self._looked_at = float("-inf")
        self._since: datetime | None = None
        self._turn = asyncio.Lock()
        self._revoked: dict[str, datetime] = {}  # token id -> when it expires

    async def fresh(self, now: datetime) -> Mapping[str, object]:
        """The ids of the tokens that are revoked, at most `look_again` seconds old."""
        if time.monotonic() - self._looked_at < self._look_again:
            return self._revoked
        asked_at = time.monotonic()
        async with self._turn:
            if self._looked_at < asked_at:  # nobody looked while we waited
                await self._look(now)
        return self._revoked

    async def revoke(self, token: Token, now: datetime) -> None:
        """Durably; revoking twice is revoking once."""
        expires = datetime.fromtimestamp(token.expires, now.tzinfo)
        row = {"token_id": token.grant.token_id, "client_id": token.grant.client_id}
        try:
            async with self._db.write() as connection:
                await connection.execute(delete(revoked_token).where(revoked_token.c.expires_at < now - OVERLAP))
                await connection.execute(insert(revoked_token).values(row | {"revoked_at": now, "expires_at": expires}))
        except IntegrityError:
            return
        finally:
            self._revoked[token.grant.token_id] = expires

    async def _look(self, now: datetime) -> None:
        started = time.monotonic()
        found = select(revoked_token.c.token_id, revoked_token.c.expires_at)
        if self._since is not None:
            found = found.where(revoked_token.c.revoked_at > self._since - OVERLAP)
        async with self._db.read() as connection:
            rows = (await connection.execute(found)).all()
        self._revoked |= {row.token_id: utc(row.expires_at) for row in rows}
        for gone in [each for each, expires in self._revoked.items() if expires <= now]:
            del self._revoked[gone]
        self._since, self._looked_at = now, started


def _aware(at: datetime, now: datetime) -> datetime:
    """SQLite gives naive times back; all of ours are UTC."""
    return at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
