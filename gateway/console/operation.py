"""`/console/operation`: members, queues and dead letters, for operators.

As `/v1/members`, `/v1/queues`, `/v1/letters`.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ..edges.v1 import approvals, letters, members, queues
from ..edges.v1.party import Party
from ..people import Right
from ..wiring import Services
from .doing import changes_of, fault_of, form_of, officer_with, party_with
from .forms import shaped
from .names import names_of
from .page import done, page
from .surely import Asked, asked_first

ENDING: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "suspended": (
        "Suspend %(name)s?",
        ("Its %(n)s systems get nothing and are asked nothing, at once.", "You can bring it back."),
        "Suspend it",
    ),
    "retired": (
        "Retire %(name)s for good?",
        ("Its %(n)s systems get nothing and are asked nothing, at once.", "Nobody can bring it back."),
        "Retire it for good",
    ),
}
"""State -> what is asked first: heading, what will happen, button."""

router = APIRouter(prefix="/console/operation", include_in_schema=False)
STATES = ("active", "suspended", "retired")


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

    fault = await fault_of(work())
    return await _members(request, form, fault) if fault else done("/console/operation/members", "saved")


@router.get("/members/{member}")
async def one(member: str, request: Request) -> Response:
    """One member, its contacts, systems and keys."""
    return await _member(member, request)


@router.post("/members/{member}/state")
async def set_state(member: str, request: Request) -> Response:
    """Suspend, bring back or retire: all its systems with it, at once."""
    who, party, here = await party_with(request, Right.GATEWAY_RUN)
    form = await form_of(request, who)
    if form.get("state") in ENDING:
        found: dict[str, Any] = await members.get_member(member, party, here.db, changes_of(here))
        back = f"/console/operation/members/{member}"
        step = Asked(*ENDING[form["state"]], back, {"name": str(found["name"]), "n": str(len(found["systems"]))})
        if asking := asked_first(request, who, form, step):
            return asking

    async def work() -> None:
        await members.get_member(member, party, here.db, changes_of(here))
        await members.post_member_state(member, shaped(members.StateIn, form), party, changes_of(here))

    fault = await fault_of(work())
    return await _member(member, request, fault) if fault else done(f"/console/operation/members/{member}", "saved")


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

    fault = await fault_of(work())
    return await _queues(request, fault) if fault else done("/console/operation/queues", "proposed")


async def _members(request: Request, form: dict[str, Any] | None = None, fault: str = "") -> Response:
    who, party, here = await party_with(request, Right.GATEWAY_RUN)
    found: dict[str, Any] = await members.get_members(party, here.db)
    values = {"found": found["members"], "form": form or {}, "fault": fault}
    return page(request, who, "console/members.html", status=400 if fault else 200, **values)


async def _member(member: str, request: Request, fault: str = "") -> Response:
    who, party, here = await party_with(request, Right.GATEWAY_RUN)
    found = await _found(member, party, here)
    values: dict[str, Any] = {"found": found, "dotted": found["id"].replace("/", "."), "fault": fault}
    values["names"] = await names_of(here, who)
    values["next"] = [each for each in STATES if each != found["state"]]
    return page(request, who, "console/member.html", status=400 if fault else 200, **values)


async def _found(member: str, party: Party, here: Services) -> dict[str, Any]:
    return await members.get_member(member, party, here.db, changes_of(here))


async def _queues(request: Request, fault: str = "") -> Response:
    who, party, here = await party_with(request, Right.GATEWAY_RUN)
    work: dict[str, Any] = await queues.get_queues(party, here)
    group = {name: request.query_params.get(name, "")[:200] for name in ("kind", "cause", "target")}
    dead: dict[str, Any] = await letters.get_letters(who, here, **group)
    values = {"work": work["queues"], "groups": dead["groups"], "letters": dead.get("letters", [])}
    values |= {"shown": group if group["kind"] else None, "fault": fault}
    return page(request, who, "console/queues.html", status=400 if fault else 200, **values)
