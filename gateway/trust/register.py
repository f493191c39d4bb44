"""The register: what may be changed when, and reading it.

A member is an organisation (`LK/GOV/WBB`), a system one of its computer systems (`LK/GOV/WBB/SRIS`). Each is
proposed, active, suspended or retired; retired is for ever. Every change is one log entry in the same transaction,
and raises the generation, by which every process drops what it remembers (`directory`).
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from . import client_secrets, held_keys, tables
from .errors import RegistrationRefused
from .evidence import Log, act, inserted, recorded
from .parties import (
    MEMBER_ID,
    SYSTEM_ID,
    Member,
    Offered,
    System,
    check_member,
    check_system,
    member_of,
    member_row,
    system_facts,
    system_of,
    system_row,
)
from .policy import Policy, compared

__all__ = ["MEMBER_ID", "SYSTEM_ID", "Member", "Offered", "System"]

TRANSITIONS = {
    "proposed": frozenset({"active", "retired"}),
    "active": frozenset({"suspended", "retired"}),
    "suspended": frozenset({"active", "retired"}),
    "retired": frozenset[str](),
}

add_keys, retire_key, keys_of = held_keys.add, held_keys.retire, held_keys.of
client_secret_hashes = client_secrets.hashes_of


async def add_member(connection: AsyncConnection, log: Log, member: Member, now: datetime) -> str:
    """Register a member; gives the log receipt.

    Raises:
        RegistrationRefused: the id is malformed or taken.
    """
    check_member(member)
    _check_first_state(member.id, member.state)
    row = member_row(member, now)
    await inserted(connection, insert(tables.member).values(row), f"{member.id} is registered already")
    return await recorded(connection, log, "member.registered", now, member=member.id, state=member.state)


async def change_member(connection: AsyncConnection, log: Log, member: Member, now: datetime) -> str:
    """Replace a member's name, contacts and address; the state changes by `set_state` only.

    The log learns which of them changed, never a contact.

    Raises:
        RegistrationRefused: malformed, not registered, or nothing would change.
    """
    check_member(member)
    kept = await find_member(connection, member.id)
    if kept is None:
        raise RegistrationRefused(f"{member.id} is not registered")
    row, before = (member_row(replace(each, state=kept.state), now) for each in (member, kept))
    changed = sorted(name for name in row if row[name] != before[name])
    if not changed:
        raise RegistrationRefused(f"{member.id} is like that already")
    await connection.execute(update(tables.member).where(tables.member.c.id == member.id).values(row))
    named = {"name": member.name} if "name" in changed else {}
    return await recorded(connection, log, "member.changed", now, member=member.id, changed=changed, **named)


async def add_system(connection: AsyncConnection, log: Log, system: System, now: datetime) -> str:
    """Register a system of a registered member; gives the log receipt.

    Raises:
        RegistrationRefused: malformed, taken, or the member is not registered.
    """
    check_system(system)
    _check_first_state(system.id, system.state)
    if not await connection.scalar(select(tables.member.c.id).where(tables.member.c.id == system.member_id)):
        raise RegistrationRefused(f"register the member {system.member_id} first")
    statement = insert(tables.system).values(system_row(system, now))
    await inserted(connection, statement, f"{system.id} or the client id {system.client_id} is registered already")
    exceptions = system.policy.exceptions()
    facts = system_facts(system) | ({"exceptions": exceptions} if exceptions else {})
    return await recorded(connection, log, "system.registered", now, **facts)


async def change_system(connection: AsyncConnection, log: Log, system: System, now: datetime) -> str:
    """Replace a system's name, scopes and offered services; state and policy change by calls of their own.

    Raises:
        RegistrationRefused: malformed or not registered.
    """
    check_system(system)
    kept = await _registered(connection, system.id)
    after = replace(system, state=kept.state, client_id=kept.client_id, policy=kept.policy)
    await connection.execute(
        update(tables.system).where(tables.system.c.id == system.id).values(system_row(after, now))
    )
    moved = sorted(each.name for each in after.services if _moved(each, kept))
    facts = system_facts(after) | ({"callbacks_moved": moved} if moved else {})
    return await recorded(connection, log, "system.changed", now, **facts)


async def change_policy(connection: AsyncConnection, log: Log, system_id: str, policy: Policy, now: datetime) -> str:
    """Agree anew on how a system presents itself; the log learns what was raised and what was lowered.

    Raises:
        RegistrationRefused: not registered, nothing would change, or keys in force need what is taken away.
    """
    system = await _registered(connection, system_id)
    told = compared(system.policy, policy)
    if not (told.raised or told.lowered or told.changed):
        raise RegistrationRefused(f"the policy of {system.id} is like that already")
    gone = set(system.policy.signature.algorithms) - set(policy.signature.algorithms)
    if held := [key.kid for key in await keys_of(connection, system.id, now) if key.alg in gone]:
        raise RegistrationRefused(f"retire {', '.join(held)} first: the algorithm is no longer in the policy")
    if not policy.jwks_uri:  # what was fetched stays, as if it had been uploaded
        await connection.execute(delete(tables.key_set).where(tables.key_set.c.system_id == system.id))
    row = system_row(replace(system, policy=policy), now)
    await connection.execute(update(tables.system).where(tables.system.c.id == system.id).values(row))
    facts = {"raised": told.raised, "lowered": told.lowered, "changed": told.changed}
    return await recorded(connection, log, "system.policy_changed", now, system=system.id, **facts)


async def set_state(connection: AsyncConnection, log: Log, owner: str, state: str, now: datetime, **said: str) -> str:
    """Move a member or a system to another state; gives the log receipt. Takes effect at the next call.

    `said` is what `evidence.act` takes, for the entry.

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
    facts = {kind: owner, "before": before, "state": state} | act(**said)
    return await recorded(connection, log, f"{kind}.{state}", now, **facts)


