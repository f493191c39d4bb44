"""`/v1/audit/findings`: what looks unusual, who looks after it, how it ended. Remarks stay beside the log."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlalchemy import and_

from audit.errors import LogUnavailable
from consent.errors import ConsentError

from ...errors import NoEvidence
from ...people import Right, access, officers
from ...review import findings
from ...review.errors import ReviewRefused
from ...review.rule_runner import rule_runner
from ...review.rules import RULES
from ..body import StrictRoute
from .audit import Here
from .reviewing import REFUSED, Acting, Auditor, Remark, checked_remark
from .shapes import Reference, Shape

router = APIRouter(prefix="/audit/findings", tags=["audit"], route_class=StrictRoute)

State = Literal["open", "assigned", "signed_off"]


class AssignmentIn(Shape):
    """`POST /v1/audit/findings/{finding_id}/assign`: to which officer."""

    officer: Reference


class RemarkIn(Shape):
    """`POST /v1/audit/findings/{finding_id}/remarks`."""

    text: Remark


class SignOffIn(Shape):
    """`POST /v1/audit/findings/{finding_id}/sign-off`: the verdict, and what was found out."""

    verdict: Literal["explained", "confirmed", "false_alarm"]
    text: Remark


@router.get("", responses={400: {}, 403: {}, 404: {}})
async def get_findings(
    _who: Auditor,
    here: Here,
    state: State | None = None,
    rule: Reference | None = None,
    after: Reference | None = None,
    before: Reference | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, object]:
    """Findings, the newest first, and the rules in words.

    The next page begins after `next`, the one before this ends before `previous`.
    """
    listed = partial(findings.listed, state=state or "", rule=rule or "", most=limit)
    async with here.db.read() as connection:
        found = await listed(connection, after=after or "", before=before or "")
        if before and len(found) < limit:  # back at the top: all of the first page, not its rest alone
            found, before = await listed(connection), None
    rules = [{"name": each.name, "what": each.what, "why": each.why, "todo": each.todo} for each in RULES]
    told = [findings.summary(each, here.profile.zone) for each in found]
    full = len(found) == limit
    older, newer = full or before, (after and not before) or (before and full)
    ends = {"next": found[-1].id if found and older else None, "previous": found[0].id if found and newer else None}
    return {"findings": told, "rules": rules} | ends


@router.get("/{finding_id}", responses=REFUSED)
async def get_finding(finding_id: Reference, _who: Auditor, here: Here) -> dict[str, object]:
    """One finding with what was said about it."""
    async with here.db.read() as connection:
        return await findings.shown(connection, await findings.read(connection, finding_id), here.profile.zone)


@router.post("/run", responses={403: {}})
async def post_run(_who: Acting, here: Here) -> dict[str, object]:
    """Look now, from where the last run ended; gives how many findings are new."""
    try:
        return {"new": await rule_runner(here).run(here.people.clock())}
    except (LogUnavailable, ConsentError) as error:
        raise NoEvidence("The log or the agreements cannot be read now; try again.") from error


@router.post("/{finding_id}/assign", responses=REFUSED)
async def post_assignment(finding_id: Reference, body: AssignmentIn, who: Acting, here: Here) -> dict[str, object]:
    """Give it to an officer."""
    now = here.people.clock()
    async with here.db.write() as connection:
        to = await officers.read(connection, body.officer)
        if not await officers.listed(connection, and_(officers.named(to.id), access.holding(Right.REVIEW_ACT, now))):
            raise ReviewRefused("No role lets this officer act on findings; assign it to one whose role does.")
        receipt = await findings.assign(connection, here.log, finding_id, to.id, by=who.id, now=now)
    return {"id": finding_id, "assigned_to": to.id, "receipt": receipt}


@router.post("/{finding_id}/remarks", status_code=201, responses=REFUSED)
async def post_remark(finding_id: Reference, body: RemarkIn, who: Acting, here: Here) -> dict[str, object]:
    """Say something about it."""
    text, now = checked_remark(body.text, here), here.people.clock()
    async with here.db.write() as connection:
        receipt = await findings.remark(connection, here.log, finding_id, text, by=who.id, now=now)
    return {"id": finding_id, "receipt": receipt}


@router.post("/{finding_id}/sign-off", responses=REFUSED)
async def post_sign_off(finding_id: Reference, body: SignOffIn, who: Acting, here: Here) -> dict[str, object]:
    """Close it: never by whom it is about; where two are asked for, by another than who had it."""
    text, now, officer = checked_remark(body.text, here), here.people.clock(), who.signed_in
    async with here.db.write() as connection:
        receipt = await findings.sign_off(connection, here.log, finding_id, body.verdict, text, who=officer, now=now)
    return {"id": finding_id, "state": findings.SIGNED_OFF, "receipt": receipt}
