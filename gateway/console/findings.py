"""`/console/findings`: what looks unusual, who looks after it, how it ended. As `/v1/audit/findings`."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ..edges.refusal import ProblemError
from ..edges.v1 import audit_findings
from ..edges.v1.reviewing import Reviewer
from ..people import Right, SignedIn, access, officers
from ..people.errors import PeopleError
from ..wiring import Services
from .forms import posted, shaped
from .page import done, officer_of, page

router = APIRouter(prefix="/console/findings", include_in_schema=False)
STATES = ("open", "assigned", "signed_off")
VERDICTS = ("explained", "confirmed", "false_alarm")


@router.get("")
async def listed(request: Request) -> Response:
    """All of a state; the newest rules' words stand with each."""
    who, here = await _reader(request)
    state = request.query_params.get("state", "")
    state = state if state in STATES else "open"
    after = request.query_params.get("after", "")[:40] or None
    wanted: Any = state
    found = await audit_findings.get_findings(Reviewer(who.id, who), here, state=wanted, after=after, limit=50)
    return page(request, who, "console/findings.html", found=found, state=state, states=STATES, acting=_acts(who))


@router.post("/run")
async def run(request: Request) -> Response:
    """Look now."""
    who, here = await _actor(request)
    await posted(request, who.csrf)
    await audit_findings.post_run(Reviewer(who.id, who), here)
    return done("/console/findings", "looked")


@router.get("/{finding_id}")
async def one(finding_id: str, request: Request) -> Response:
    """One finding, with what may be done about it."""
    who, here = await _reader(request)
    return await _one(finding_id, request, who, here)


@router.post("/{finding_id}/{verb}")
async def act(finding_id: str, verb: str, request: Request) -> Response:
    """Assign, remark or sign off; a refusal is shown beside the form."""
    who, here = await _actor(request)
    form = await posted(request, who.csrf)
    try:
        await _acted(verb, finding_id, dict(form), Reviewer(who.id, who), here)
    except (PeopleError, ProblemError) as error:
        return await _one(finding_id, request, who, here, fault=error.detail, status=400)
    return done(f"/console/findings/{finding_id}", "saved")


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


async def _one(
    finding_id: str, request: Request, who: SignedIn, here: Services, *, fault: str = "", status: int = 200
) -> Response:
    found = await audit_findings.get_finding(finding_id, Reviewer(who.id, who), here)
    async with here.db.read() as connection:
        near = await officers.listed(connection, access.visible(who, here.people.clock()))
    choices = [{"value": each.id, "text": f"{each.name}, {each.member}"} for each in near]
    values: dict[str, Any] = {
        "found": found,
        "fault": fault,
        "officers": choices,
        "verdicts": VERDICTS,
        "acting": _acts(who),
    }
    return page(request, who, "console/finding.html", status=status, **values)


async def _reader(request: Request) -> tuple[SignedIn, Services]:
    who = await officer_of(request)
    who.need(Right.EVIDENCE_READ)
    return who, request.app.state.services


async def _actor(request: Request) -> tuple[SignedIn, Services]:
    who = await officer_of(request)
    who.need(Right.REVIEW_ACT)
    return who, request.app.state.services


def _acts(who: SignedIn) -> bool:
    return bool(who.giving(Right.REVIEW_ACT))
