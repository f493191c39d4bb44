"""`/console/findings`: what looks unusual, who looks after it, how it ended. As `/v1/audit/findings`."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ..edges.refusal import ProblemError
from ..edges.v1 import audit_findings
from ..edges.v1.reviewing import Reviewer
from ..people import Right, access, officers
from ..wiring import Services
from .doing import fault_of
from .forms import posted, shaped
from .names import names_of
from .page import done, page
from .reason import looking

router = APIRouter(prefix="/console/findings", include_in_schema=False)
STATES = ("open", "assigned", "signed_off")
VERDICTS = ("explained", "confirmed", "false_alarm")


@router.get("")
async def listed(request: Request) -> Response:
    """All of a state; the newest rules' words stand with each."""
    who, reviewer, here = await looking(request)
    state = request.query_params.get("state", "")
    state = state if state in STATES else "open"
    after = request.query_params.get("after", "")[:40] or None
    wanted: Any = state
    found = await audit_findings.get_findings(reviewer, here, state=wanted, after=after, limit=50)
    values: dict[str, Any] = {"state": state, "states": STATES, "acting": who.giving(Right.REVIEW_ACT)}
    return page(request, who, "console/findings.html", found=found, names=await names_of(here, who, found), **values)


@router.post("/run")
async def run(request: Request) -> Response:
    """Look now."""
    who, reviewer, here = await looking(request, Right.REVIEW_ACT)
    await posted(request, who.csrf)
    await audit_findings.post_run(reviewer, here)
    return done("/console/findings", "looked")


@router.get("/{finding_id}")
async def one(finding_id: str, request: Request) -> Response:
    """One finding, with what may be done about it."""
    return await _one(finding_id, request)


@router.post("/{finding_id}/{verb}")
async def act(finding_id: str, verb: str, request: Request) -> Response:
    """Assign, remark or sign off; a refusal is shown beside the form."""
    who, reviewer, here = await looking(request, Right.REVIEW_ACT)
    form = await posted(request, who.csrf)
    fault = await fault_of(_acted(verb, finding_id, dict(form), reviewer, here))
    return await _one(finding_id, request, fault) if fault else done(f"/console/findings/{finding_id}", "saved")


async def _acted(verb: str, finding_id: str, form: dict[str, str], who: Reviewer, here: Services) -> None:
    doing: dict[str, Any] = {
        "assign": (audit_findings.AssignmentIn, audit_findings.post_assignment),
        "remarks": (audit_findings.RemarkIn, audit_findings.post_remark),
        "sign-off": (audit_findings.SignOffIn, audit_findings.post_sign_off),
    }
    if verb not in doing:
        raise ProblemError("not_found", "There is nothing to do by this name.")
    shape, operation = doing[verb]
    await operation(finding_id, shaped(shape, form), who, here)


async def _one(finding_id: str, request: Request, fault: str = "") -> Response:
    who, reviewer, here = await looking(request)
    found: dict[str, Any] = await audit_findings.get_finding(finding_id, reviewer, here)
    async with here.db.read() as connection:
        near = await officers.listed(connection, access.visible(who, here.people.clock()))
    names = await names_of(here, who, found)
    values: dict[str, Any] = {
        "found": found,
        "fault": fault,
        "officers": [
            {"value": each.id, "text": f"{each.name}, {names.get(each.member, each.member)}"} for each in near
        ],
        "verdicts": VERDICTS,
        "acting": who.giving(Right.REVIEW_ACT),
        "names": names,
        "looked": _exchanges(found),
    }
    return page(request, who, "console/finding.html", status=400 if fault else 200, **values)


def _exchanges(found: Mapping[str, Any]) -> str:
    """The address of the exchanges that a finding about a system and a day is about; empty where it is about others."""
    system, _, rest = found["subject"].partition(" ")
    day = rest.rpartition(" ")[2][:10]
    try:
        date.fromisoformat(day)
    except ValueError:
        return ""
    if system not in found["about"]:
        return ""
    return f"/console/exchanges?{urlencode({'consumer': system, 'since': day, 'until': day})}"
