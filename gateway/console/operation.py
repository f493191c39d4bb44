"""`/console/operation`: members, queues and dead letters, for operators.

As `/v1/members`, `/v1/queues`, `/v1/letters`.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pages import Refused

from ..edges.refusal import ProblemError
from ..edges.v1 import approvals, letters, members, queues
from ..edges.v1.party import Party
from ..people import Right, membership
from ..wiring import Services
from . import proposed
from .doing import changes_of, form_of, officer_with, party_with, refusal
from .forms import shaped
from .names import names_of
from .page import done, page
from .surely import Asked, Sure, asked_first

SURE: Mapping[str, Sure] = {
    "suspended": (
        "Suspend %(name)s?",
        (
            "Its %(n)s systems get nothing and are asked nothing, at once.",
            "A second person looks at it afterwards, and agrees or brings it back.",
            "Until then you can take it back yourself under Approvals.",
        ),
        "Suspend it",
    ),
    "retired": (
        "Retire %(name)s for good?",
        (
            "When a second person agrees, its %(n)s systems get nothing and are asked nothing.",
            "Nobody can bring it back then.",
        ),
        "Propose to retire it",
    ),
    "active": (
        "Bring %(name)s back?",
        ("When a second person agrees, its %(n)s systems can ask and are asked again.",),
        "Propose to bring it back",
    ),
}
"""State -> what is asked first."""
OF_ONE = {
    "Its %(n)s systems get nothing and are asked nothing, at once.": (
        "Its system gets nothing and is asked nothing, at once."
    ),
    "When a second person agrees, its %(n)s systems get nothing and are asked nothing.": (
        "When a second person agrees, its system gets nothing and is asked nothing."
    ),
    "When a second person agrees, its %(n)s systems can ask and are asked again.": (
        "When a second person agrees, its system can ask and is asked again."
    ),
}
"""The same of a member with a single system."""

router = APIRouter(prefix="/console/operation", include_in_schema=False)
STATES = ("active", "suspended", "retired")
PROPOSED = {"active": membership.RESUME, "retired": membership.RETIRE}
"""State -> the kind of proposal that leads there: what takes two people."""
ASKED_BY = {"active": {membership.RESUME, membership.SUSPENSION}, "retired": {membership.RETIRE}}
"""State -> the kinds of proposals that have it on the desk already: to reject a suspension brings the member back."""


@router.get("")
async def front(request: Request) -> Response:
    """What an operator looks after."""
    who, _ = await officer_with(request, Right.GATEWAY_RUN)
    return page(request, who, "console/operation.html")


@router.get("/members")
async def listed(request: Request) -> Response:
    """All members, and the form that registers one."""
    return await _members(request)


@router.post("/members")
async def register(request: Request) -> Response:
    """Register a member; it comes without systems and keys."""
    who, party, here = await party_with(request, Right.GATEWAY_RUN)
    form = await form_of(request, who)

    async def work() -> None:
        await members.post_member(shaped(members.MemberIn, form), party, changes_of(here))

    refused = await refusal(work(), form, "id")
    return await _members(request, refused) if refused else done("/console/operation/members", "saved")


@router.get("/members/{member}")
async def one(member: str, request: Request) -> Response:
    """One member, its contacts, systems and keys."""
    return await _member(member, request)


@router.post("/members/{member}/state")
async def set_state(member: str, request: Request) -> Response:
    """Suspend it, with all its systems, at once; to bring it back or to retire it is proposed."""
    who, party, here = await party_with(request, Right.GATEWAY_RUN)
    form = await form_of(request, who)
    found, state = await _found(member, party, here), str(form.get("state", ""))
    back = f"/console/operation/members/{member}"
    if state not in SURE:
        raise ProblemError("not_found", "There is no such state.")
    heading, told, button = SURE[state]
    told = told if len(found["systems"]) != 1 else tuple(OF_ONE.get(each, each) for each in told)
    step = Asked(heading, told, button, back, {"name": str(found["name"]), "n": str(len(found["systems"]))})
    why = asked_first(request, who, form, step)
    if isinstance(why, Response):
        return why

    async def work() -> None:
        if kind := PROPOSED.get(state):
            body = {"kind": kind, "subject": found["id"], "document": {"state": state}, "reason": why.reason}
            await approvals.post_approval(shaped(approvals.ApprovalIn, body), who, here.people, here.trust)
            return
        wanted, changes = shaped(members.StateIn, {"state": state}), changes_of(here)
        await members.post_member_state(member, wanted, party, changes, why, here.settings.is_production, request)

    refused = await refusal(work(), {}, "doing")
    return (
        await _member(member, request, refused) if refused else done(back, "proposed" if state in PROPOSED else "saved")
    )


@router.get("/queues")
async def waiting(request: Request) -> Response:
    """Work under way, and what did not go through."""
    return await _queues(request)


@router.post("/queues/propose")
async def propose(request: Request) -> Response:
    """Release a group of dead letters, or drop it: somebody else agrees."""
    who, here = await officer_with(request, Right.GATEWAY_RUN)
    form = await form_of(request, who)

    async def work() -> None:
        group = {name: str(form.get(name, "")) for name in ("kind", "cause", "target")}
        verb = "letters.drop" if form.get("verb") == "drop" else "letters.release"
        subject = (group["target"] or group["kind"] or "letters")[:80]
        body = {"kind": verb, "subject": subject, "document": group, "reason": str(form.get("reason", ""))}
        await approvals.post_approval(shaped(approvals.ApprovalIn, body), who, here.people, here.trust)

    refused = await refusal(work(), form, "reason", part=str(form.get("part", "")))
    return await _queues(request, refused) if refused else done("/console/operation/queues", "proposed")


async def _members(request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.GATEWAY_RUN)
    found: dict[str, Any] = await members.get_members(party, here.db)
    return page(request, who, "console/members.html", refused=refused, found=found["members"])


async def _member(member: str, request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.GATEWAY_RUN)
    found = await _found(member, party, here)
    values: dict[str, Any] = {"found": found, "dotted": found["id"].replace("/", ".")}
    values["names"] = await names_of(here, who)
    values["waiting"] = await proposed.waiting(who, here, found["id"])
    asked = {each["kind"] for each in values["waiting"]}
    values["next"] = [each for each in STATES if each != found["state"] and not asked & ASKED_BY.get(each, set())]
    return page(request, who, "console/member.html", refused=refused, **values)


async def _found(member: str, party: Party, here: Services) -> dict[str, Any]:
    return await members.get_member(member, party, here.db, changes_of(here))


async def _queues(request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.GATEWAY_RUN)
    work: dict[str, Any] = await queues.get_queues(party, here)
    group = {name: request.query_params.get(name, "")[:200] for name in ("kind", "cause", "target")}
    dead: dict[str, Any] = await letters.get_letters(who, here, **group)
    values = {"work": work["queues"], "groups": dead["groups"], "letters": dead.get("letters", [])}
    values |= {"shown": group if group["kind"] else None, "names": await names_of(here, who)}
    return page(request, who, "console/queues.html", refused=refused, **values)
