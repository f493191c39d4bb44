"""`/console/officers`: who works with the gateway, in which role. As `/v1/officers`."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

import pages
from pages import Refused

from ..edges.v1 import approvals, officers
from ..edges.v1.why import Why
from ..people import People, Right, SignedIn
from ..people.people import CONSOLE
from ..people.roles import ROLES, Reach
from ..wiring import Services
from .doing import form_of, officer_with, refusal
from .forms import shaped
from .names import names_of
from .page import done, page
from .surely import Asked, Sure, asked_first

router = APIRouter(prefix="/console/officers", include_in_schema=False)
STATES = ("active", "suspended", "retired")
SURE: Mapping[str, Sure] = {
    "active": (
        "Bring %(name)s back?",
        ("The officer can sign in again, and the roles that have not ended count again.",),
        "Bring the officer back",
    ),
    "suspended": (
        "Suspend %(name)s?",
        ("Every session of this officer ends, and no role counts any more.", "You can bring the officer back."),
        "Suspend the officer",
    ),
    "retired": (
        "Retire %(name)s for good?",
        ("Every session of this officer ends, and no role counts any more.", "Nobody can bring the officer back."),
        "Retire the officer for good",
    ),
}
"""State -> what is asked first."""
REVOKING = (
    "Take the role %(role)s away from %(name)s?",
    ("It counts from the next page on. To have it again, it has to be granted anew.",),
    "Take the role away",
)
GRANTED = [each for each in ROLES.values() if each.reach is not Reach.SELF]


@router.get("")
async def listed(request: Request) -> Response:
    """Those one may see, and the form that registers one."""
    return await _all(request)


@router.post("")
async def register(request: Request) -> Response:
    """Register an officer, without any role yet."""
    who, here = await officer_with(request, Right.OFFICERS_CHANGE)
    form = await form_of(request, who)

    async def work() -> None:
        await officers.post_officer(shaped(officers.OfficerIn, form), who, here.people)

    refused = await refusal(work(), form, "subject")
    return await _all(request, refused) if refused else done("/console/officers", "saved")


@router.get("/{officer_id}")
async def one(officer_id: str, request: Request) -> Response:
    """One officer with the roles in force."""
    return await _one(officer_id, request)


@router.post("/{officer_id}/state")
async def set_state(officer_id: str, request: Request) -> Response:
    """Suspend (which ends every session), bring back or retire; who is retired does not come back."""

    async def work(who: SignedIn, here: People, form: Any, why: Why) -> None:
        await officers.post_officer_state(officer_id, shaped(officers.OfficerStateIn, form), who, here, why)

    return await _changed(officer_id, request, work, lambda form: SURE.get(form.get("state", "")))


@router.post("/{officer_id}/roles")
async def grant(officer_id: str, request: Request) -> Response:
    """Grant a role; one that watches over others is proposed instead."""
    who, here = await officer_with(request, Right.OFFICERS_CHANGE)
    form = await form_of(request, who)
    role = ROLES.get(str(form.get("role", "")))
    proposing = bool(role and role.controls)

    async def work() -> None:
        reason = form.get("reason", "")
        body = shaped(officers.GrantIn, {name: value for name, value in form.items() if name != "reason"})
        if not proposing:
            await officers.post_role(officer_id, body, who, here.people)
            return
        document = body.wanted(officer_id).document()
        asked = {"kind": "role.grant", "subject": officer_id, "document": document, "reason": reason}
        await approvals.post_approval(shaped(approvals.ApprovalIn, asked), who, here.people, here.trust)

    await officers.get_officer(officer_id, who, here.people)
    if refused := await refusal(work(), form, "role"):
        return await _one(officer_id, request, refused)
    return done(f"/console/officers/{officer_id}", "proposed" if proposing else "saved")


@router.post("/{officer_id}/revoke")
async def revoke(officer_id: str, request: Request) -> Response:
    """Take a role away; counts from the next request on."""

    async def work(who: SignedIn, here: People, form: Any, why: Why) -> None:
        await officers.delete_role(officer_id, str(form.get("grant", "")), who, here, why)

    return await _changed(officer_id, request, work, lambda _: REVOKING)


async def _changed(
    officer_id: str, request: Request, work: Any, asks: Callable[[dict[str, Any]], Sure | None]
) -> Response:
    """`asks`: what is asked first; None where the form wants what there is not, which the operation refuses."""
    who, here = await officer_with(request, Right.OFFICERS_CHANGE)
    form = await form_of(request, who)
    found: dict[str, Any] = await officers.get_officer(officer_id, who, here.people)
    why: Response | Why = Why()
    if sure := asks(form):
        roles = {each["id"]: str(each["title"]) for each in _titled(found["roles"])}
        values = {"name": str(found["name"]), "role": roles.get(form.get("grant", ""), "-")}
        why = asked_first(request, who, form, Asked(*sure, f"/console/officers/{officer_id}", values))
    if isinstance(why, Response):
        return why
    refused = await refusal(work(who, here.people, form, why), {}, "doing")
    return await _one(officer_id, request, refused) if refused else done(f"/console/officers/{officer_id}", "saved")


async def _all(request: Request, refused: Refused | None = None) -> Response:
    who, here = await officer_with(request, Right.OFFICERS_READ)
    found: dict[str, Any] = await officers.get_officers(who, here.people)
    issuers = [each.issuer for each in here.people.offered(CONSOLE)]
    member = "" if who.everywhere(Right.OFFICERS_CHANGE) else who.officer.member
    values: dict[str, Any] = {
        "found": [each | {"roles": _titled(each["roles"])} for each in found["officers"]],
        "form": {"member": member, "issuer": issuers[0] if issuers else ""},
        "members": await _members(who, here),
        "changing": bool(who.giving(Right.OFFICERS_CHANGE)),
        "names": await names_of(here, who),
    }
    return page(request, who, "console/officers.html", refused=refused, **values)


async def _members(who: SignedIn, here: Services) -> list[dict[str, str]]:
    """The members whose officers somebody registers, with their names, for a choice."""
    known = (await here.trust.register()).members.values()
    mine = [each for each in known if who.for_member(Right.OFFICERS_CHANGE, each.id)]
    return [{"value": each.id, "text": each.name} for each in sorted(mine, key=lambda each: each.name)]


async def _one(officer_id: str, request: Request, refused: Refused | None = None) -> Response:
    who, here = await officer_with(request, Right.OFFICERS_READ)
    found: dict[str, Any] = await officers.get_officer(officer_id, who, here.people)
    everywhere = who.everywhere(Right.OFFICERS_CHANGE)  # others cannot even propose a role that watches over all
    values: dict[str, Any] = {
        "found": found | {"roles": _titled(found["roles"])},
        "next": [each for each in STATES if each != found["state"]],
        "members": [{"value": "", "text": ""}, *await _members(who, here)],
        "roles": [
            {"value": each.name, "text": pages.said(each.title)} for each in GRANTED if everywhere or not each.controls
        ],
        "changing": who.for_member(Right.OFFICERS_CHANGE, found["member"]) and found["id"] != who.id,
        "names": await names_of(here, who, found),
    }
    return page(request, who, "console/officer.html", refused=refused, **values)


def _titled(roles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The roles with their titles in the language of the page."""
    return [each | {"title": pages.said(ROLES[each["role"]].title)} for each in roles]
