"""`/v1/officers`: who works with the gateway, and in which role.

For officers who are signed in (the session's cookie and `X-CSRF-Token`), never for systems. Who may see or change whom
follows from roles; others' officers do not exist. Every change is a log entry in the same transaction.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, StringConstraints

from ...people import People, SignedIn, grants, officers
from ...people.access import visible
from ...people.errors import ApprovalNeeded, NotAllowed, OfficerUnknown
from ...people.grants import Grant, Wanted
from ...people.officers import Officer
from ...people.roles import ROLES, Reach, Right, role_named
from ...people.territory import Territory, level_of
from ..body import StrictRoute
from ..people import officer, people
from .shapes import Reference, Shape
from .why import Because

router = APIRouter(tags=["officers"], route_class=StrictRoute)

Who = Annotated[SignedIn, Depends(officer)]
Here = Annotated[People, Depends(people)]
PRINTED = r"^[^\x00-\x1f\x7f]*$"  # a control character is nobody's name, and NUL no database's text
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTED)]
REFUSED: dict[int | str, dict[str, Any]] = {400: {}, 403: {}, 404: {}, 409: {}}


class OfficerIn(Shape):
    """`POST /v1/officers`. `issuer` and `subject` are those of the ID token that the officer signs in with."""

    member: Reference
    name: Line
    issuer: Line
    subject: Line


class OfficerStateIn(Shape):
    """`POST /v1/officers/{officer_id}/state`."""

    state: Annotated[str, StringConstraints(pattern="^(active|suspended|retired)$")]


class GrantIn(Shape):
    """`POST /v1/officers/{officer_id}/roles`. A year at most, and that long where `expires_at` is left out."""

    role: Reference
    member: Reference | None = None
    territory: Reference | None = None
    expires_at: AwareDatetime | None = None

    def wanted(self, officer_id: str) -> Wanted:
        """The grant that is asked for."""
        return Wanted(officer_id, self.role, self.member or "", self.territory or "", self.expires_at)


@router.get("/officers/me", responses={403: {}})
async def get_me(who: Who) -> dict[str, object]:
    """The officer who asks, the roles in force, and the token that changes have to carry."""
    fresh_until = who.session.authenticated_at.isoformat()
    return _shown(who.officer, who.grants) | {"authenticated_at": fresh_until, "csrf_token": who.csrf}


@router.get("/officers", responses={400: {}, 403: {}, 409: {}})
async def get_officers(who: Who, here: Here, territory: Reference | None = None) -> dict[str, object]:
    """The officers one may see, those with a role within a territory if one is named."""
    who.need(Right.OFFICERS_READ)
    now = here.clock()
    async with here.db.read() as connection:
        found = await officers.listed(connection, visible(who, now))
        held = await grants.everybodys(connection, now)
    if territory is not None:
        level_of(territory, here.profile.raw)
        found = [each for each in found if any(_within(one, territory) for one in held.get(each.id, ()))]
    return {"officers": [_shown(each, held.get(each.id, ())) for each in found]}


@router.post("/officers", status_code=201, responses=REFUSED)
async def post_officer(body: OfficerIn, who: Who, here: Here) -> dict[str, object]:
    """Register an officer of a member, without any role yet."""
    who.need(Right.OFFICERS_CHANGE, body.member)
    made = Officer(officers.new_officer_id(), body.member, body.name, body.issuer, body.subject)
    async with here.db.write() as connection:
        receipt = await officers.add(connection, here.log, made, by=who.id, now=here.clock())
    return _shown(made, ()) | {"receipt": receipt}


@router.get("/officers/{officer_id}", responses={403: {}, 404: {}})
async def get_officer(officer_id: Reference, who: Who, here: Here) -> dict[str, object]:
    """One officer, with the roles in force."""
    who.need(Right.OFFICERS_READ)
    found = await _seen(here, who, officer_id)
    async with here.db.read() as connection:
        return _shown(found, await grants.of(connection, officer_id, here.clock()))


@router.post("/officers/{officer_id}/state", responses=REFUSED)
async def post_officer_state(
    officer_id: Reference, body: OfficerStateIn, who: Who, here: Here, why: Because
) -> dict[str, object]:
    """Suspend (which ends every session at once), bring back or retire; never oneself."""
    found, because = await _changeable(here, who, officer_id), {"by": who.id, "reason": why.of_a_person()}
    async with here.db.write() as connection:
        receipt = await officers.set_state(connection, here.log, found.id, body.state, **because, now=here.clock())
    return {"id": found.id, "state": body.state, "receipt": receipt}


@router.post("/officers/{officer_id}/roles", status_code=201, responses=REFUSED)
async def post_role(officer_id: Reference, body: GrantIn, who: Who, here: Here) -> dict[str, object]:
    """Grant a role. One that watches over others is proposed at `/v1/approvals` instead (`role.grant`)."""
    found = await _changeable(here, who, officer_id)
    _check_may_give(who, body, found)
    async with here.db.write() as connection:
        wanted = body.wanted(found.id)
        made = await grants.give(connection, here.log, wanted, here.profile.raw, by=who.id, now=here.clock())
    return _grant(made)


@router.delete("/officers/{officer_id}/roles/{grant_id}", responses=REFUSED)
async def delete_role(
    officer_id: Reference, grant_id: Reference, who: Who, here: Here, why: Because
) -> dict[str, object]:
    """Take a role away: counts from the next request on."""
    found, because = await _changeable(here, who, officer_id), {"by": who.id, "reason": why.of_a_person()}
    async with here.db.write() as connection:
        receipt = await grants.revoke(connection, here.log, found.id, grant_id, **because, now=here.clock())
    return {"id": grant_id, "receipt": receipt}


async def _seen(here: People, who: SignedIn, officer_id: str) -> Officer:
    """An officer that the asker may see; others do not exist. Raises OfficerUnknown."""
    async with here.db.read() as connection:
        found = await officers.listed(connection, visible(who, here.clock()) & officers.named(officer_id))
    if not found:
        raise OfficerUnknown
    return found[0]


async def _changeable(here: People, who: SignedIn, officer_id: str) -> Officer:
    """An officer that the asker may change. Raises OfficerUnknown, NotAllowed."""
    who.need(Right.OFFICERS_CHANGE)
    found = await _seen(here, who, officer_id)
    who.need(Right.OFFICERS_CHANGE, found.member)
    return found


def _check_may_give(who: SignedIn, body: GrantIn, found: Officer) -> None:
    """Nobody gives more than they reach: an agency's administrator grants for that agency, and no oversight.

    Raises:
        NotAllowed, ApprovalNeeded.
    """
    role = role_named(body.role)
    if role.controls:
        raise ApprovalNeeded("This role takes two people: propose role.grant at /v1/approvals.")
    if role.reach is Reach.MEMBER and body.member:
        who.need(Right.OFFICERS_CHANGE, body.member)
        if body.member != found.member and not who.everywhere(Right.OFFICERS_CHANGE):
            raise NotAllowed("An agency's role goes to the agency's own officers.")


def _within(grant: Grant, territory: str) -> bool:
    return grant.territory in Territory(territory)


def _shown(found: Officer, held: Sequence[Grant]) -> dict[str, object]:
    identity = {"issuer": found.issuer, "subject": found.subject}
    about = {"id": found.id, "member": found.member, "name": found.name, "state": found.state}
    return about | identity | {"roles": [_grant(each) for each in held]}


def _grant(held: Grant) -> dict[str, object]:
    return {
        "id": held.id,
        "role": held.role,
        "title": ROLES[held.role].title,
        "member": held.member or None,
        "territory": held.territory or None,
        "granted_by": held.granted_by,
        "granted_at": held.granted_at.isoformat(),
        "expires_at": held.expires_at.isoformat(),
    }