async def find_member(connection: AsyncConnection, member: str) -> Member | None:
    """A member by its id."""
    row = (await connection.execute(select(tables.member).where(tables.member.c.id == member))).mappings().first()
    return member_of(row) if row else None


async def find_system(connection: AsyncConnection, name: str) -> System | None:
    """By id or by client id; None if not registered. The state is the system's own (see `in_force`)."""
    where = (tables.system.c.id == name) | (tables.system.c.client_id == name)
    row = (await connection.execute(select(tables.system).where(where))).mappings().first()
    return system_of(row) if row else None


async def systems(connection: AsyncConnection) -> tuple[System, ...]:
    """All systems, by id."""
    rows = (await connection.execute(select(tables.system).order_by(tables.system.c.id))).mappings()
    return tuple(system_of(row) for row in rows)


async def members(connection: AsyncConnection) -> tuple[Member, ...]:
    """All members, by id."""
    rows = (await connection.execute(select(tables.member).order_by(tables.member.c.id))).mappings()
    return tuple(member_of(row) for row in rows)


async def in_force(connection: AsyncConnection, system: System) -> bool:
    """Whether the system may call now: it is active, and so is its member."""
    state = await connection.scalar(select(tables.member.c.state).where(tables.member.c.id == system.member_id))
    return system.state == "active" and state == "active"


async def generation(connection: AsyncConnection) -> int:
    """Raised by every change of a member, a system or a key."""
    return int(await connection.scalar(select(tables.generation.c.value)) or 0)


async def _registered(connection: AsyncConnection, system_id: str) -> System:
    """The system, held against other changes until the transaction ends."""
    chosen = select(tables.system).where(tables.system.c.id == system_id).with_for_update()
    row = (await connection.execute(chosen)).mappings().first()
    if row is None:
        raise RegistrationRefused(f"{system_id} is not registered")
    return system_of(row)


def _check_first_state(owner: str, state: str) -> None:
    if state not in {"proposed", "active"}:
        raise RegistrationRefused(f"{owner} begins as proposed or active")


def _moved(offered: Offered, kept: System) -> bool:
    """Whether deliveries of a service that is there already go to another address afterwards."""
    return any(each.name == offered.name and each.callback_url != offered.callback_url for each in kept.services)
