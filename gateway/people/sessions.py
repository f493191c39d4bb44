"""Sessions live in the database; the browser holds a random number, the table its hash.

Idle 15 minutes, 8 hours at most, a new number at every sign-in and step-up. A row that is gone is a session that is
over: sign-out, suspension and the end of time all delete rows.

Source: OWASP ASVS 5.0 chapter 7; OWASP Session Management Cheat Sheet.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=8)
FRESH = timedelta(minutes=5)
NOTED_EVERY = timedelta(minutes=1)  # how far `seen_at` may lag: a session never lives longer for it, only shorter


@dataclass(frozen=True, slots=True)
class Session:
    """An officer's or a citizen's; exactly one of `officer` and `person_ref` is set."""

    officer: str | None
    person_ref: str | None
    issuer: str
    authenticated_at: datetime
    seen_at: datetime
    ends_at: datetime
    draft: bytes | None = None
    """Sealed (`drafts`); None as well where its ten minutes are over."""

    def alive(self, now: datetime) -> bool:
        """Neither idle for too long nor too old."""
        return now < self.ends_at and now < self.seen_at + IDLE

    def fresh(self, now: datetime) -> bool:
        """Whether the person proved who they are just now, as what cannot be taken back needs."""
        return now - self.authenticated_at <= FRESH


async def begin(
    connection: AsyncConnection,
    *,
    officer: str | None = None,
    person_ref: str | None = None,
    issuer: str,
    authenticated_at: datetime,
    now: datetime,
) -> str:
    """Open a session; gives the number for the cookie. Ended ones of everybody are swept out on the way."""
    secret = secrets.token_urlsafe(32)
    await _sweep(connection, now)
    row = {
        "id_hash": hashed(secret),
        "officer_id": officer,
        "person_ref": person_ref,
        "issuer": issuer,
        "authenticated_at": authenticated_at,
        "seen_at": now,
        "ends_at": now + LONGEST,
    }
    await connection.execute(insert(tables.session).values(row))
    return secret


async def find(connection: AsyncConnection, secret: str, now: datetime) -> Session | None:
    """The session of a cookie, if there is one alive."""
    statement = select(tables.session).where(tables.session.c.id_hash == hashed(secret))
    row = (await connection.execute(statement)).mappings().first()
    found = read(row, now) if row else None
    return found if found and found.alive(now) else None


def read(row: RowMapping, now: datetime) -> Session:
    """A session of a row, over or not."""
    who = (row["officer_id"], row["person_ref"], row["issuer"])
    draft = row["draft"] if row["draft_until"] and now < row["draft_until"] else None
    return Session(*who, row["authenticated_at"], row["seen_at"], row["ends_at"], draft)


async def note_seen(connection: AsyncConnection, secret: str, now: datetime) -> None:
    """Somebody is there: the idle time begins anew."""
    await connection.execute(
        update(tables.session).where(tables.session.c.id_hash == hashed(secret)).values(seen_at=now)
    )


async def end(connection: AsyncConnection, id_hash: str) -> bool:
    """Close the one of this hash of a number; False if there was none."""
    done = await connection.execute(delete(tables.session).where(tables.session.c.id_hash == id_hash))
    return done.rowcount == 1


async def _sweep(connection: AsyncConnection, now: datetime) -> None:
    """Take out what is over; the row of a session with a form that waits for a sign-in stays as long as the form."""
    held = tables.session.c
    late = update(tables.session).where(held.draft_until <= now)
    await connection.execute(late.values(draft=None, draft_until=None))
    over = (held.ends_at <= now) | (held.seen_at <= now - IDLE)
    await connection.execute(delete(tables.session).where(over, held.draft_until.is_(None)))


async def close_all_of(connection: AsyncConnection, officer: str) -> None:
    """Close every session of an officer."""
    await connection.execute(delete(tables.session).where(tables.session.c.officer_id == officer))


def hashed(secret: str) -> str:
    """What the table knows of a cookie. 256 random bits need no salt."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def csrf_token(secret: str) -> str:
    """The token that forms of this session carry: nothing is kept for it, and it says nothing about the cookie."""
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), b"sandhi csrf v1", "sha256").hex()
