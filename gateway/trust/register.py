"""Members, their systems, their keys: the values, and what may be changed when.

A member is an organisation (`LK/GOV/WBB`), a system one of its computer systems (`LK/GOV/WBB/SRIS`). Each is
proposed, active, suspended or retired; retired is for ever. Every change is one log entry in the same transaction,
and raises the generation, by which every process drops what it remembers (`directory`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from . import jwks, tables
from .errors import KeysRefused, RegistrationRefused
from .evidence import Log, entry
from .jose import Key

MEMBER_ID = re.compile(r"[A-Z]{2}(?:/[A-Z0-9][A-Z0-9_-]{0,31}){2}", re.ASCII)
SYSTEM_ID = re.compile(r"[A-Z]{2}(?:/[A-Z0-9][A-Z0-9_-]{0,31}){3}", re.ASCII)
CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
SCOPE = re.compile(r"[a-z][a-z0-9._:-]{0,63}", re.ASCII)
TRANSITIONS = {
    "proposed": frozenset({"active", "retired"}),
    "active": frozenset({"suspended", "retired"}),
    "suspended": frozenset({"active", "retired"}),
    "retired": frozenset[str](),
}


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation. `contact` is where its operators are reached; it stays out of the log."""

    id: str
    name: str
    contact: str = ""
    state: str = "active"


@dataclass(frozen=True, slots=True)
class Offered:
    """A service that a system takes deliveries for: `LK.GOV.WBB.SRIS/enrolment` when the name is `enrolment`."""

    name: str
    callback_url: str
    record_schema: str


@dataclass(frozen=True, slots=True)
class System:
    """A member's computer system. `client_id` is its name at the token endpoint."""

    id: str
    client_id: str
    name: str
    scopes: frozenset[str] = frozenset()
    services: tuple[Offered, ...] = ()
    state: str = "active"

    @property
    def member_id(self) -> str:
        """The owner: the first three parts."""
        return self.id.rpartition("/")[0]

    @property
    def dci_id(self) -> str:
        """The spelling of DCI headers."""
        return self.id.replace("/", ".")


async def add_member(connection: AsyncConnection, log: Log, member: Member, now: datetime) -> str:
    """Register a member; gives the log receipt.

    Raises:
        RegistrationRefused: the id is malformed or taken.
    """
    if not MEMBER_ID.fullmatch(member.id):
        raise RegistrationRefused("a member id has three parts, like LK/GOV/WBB")
    row = {"id": member.id, "name": member.name, "contact": member.contact, "state": member.state, "changed_at": now}
    await _insert(connection, insert(tables.member).values(row), f"{member.id} is registered already")
    return await _recorded(connection, log, "member.registered", now, member=member.id, state=member.state)


async def add_system(connection: AsyncConnection, log: Log, system: System, now: datetime) -> str:
    """Register a system of a registered member; gives the log receipt.

    Raises:
        RegistrationRefused: malformed, taken, or the member is not registered.
    """
    _check_shape(system)
    if not await connection.scalar(select(tables.member.c.id).where(tables.member.c.id == system.member_id)):
        raise RegistrationRefused(f"register the member {system.member_id} first")
    statement = insert(tables.system).values(_system_row(system, now))
    await _insert(connection, statement, f"{system.id} or the client id {system.client_id} is registered already")
    return await _recorded(connection, log, "system.registered", now, **_system_facts(system))


async def change_system(connection: AsyncConnection, log: Log, system: System, now: datetime) -> str:
    """Replace a system's name, scopes and offered services; the state changes by `set_state` only.

    Raises:
        RegistrationRefused: malformed or not registered.
    """
    _check_shape(system)
    kept = await find_system(connection, system.id)
    if kept is None:
        raise RegistrationRefused(f"{system.id} is not registered")
    row = _system_row(replace(system, state=kept.state, client_id=kept.client_id), now)
    await connection.execute(update(tables.system).where(tables.system.c.id == system.id).values(row))
    return await _recorded(connection, log, "system.changed", now, **_system_facts(system))


async def set_state(connection: AsyncConnection, log: Log, owner: str, state: str, now: datetime) -> str:
    """Move a member or a system to another state; gives the log receipt. Takes effect at the next call.

    Raises:
        RegistrationRefused: not registered, or not a step this state allows.
    """
    kind, table = ("member", tables.member) if MEMBER_ID.fullmatch(owner) else ("system", tables.system)
    before = await connection.scalar(select(table.c.state).where(table.c.id == owner).with_for_update())
    if before is None:
        raise RegistrationRefused(f"{owner} is not registered")
    if state not in TRANSITIONS[before]:
        raise RegistrationRefused(f"{owner} is {before} and cannot become {state}")
    await connection.execute(update(table).where(table.c.id == owner).values(state=state, changed_at=now))
    facts = {kind: owner, "before": before, "state": state}
    return await _recorded(connection, log, f"{kind}.{state}", now, **facts)


async def add_keys(
    connection: AsyncConnection, log: Log, owner: str, keys: Sequence[Key], now: datetime
) -> tuple[str, ...]:
    """Register public keys beside those already there; one log receipt a key.

    Raises:
        KeysRefused: more than eight would be in force, or a kid was used before.
        RegistrationRefused: the owner is not registered.
    """
    await _check_owner(connection, owner)
    in_force = await connection.scalar(select(func.count()).select_from(_in_force(owner).subquery()))
    if int(in_force or 0) + len(keys) > jwks.MOST_KEYS:
        raise KeysRefused(f"{owner} would have more than {jwks.MOST_KEYS} keys in force; retire one first")
    receipts = []
    for each in keys:
        row = {"owner_id": owner, "kid": each.kid, "jwk": dict(each.jwk), "added_at": now}
        await _insert(connection, insert(tables.key).values(row), f"the kid {each.kid} was used before")
        facts = {"owner": owner, "kid": each.kid, "alg": each.alg, "thumbprint": each.thumbprint}
        receipts.append(await _recorded(connection, log, "key.added", now, **facts))
    return tuple(receipts)


