"""Who is signed in, and what they may do now: the rights of their roles in force, as far as each reaches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, false, or_, true

from . import tables
from .errors import NO_ROLE, NotAllowed, NotFresh
from .grants import Grant
from .officers import Officer
from .roles import ROLES, Reach, Right
from .sessions import Session
from .territory import Territory, rows_within


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An officer with a session. `grants` were in force when the request came; `csrf` is the session's form token."""

    officer: Officer
    grants: Sequence[Grant]
    session: Session
    csrf: str

    @property
    def id(self) -> str:
        """How the log names the officer."""
        return self.officer.id

    @property
    def roles(self) -> frozenset[str]:
        """Names of the roles in force."""
        return frozenset(each.role for each in self.grants)

    def giving(self, right: Right) -> list[Grant]:
        """The grants that give a right somewhere."""
        return [each for each in self.grants if right in ROLES[each.role].rights]

    def everywhere(self, right: Right) -> bool:
        """Whether some role gives the right without a limit."""
        return any(ROLES[each.role].reach is Reach.GATEWAY for each in self.giving(right))

    def territories(self, right: Right) -> list[Territory]:
        """Where roles of a territory give the right: for `territory.rows_within`."""
        return [Territory(each.territory) for each in self.giving(right) if each.territory]

    def for_member(self, right: Right, member: str) -> bool:
        """Whether the right counts for this member (empty: for the gateway as a whole)."""
        return self.everywhere(right) or any(each.member == member for each in self.giving(right) if each.member)

    def need(self, right: Right, member: str | None = None) -> None:
        """Raise unless a role gives the right, for this member if one is named.

        Raises:
            NotAllowed: the text names the right.
        """
        if not (self.giving(right) if member is None else self.for_member(right, member)):
            raise NotAllowed(f"{NO_ROLE} gives the right {right} here.")

    def need_fresh(self, now: datetime) -> None:
        """Raise unless the officer proved who they are within the last minutes. Raises NotFresh."""
        if not self.session.fresh(now):
            raise NotFresh


@dataclass(frozen=True, slots=True)
class Citizen:
    """A person who looks at their own data; known by the pseudonym only."""

    person_ref: str
    csrf: str
    session: Session


def holding(right: Right, now: datetime) -> ColumnElement[bool]:
    """The condition for active officers to whom some role in force gives a right."""
    held, given = tables.officer.c, tables.grant.c
    giving = [role.name for role in ROLES.values() if right in role.rights]
    granted = exists().where(
        given.officer_id == held.id, given.role.in_(giving), given.revoked_at.is_(None), given.expires_at > now
    )
    return and_(held.state == "active", granted)


def visible(who: SignedIn, now: datetime) -> ColumnElement[bool]:
    """The condition for officers that somebody may see: all, those of a member, or those who work in a territory.

    Everybody sees themselves.
    """
    if who.everywhere(Right.OFFICERS_READ):
        return true()
    giving = who.giving(Right.OFFICERS_READ)
    members = [each.member for each in giving if each.member]
    held, given = tables.officer.c, tables.grant.c
    near = exists().where(
        given.officer_id == held.id,
        given.revoked_at.is_(None),
        given.expires_at > now,
        rows_within(given.territory, who.territories(Right.OFFICERS_READ)),
    )
    return or_(held.id == who.id, held.member_id.in_(members) if members else false(), near)
