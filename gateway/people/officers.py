"""Officers: who they are, who vouches for them, and their state. Each change is one log entry in the same transaction.

An officer is known everywhere by an id that says nothing (`OFF-7K2M9QXA`); the name is kept here only, for people to
read. Who signs in is found by issuer and subject alone: an identity provider can speak for nobody else's officers.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..trust.evidence import Log, act, entry
from ..trust.register import MEMBER_ID
from . import sessions, tables
from .errors import OfficerRefused, OfficerUnknown

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing that is read wrongly aloud
SHELL = "command-line"  # who acts when it is the operator's shell on the gateway's own host
LONGEST = 200
TRANSITIONS = {
    "active": frozenset({"suspended", "retired"}),
    "suspended": frozenset({"active", "retired"}),
    "retired": frozenset[str](),
}


@dataclass(frozen=True, slots=True)
class Officer:
    """A person who works with the gateway. `issuer` and `subject` are of the identity provider's ID token."""

    id: str
    member: str
    name: str
    issuer: str
    subject: str
    state: str = "active"


def new_officer_id() -> str:
    """40 random bits; the table's key sees to it that no two are equal."""
    return "OFF-" + "".join(secrets.choice(ALPHABET) for _ in range(8))


async def add(connection: AsyncConnection, log: Log, officer: Officer, *, by: str, now: datetime) -> str:
    """Register an officer, without any role yet; gives the log receipt.

    Raises:
        OfficerRefused: malformed, or the identity is registered already.
    """
    _check_shape(officer)
    row = {
        "id": officer.id,
        "member_id": officer.member,
        "name": officer.name,
        "issuer": officer.issuer,
        "subject": officer.subject,
        "state": officer.state,
        "changed_at": now,
    }
    try:
        async with connection.begin_nested():
            await connection.execute(insert(tables.officer).values(row))
    except IntegrityError:
        raise OfficerRefused("somebody is registered under this issuer and subject already") from None
    facts = {"by": by, "officer": officer.id, "member": officer.member, "issuer": officer.issuer}
    return str(await log.append_in(connection, entry("officer.registered", now, facts)))


async def set_state(
    connection: AsyncConnection, log: Log, id_: str, state: str, *, by: str, reason: str = "", now: datetime
) -> str:
    """Suspend, bring back or retire; gives the log receipt. Whoever is no longer active is signed out at once.

    The reason stands in the entry, so it names no person.

    Raises:
        OfficerUnknown, OfficerRefused: there is none, it is oneself, or the state does not allow the step.
    """
    before = await connection.scalar(select(tables.officer.c.state).where(tables.officer.c.id == id_).with_for_update())
    if before is None:
        raise OfficerUnknown
    if id_ == by:
        raise OfficerRefused("nobody changes their own state; ask another administrator")
    if state not in TRANSITIONS[before]:
        raise OfficerRefused(f"{id_} is {before} and cannot become {state}")
    await connection.execute(
        update(tables.officer).where(tables.officer.c.id == id_).values(state=state, changed_at=now)
    )
    await sessions.close_all_of(connection, id_)
    facts = {"officer": id_, "before": before, "state": state} | act(by=by, reason=reason)
    return str(await log.append_in(connection, entry(f"officer.{state}", now, facts)))


async def read(connection: AsyncConnection, id_: str) -> Officer:
    """One officer. Raises OfficerUnknown."""
    return await _one(connection, select(tables.officer).where(tables.officer.c.id == id_))


async def vouched_for(connection: AsyncConnection, issuer: str, subject: str) -> Officer:
    """Whom this identity provider means by this subject. Raises OfficerUnknown."""
    held = tables.officer.c
    return await _one(connection, select(tables.officer).where(held.issuer == issuer, held.subject == subject))


async def listed(
    connection: AsyncConnection, where: ColumnElement[bool] | None = None, *, most: int = 1000
) -> Sequence[Officer]:
    """Officers by id, those of a condition only (see `access.visible`)."""
    statement: Select[Any] = select(tables.officer).order_by(tables.officer.c.id).limit(most)
    rows = await connection.execute(statement if where is None else statement.where(where))
    return [_officer(row) for row in rows.mappings()]


def named(id_: str) -> ColumnElement[bool]:
    """The condition for one officer's row."""
    return tables.officer.c.id == id_


async def _one(connection: AsyncConnection, statement: Select[Any]) -> Officer:
    row = (await connection.execute(statement)).mappings().first()
    if row is None:
        raise OfficerUnknown
    return _officer(row)


def _officer(row: RowMapping) -> Officer:
    return Officer(row["id"], row["member_id"], row["name"], row["issuer"], row["subject"], row["state"])


def _check_shape(officer: Officer) -> None:
    if not MEMBER_ID.fullmatch(officer.member):
        raise OfficerRefused("an officer belongs to a member, like LK/GOV/WBB")
    if not all(0 < len(text.strip()) <= LONGEST for text in (officer.name, officer.issuer, officer.subject)):
        raise OfficerRefused(f"give a name, an issuer and a subject of up to {LONGEST} characters each")