async def retire_key(connection: AsyncConnection, log: Log, owner: str, kid: str, now: datetime) -> str:
    """Take a key out of force: what it signs from now on is refused. Gives the log receipt.

    Raises:
        RegistrationRefused: no such key is in force.
    """
    held = tables.key.c
    statement = update(tables.key).where(held.owner_id == owner, held.kid == kid, held.retired_at.is_(None))
    if (await connection.execute(statement.values(retired_at=now))).rowcount != 1:
        raise RegistrationRefused(f"{owner} has no key {kid} in force")
    return await _recorded(connection, log, "key.retired", now, owner=owner, kid=kid)


async def find_system(connection: AsyncConnection, name: str) -> System | None:
    """By id or by client id; None if not registered. The state is the system's own (see `in_force`)."""
    where = (tables.system.c.id == name) | (tables.system.c.client_id == name)
    row = (await connection.execute(select(tables.system).where(where))).mappings().first()
    return _system(row) if row else None


async def systems(connection: AsyncConnection) -> tuple[System, ...]:
    """All systems, by id."""
    rows = (await connection.execute(select(tables.system).order_by(tables.system.c.id))).mappings()
    return tuple(_system(row) for row in rows)


async def members(connection: AsyncConnection) -> tuple[Member, ...]:
    """All members, by id."""
    rows = (await connection.execute(select(tables.member).order_by(tables.member.c.id))).mappings()
    return tuple(Member(row["id"], row["name"], row["contact"], row["state"]) for row in rows)


async def keys_of(connection: AsyncConnection, owner: str) -> tuple[Key, ...]:
    """The keys in force of a member or a system, oldest first."""
    rows = await connection.execute(_in_force(owner))
    return tuple(jwks.public_key(row.jwk) for row in rows)


async def all_keys(connection: AsyncConnection) -> dict[str, tuple[Key, ...]]:
    """Owner id -> its keys in force."""
    held: dict[str, tuple[Key, ...]] = {}
    for row in await connection.execute(_in_force(None)):
        held[row.owner_id] = (*held.get(row.owner_id, ()), jwks.public_key(row.jwk))
    return held


async def in_force(connection: AsyncConnection, system: System) -> bool:
    """Whether the system may call now: it is active, and so is its member."""
    state = await connection.scalar(select(tables.member.c.state).where(tables.member.c.id == system.member_id))
    return system.state == "active" and state == "active"


async def generation(connection: AsyncConnection) -> int:
    """Raised by every change of a member, a system or a key."""
    return int(await connection.scalar(select(tables.generation.c.value)) or 0)


def _in_force(owner: str | None) -> Select[Any]:
    chosen = select(tables.key).where(tables.key.c.retired_at.is_(None))
    chosen = chosen if owner is None else chosen.where(tables.key.c.owner_id == owner)
    return chosen.order_by(tables.key.c.added_at, tables.key.c.kid)


def _check_shape(system: System) -> None:
    if not SYSTEM_ID.fullmatch(system.id):
        raise RegistrationRefused("a system id has four parts, like LK/GOV/WBB/SRIS")
    if not CLIENT_ID.fullmatch(system.client_id):
        raise RegistrationRefused("a client id has up to 128 letters, digits, dots, hyphens or underscores")
    if wrong := sorted(scope for scope in system.scopes if not SCOPE.fullmatch(scope)):
        raise RegistrationRefused(f"not a scope: {', '.join(wrong)}")
    if len({each.name for each in system.services}) != len(system.services):
        raise RegistrationRefused("two offered services have the same name")


async def _check_owner(connection: AsyncConnection, owner: str) -> None:
    table = tables.member if MEMBER_ID.fullmatch(owner) else tables.system
    if not await connection.scalar(select(table.c.id).where(table.c.id == owner)):
        raise RegistrationRefused(f"{owner} is not registered")


async def _insert(connection: AsyncConnection, statement: Any, taken: str) -> None:
    try:
        async with connection.begin_nested():
            await connection.execute(statement)
    except IntegrityError:
        raise RegistrationRefused(taken) from None


async def _recorded(connection: AsyncConnection, log: Log, kind: str, now: datetime, **facts: object) -> str:
    raised = await connection.execute(update(tables.generation).values(value=tables.generation.c.value + 1))
    if raised.rowcount == 0:
        await connection.execute(insert(tables.generation).values(id=1, value=1))
    return str(await log.append_in(connection, entry(kind, now, facts)))


def _system_row(system: System, now: datetime) -> dict[str, object]:
    return {
        "id": system.id,
        "member_id": system.member_id,
        "client_id": system.client_id,
        "name": system.name,
        "state": system.state,
        "scopes": sorted(system.scopes),
        "services": [
            {"name": each.name, "callback_url": each.callback_url, "record_schema": each.record_schema}
            for each in system.services
        ],
        "changed_at": now,
    }


def _system_facts(system: System) -> dict[str, object]:
    offered = [f"{system.dci_id}/{each.name}" for each in system.services]
    return {"system": system.id, "state": system.state, "scopes": sorted(system.scopes), "services": offered}


def _system(row: RowMapping) -> System:
    services = tuple(Offered(each["name"], each["callback_url"], each["record_schema"]) for each in row["services"])
    return System(row["id"], row["client_id"], row["name"], frozenset(row["scopes"]), services, row["state"])
