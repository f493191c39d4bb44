"""The public keys that members and systems hold: added, retired, read. A kid is never used again.

A key counts until it is retired, or until its own end (`exp` of the JWK it came as).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from . import jwks, tables
from .errors import KeysRefused, RegistrationRefused
from .evidence import Log, act, inserted, recorded
from .jose import Key
from .parties import MEMBER_ID
from .policy import Policy

STALE_AFTER = timedelta(hours=24)  # fetched keys count for so long after the last fetch that went well


@dataclass(frozen=True, slots=True)
class Held:
    """All keys in force: use -> owner id -> keys. `until`: when one of them will not be any more."""

    keys: Mapping[str, Mapping[str, tuple[Key, ...]]]
    until: datetime | None


async def add(connection: AsyncConnection, log: Log, owner: str, keys: Sequence[Key], now: datetime) -> tuple[str, ...]:
    """Register public keys beside those already there; one log receipt a key.

    Raises:
        KeysRefused: more than eight would be in force, one is over already, a kid was used before, or the owner's
            policy has no room for the algorithm.
        RegistrationRefused: the owner is not registered.
    """
    await _check_allowed(connection, owner, keys)
    if over := next((each.kid for each in keys if each.not_after and each.not_after <= now), None):
        raise KeysRefused(f"the key {over} has ended already; send one that has not")
    counted = await connection.scalar(select(func.count()).select_from(_in_force(owner, now).subquery()))
    if int(counted or 0) + len(keys) > jwks.MOST_KEYS:
        raise KeysRefused(f"{owner} would have more than {jwks.MOST_KEYS} keys in force; retire one first")
    receipts = []
    for each in keys:
        row = {"owner_id": owner, "kid": each.kid, "use": each.use, "jwk": dict(each.jwk), "added_at": now}
        statement = insert(tables.key).values(**row, not_after=each.not_after)
        await inserted(connection, statement, f"the kid {each.kid} was used before")
        receipts.append(await recorded(connection, log, "key.added", now, **key_facts(owner, each)))
    return tuple(receipts)


def key_facts(owner: str, key: Key) -> dict[str, object]:
    """What the log is told of a key."""
    ends = {"not_after": key.not_after.isoformat()} if key.not_after else {}
    facts = {"owner": owner, "kid": key.kid, "use": key.use, "alg": key.alg, "thumbprint": key.thumbprint}
    return {**facts, **ends}


async def retire(
    connection: AsyncConnection, log: Log, owner: str, kid: str, now: datetime, *, by: str = "", reason: str = ""
) -> str:
    """Take a key out of force: what it signs from now on is refused. Gives the log receipt.

    `by` and `reason` stand in the entry, so the reason names no person.

    Raises:
        RegistrationRefused: no such key is in force.
    """
    held = tables.key.c
    statement = update(tables.key).where(held.owner_id == owner, held.kid == kid, held.retired_at.is_(None))
    if (await connection.execute(statement.values(retired_at=now))).rowcount != 1:
        raise RegistrationRefused(f"{owner} has no key {kid} in force")
    return await recorded(connection, log, "key.retired", now, owner=owner, kid=kid, **act(by=by, reason=reason))


async def of(connection: AsyncConnection, owner: str, now: datetime, use: str = "sig") -> tuple[Key, ...]:
    """The keys of one use that are in force, oldest first."""
    rows = await connection.execute(_in_force(owner, now).where(tables.key.c.use == use))
    return tuple(key_of(row) for row in rows)


async def every(connection: AsyncConnection, now: datetime) -> Held:
    """The keys of everybody."""
    held: dict[str, dict[str, tuple[Key, ...]]] = {use: {} for use in jwks.KINDS}
    ends = []
    for row in await connection.execute(_in_force(None, now)):
        key, owners = key_of(row), held[row.use]
        owners[row.owner_id] = (*owners.get(row.owner_id, ()), key)
        ends += [key.not_after] if key.not_after else []
        ends += [utc(row.fetched_at) + STALE_AFTER] if row.fetched_at else []
    return Held(held, min(ends, default=None))


async def lost(connection: AsyncConnection, owners: Collection[str], now: datetime) -> set[str]:
    """Those who had keys to sign with, and have none in force: whoever never had one does not call."""
    held = tables.key.c
    signing = held.owner_id.in_(list(owners)), held.use == "sig"
    had = await connection.execute(select(held.owner_id).where(*signing).distinct())
    have = await connection.execute(_in_force(None, now).where(*signing))
    return set(had.scalars()) - {row.owner_id for row in have}


def key_of(row: Row[Any]) -> Key:
    """From a row of `tables.key`."""
    key = jwks.public_key(row.jwk, also=jwks.LEGACY)
    return replace(key, not_after=utc(row.not_after) if row.not_after else None)


def utc(moment: datetime) -> datetime:
    """A moment as the database gave it: SQLite keeps UTC and forgets that it is."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_force(owner: str | None, now: datetime) -> Select[Any]:
    held, fetched = tables.key.c, tables.key_set.c
    joined = tables.key.outerjoin(tables.key_set, held.owner_id == fetched.system_id)
    chosen = select(tables.key, fetched.fetched_at).select_from(joined)
    chosen = chosen.where(held.retired_at.is_(None), or_(held.not_after.is_(None), held.not_after > now))
    chosen = chosen.where(or_(fetched.fetched_at.is_(None), fetched.fetched_at > now - STALE_AFTER))
    chosen = chosen if owner is None else chosen.where(held.owner_id == owner)
    return chosen.order_by(held.added_at, held.kid)


async def _check_allowed(connection: AsyncConnection, owner: str, keys: Sequence[Key]) -> None:
    if MEMBER_ID.fullmatch(owner):
        statement: Select[Any] = select(tables.member.c.id).where(tables.member.c.id == owner)
    else:
        statement = select(tables.system.c.policy).where(tables.system.c.id == owner)
    found = (await connection.execute(statement)).first()
    if found is None:
        raise RegistrationRefused(f"{owner} is not registered")
    allowed = () if MEMBER_ID.fullmatch(owner) else Policy.read(found[0]).signature.algorithms
    if foreign := sorted({each.alg for each in keys if each.alg in jwks.LEGACY} - set(allowed)):
        raise KeysRefused(f"the policy of {owner} does not name {', '.join(foreign)}; name it there first")
