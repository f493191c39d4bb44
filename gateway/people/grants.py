"""Who has which role, where, from whom and until when. Grants expire; nobody grants anything to themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import new_id

from ..trust.evidence import Log, act, entry
from ..trust.register import MEMBER_ID
from . import officers, tables
from .errors import OfficerRefused
from .roles import Reach, check_compatible, role_named
from .territory import level_of

LONGEST = timedelta(days=366)
"""A grant is looked at again at least once a year."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role of an officer. `member` or `territory` is set as the role's reach says, the other one is empty."""

    id: str
    officer: str
    role: str
    member: str
    territory: str
    granted_by: str
    granted_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def in_force(self, now: datetime) -> bool:
        """Whether it counts at this moment."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Wanted:
    """A grant that somebody asks for. Without `expires_at` it lasts as long as a grant may."""

    officer: str
    role: str
    member: str = ""
    territory: str = ""
    expires_at: datetime | None = None

    def document(self) -> dict[str, str]:
        """As a proposal keeps it."""
        until = {"expires_at": self.expires_at.isoformat()} if self.expires_at else {}
        named = {"role": self.role, "member": self.member, "territory": self.territory}
        return {name: text for name, text in named.items() if text} | until

    @classmethod
    def read(cls, officer: str, document: Mapping[str, object]) -> "Wanted":
        """From a proposal. Raises OfficerRefused: a member is unknown or of the wrong kind."""
        texts = {name: str(value) for name, value in document.items()}
        if not texts.keys() <= {"role", "member", "territory", "expires_at"}:
            raise OfficerRefused("a role is asked for with role, member or territory, expires_at")
        try:
            until = datetime.fromisoformat(texts["expires_at"]) if "expires_at" in texts else None
        except ValueError:
            raise OfficerRefused("expires_at is a moment like 2027-01-31T00:00:00Z") from None
        return cls(officer, texts.get("role", ""), texts.get("member", ""), texts.get("territory", ""), until)


async def give(
    connection: AsyncConnection, log: Log, wanted: Wanted, profile: Mapping[str, Any], *, by: str, now: datetime
) -> Grant:
    """Grant a role to an officer who is active.

    Raises:
        OfficerUnknown: there is no such officer.
        OfficerRefused: to oneself, beside a role it conflicts with, without the reach it needs, or for too long.
    """
    officer = await officers.read(connection, wanted.officer)
    if by == officer.id:
        raise OfficerRefused("nobody grants a role to themselves")
    if officer.state != "active":
        raise OfficerRefused(f"{officer.id} is {officer.state}")
    held = await of(connection, officer.id, now)
    check_compatible(wanted.role, (each.role for each in held))
    grant = _grant(wanted, profile, by, now)
    same = (grant.role, grant.member, grant.territory)
    if any((each.role, each.member, each.territory) == same for each in held):
        raise OfficerRefused("the officer has this role already; revoke it to change how long it lasts")
    await connection.execute(insert(tables.grant).values(_row(grant)))
    await log.append_in(connection, entry("role.granted", now, _facts(grant, by)))
    return grant


async def revoke(
    connection: AsyncConnection, log: Log, officer: str, id_: str, *, by: str, reason: str = "", now: datetime
) -> str:
    """Take a role away: counts from the next request on. Gives the log receipt.

    The reason stands in the entry, so it names no person.

    Raises:
        OfficerRefused: the officer has no such grant in force, or it is one's own.
    """
    grant = next((each for each in await of(connection, officer, now) if each.id == id_), None)
    if grant is None:
        raise OfficerRefused(f"{officer} has no such role in force")
    if by == officer:
        raise OfficerRefused("nobody changes their own roles; ask another administrator")
    await connection.execute(update(tables.grant).where(tables.grant.c.id == id_).values(revoked_at=now))
    return str(
        await log.append_in(connection, entry("role.revoked", now, _facts(grant, by) | act(by=by, reason=reason)))
    )


async def of(connection: AsyncConnection, officer: str, now: datetime) -> Sequence[Grant]:
    """The grants in force of one officer, oldest first."""
    held = await connection.execute(_ordered().where(tables.grant.c.officer_id == officer))
    return [grant for row in held.mappings() if (grant := _read(row)).in_force(now)]


async def everybodys(connection: AsyncConnection, now: datetime) -> Mapping[str, Sequence[Grant]]:
    """Officer id -> grants in force."""
    found: dict[str, list[Grant]] = {}
    for row in (await connection.execute(_ordered())).mappings():
        if (grant := _read(row)).in_force(now):
            found.setdefault(grant.officer, []).append(grant)
    return found


TAKES = {
    Reach.MEMBER: "is for one member; name the member and no territory",
    Reach.TERRITORY: "is for one territory; name the territory and no member",
    Reach.GATEWAY: "is for the whole gateway; name neither a member nor a territory",
}


def _grant(wanted: Wanted, profile: Mapping[str, Any], by: str, now: datetime) -> Grant:
    role = role_named(wanted.role)
    if (role.reach is Reach.MEMBER) != bool(wanted.member) or (role.reach is Reach.TERRITORY) != bool(wanted.territory):
        raise OfficerRefused(f"the role {role.name} {TAKES.get(role.reach, TAKES[Reach.GATEWAY])}")
    if wanted.member and not MEMBER_ID.fullmatch(wanted.member):
        raise OfficerRefused("a member id has three parts, like LK/GOV/WBB")
    if wanted.territory and (level := level_of(wanted.territory, profile)) not in (role.levels or {level}):
        raise OfficerRefused(f"a {role.name} works in a {' or '.join(sorted(role.levels))}, not in a {level}")
    until = wanted.expires_at or now + LONGEST
    if until.tzinfo is None or not now < until <= now + LONGEST:
        raise OfficerRefused(f"a role ends after now and within {LONGEST.days} days; give a time zone")
    return Grant(str(new_id(now)), wanted.officer, role.name, wanted.member, wanted.territory, by, now, until)


def _ordered() -> Select[Any]:
    return select(tables.grant).order_by(tables.grant.c.granted_at, tables.grant.c.id)


def _row(grant: Grant) -> dict[str, object]:
    return {
        "id": grant.id,
        "officer_id": grant.officer,
        "role": grant.role,
        "member_id": grant.member,
        "territory": grant.territory,
        "granted_by": grant.granted_by,
        "granted_at": grant.granted_at,
        "expires_at": grant.expires_at,
    }


def _facts(grant: Grant, by: str) -> dict[str, object]:
    reach = {"member": grant.member, "territory": grant.territory}
    told: dict[str, object] = {"by": by, "officer": grant.officer, "role": grant.role, "grant": grant.id}
    return told | {name: code for name, code in reach.items() if code} | {"expires_at": grant.expires_at.isoformat()}


def _read(row: RowMapping) -> Grant:
    who = (row["id"], row["officer_id"], row["role"], row["member_id"], row["territory"], row["granted_by"])
    return Grant(*who, row["granted_at"], row["expires_at"], row["revoked_at"])
