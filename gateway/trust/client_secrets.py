"""Client secrets, for a DCI partner that can do nothing better. Off unless the system's policy says otherwise.

The gateway makes them (256 random bits, so that nobody's habit makes them guessable), shows each once, keeps the
argon2id hash only, and ends them by themselves. Making the next one leaves the one before in force until its own end,
but for at most `OVERLAP`: the partner changes over without a failed call.

Source: RFC 6749 section 2.3.1; RFC 9106 section 4 (second recommended option); OWASP ASVS 5.0 V11.4.2.
"""

import asyncio
import secrets
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables
from .errors import RegistrationRefused
from .evidence import Log, recorded
from .held_keys import utc
from .parties import System

LIFETIME = timedelta(days=90)
LONGEST_LIFE = timedelta(days=366)
OVERLAP = timedelta(days=7)
LONGEST = 256  # characters of a secret that is presented; more is not even hashed

_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4, type=Type.ID)


@cache  # made when first needed: it takes as long as an exchange, and 64 MiB
def _nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))


def days(number: int) -> timedelta:
    """A lifetime."""
    return timedelta(days=number)


async def make(
    connection: AsyncConnection, log: Log, system: System, now: datetime, lifetime: timedelta = LIFETIME
) -> tuple[str, str]:
    """The next secret of a system, to be shown once, and the log receipt.

    Raises:
        RegistrationRefused: its policy has no client secret, or the lifetime is not from a day to a year.
    """
    if not system.policy.client_secret:
        raise RegistrationRefused(
            f"the policy of {system.id} has no client secret; prefer a key, or allow it with --set client_secret=true"
        )
    if not days(1) <= lifetime <= LONGEST_LIFE:
        raise RegistrationRefused(f"a client secret lives from 1 to {LONGEST_LIFE.days} days")
    secret, held = secrets.token_urlsafe(32), tables.client_secret.c
    mine = held.system_id == system.id
    newest = await connection.scalar(select(held.made_at).where(mine).order_by(held.made_at.desc()))
    await connection.execute(delete(tables.client_secret).where(mine, held.made_at != newest))
    soon = update(tables.client_secret).where(mine, held.not_after > now + OVERLAP)
    await connection.execute(soon.values(not_after=now + OVERLAP))
    row = {"system_id": system.id, "made_at": now, "not_after": now + lifetime}
    row["hash"] = await asyncio.to_thread(_hasher.hash, secret)
    await connection.execute(insert(tables.client_secret).values(row))
    facts = {"system": system.id, "not_after": (now + lifetime).isoformat()}
    return secret, await recorded(connection, log, "system.secret_made", now, **facts)


async def withdraw(connection: AsyncConnection, log: Log, system: System, now: datetime) -> str:
    """End every secret of a system at once; gives the log receipt.

    Raises:
        RegistrationRefused: it has none.
    """
    gone = await connection.execute(delete(tables.client_secret).where(tables.client_secret.c.system_id == system.id))
    if gone.rowcount == 0:
        raise RegistrationRefused(f"{system.id} has no client secret")
    return await recorded(connection, log, "system.secret_withdrawn", now, system=system.id)


async def ends(connection: AsyncConnection, now: datetime) -> dict[str, tuple[datetime, ...]]:
    """System id -> when each of its secrets in force ends, soonest first."""
    held = tables.client_secret.c
    found: dict[str, tuple[datetime, ...]] = {}
    chosen = select(held.system_id, held.not_after).where(held.not_after > now).order_by(held.not_after)
    for row in await connection.execute(chosen):
        found[row.system_id] = (*found.get(row.system_id, ()), utc(row.not_after))
    return found


async def hashes_of(connection: AsyncConnection, system: System, now: datetime) -> tuple[str, ...]:
    """The argon2id hashes (PHC strings) in force, newest first; none where the policy has no client secret."""
    if not system.policy.client_secret:
        return ()
    held = tables.client_secret.c
    chosen = select(held.hash).where(held.system_id == system.id, held.not_after > now).order_by(held.made_at.desc())
    return tuple(await connection.scalars(chosen))


async def accepted(secret: str, hashes: tuple[str, ...]) -> bool:
    """Whether the secret is one of these. Costs the same where there is none: nobody learns who has one.

    Each takes 64 MiB and some 50 ms; the caller bounds how many run at once.
    """
    if len(secret) > LONGEST:
        return False
    tried = hashes or (await asyncio.to_thread(_nobody),)
    found = [await asyncio.to_thread(_matches, secret, each) for each in tried]
    return bool(hashes) and any(found)


def _matches(secret: str, known: str) -> bool:
    try:
        return _hasher.verify(known, secret)
    except (VerificationError, InvalidHashError):
        return False
