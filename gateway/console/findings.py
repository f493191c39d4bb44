"""`/console/findings`: what looks unusual, who looks after it, how it ended. As `/v1/audit/findings`."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import and_

from pages import Refused

from ..edges.refusal import ProblemError
from ..edges.v1 import audit_findings
from ..edges.v1.reviewing import Reviewer
from ..people import Right, access, officers
from ..review.rules import RULES, rule_named
from ..wiring import Services
from .doing import NO_PLACES, refusal
from .forms import posted, shaped
from .names import names_of
from .page import A_PAGE, done, page
from .reason import looking

router = APIRouter(prefix="/console/findings", include_in_schema=False)
STATES = ("open", "assigned", "signed_off")
OVER = {"conflict": "doing"}  # signed off meanwhile: the form is not there any more
FIRST = {"assign": "officer", "remarks": "text", "sign-off": "text"}
PLACES = {"assign": OVER, "remarks": {"text": "remark"} | OVER, "sign-off": {"text": "found"} | OVER}
"""Verb -> the field that a refusal is about which names none, and where those are that the page calls otherwise."""
VERDICTS = ("explained", "confirmed", "false_alarm")


@router.get("")
async def listed(request: Request) -> Response:
    """All of a state; the newest rules' words stand with each."""
    who, reviewer, here = await looking(request)
    state = request.query_params.get("state", "")
    state = state if state in STATES else "open"
    after, before = (request.query_params.get(name, "")[:40] or None for name in ("after", "before"))
    rule = next((each.name for each in RULES if each.name == request.query_params.get("rule", "")), None)
    wanted: Any = state
    found = await audit_findings.get_findings(reviewer, here, wanted, rule, after, before, A_PAGE)
    values: dict[str, Any] = {"state": state, "states": STATES, "acting": who.giving(Right.REVIEW_ACT)}
    values["rule"] = rule_named(rule) if rule else None
    values["kept"] = urlencode(_filters(request))
    return page(request, who, "console/findings.html", found=found, names=await names_of(here, who, found), **values)


@router.post("/run")
async def run(request: Request) -> Response:
    """Look now."""
    who, reviewer, here = await looking(request, Right.REVIEW_ACT)
    await posted(request, who.csrf)
    await audit_findings.post_run(reviewer, here)
    return done(f"/console/findings?{urlencode(_filters(request))}".removesuffix("?"), "looked")


def _filters(request: Request) -> dict[str, str]:
    """What narrows the list, for a form that leads back to it."""
    given = {"state": STATES, "rule": [each.name for each in RULES]}
    return {name: text for name in given if (text := request.query_params.get(name, "")) in given[name]}


@router.get("/rules")
async def rules(request: Request) -> Response:
    """Every rule that the log is looked through by: what it sees, why, and what to do then."""
    who, _, _ = await looking(request)
    return page(request, who, "console/rules.html", rules=RULES)


@router.get("/{finding_id}")
async def one(finding_id: str, request: Request) -> Response:
    """One finding, with what may be done about it."""
    return await _one(finding_id, request)


@router.post("/{finding_id}/{verb}")
async def act(finding_id: str, verb: str, request: Request) -> Response:
    """Assign, remark or sign off; a refusal is shown beside the form."""
    who, reviewer, here = await looking(request, Right.REVIEW_ACT)
    form = await posted(request, who.csrf)
    work = _acted(verb, finding_id, dict(form), reviewer, here)
    refused = await refusal(work, form, FIRST.get(verb, "doing"), places=PLACES.get(verb, NO_PLACES))
    return await _one(finding_id, request, refused) if refused else done(f"/console/findings/{finding_id}", "saved")


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


async def _one(finding_id: str, request: Request, refused: Refused | None = None) -> Response:
    who, reviewer, here = await looking(request)
    found: dict[str, Any] = await audit_findings.get_finding(finding_id, reviewer, here)
    async with here.db.read() as connection:
        now = here.people.clock()
        near = await officers.listed(connection, and_(access.visible(who, now), access.holding(Right.REVIEW_ACT, now)))
    names = await names_of(here, who, found)
    values: dict[str, Any] = {
        "found": found,
        "officers": [
            {"value": each.id, "text": f"{each.name}, {names.get(each.member, each.member)}"} for each in near
        ],
        "verdicts": VERDICTS,
        "acting": who.giving(Right.REVIEW_ACT),
        "names": names,
        "looked": _exchanges(found["exchanges"], here.profile.zone),
    }
    return page(request, who, "console/finding.html", refused=refused, **values)


def _exchanges(filters: Mapping[str, str], zone: tzinfo) -> str:
    """The address of the exchanges that a finding is about, by the clocks of its page; empty where it is about none."""
    if "exchange_id" in filters:
        return f"/console/exchanges/{filters['exchange_id']}"
    if not filters:
        return ""
    since, until = (datetime.fromisoformat(filters[name]).astimezone(zone) for name in ("since", "until"))
    last = until - timedelta(minutes=1)  # a time of the form is its whole minute
    period = {"since": f"{since:%Y-%m-%d}", "since_time": f"{since:%H:%M}"}
    period |= {"until": f"{last:%Y-%m-%d}", "until_time": f"{last:%H:%M}"}
    return f"/console/exchanges?{urlencode(dict(filters) | period)}"
