"""`/v1/approvals`: what one person proposes and another one approves.

For officers who are signed in, as `/v1/officers`. What can be proposed: `people.kinds`.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints

from ...people import People, Right, SignedIn
from ...people.approvals import Approval
from ...trust import Offered, Trust
from ..body import StrictRoute
from ..people import officer, people
from .deps import trust
from .officers import PRINTED
from .shapes import Reference, Shape
from .systems import moved

router = APIRouter(tags=["approvals"], route_class=StrictRoute)

Who = Annotated[SignedIn, Depends(officer)]
Here = Annotated[People, Depends(people)]
Known = Annotated[Trust, Depends(trust)]
Remark = Annotated[str, StringConstraints(max_length=500, pattern=PRINTED)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PRINTED)]
REFUSED: dict[int | str, dict[str, Any]] = {400: {}, 403: {}, 404: {}, 409: {}}


class ApprovalIn(Shape):
    """`POST /v1/approvals`. `document` is exactly what shall be done, `member` whose it is."""

    kind: Reference
    subject: Reference
    member: Reference | None = None
    document: Annotated[dict[str, Any], Field(max_length=100)]
    reason: Reason


class RemarkIn(Shape):
    """`POST /v1/approvals/{approval_id}/...`."""

    remark: Remark = ""


class RejectionIn(Shape):
    """`POST /v1/approvals/{approval_id}/reject`: why is told to the proposer."""

    remark: Reason


@router.get("/approvals", responses={403: {}})
async def get_approvals(who: Who, here: Here) -> dict[str, object]:
    """The proposals one may see, newest first."""
    who.need(Right.APPROVALS_READ)
    async with here.db.read() as connection:
        found = await here.approvals.listed(connection, who)
    return {"approvals": [_approval(each, here.clock()) for each in found]}


@router.post("/approvals", status_code=201, responses=REFUSED)
async def post_approval(body: ApprovalIn, who: Who, here: Here, known: Known) -> dict[str, object]:
    """Propose something that takes two people."""
    now = here.clock()
    who.need(Right.APPROVALS_PROPOSE, body.member or "")
    if body.kind == "callback.host":  # its host is asked before anybody's time is
        named = [Offered(name, str(url), "") for name, url in body.document.items()]
        await moved(known, body.subject, named)
    async with here.db.write() as connection:
        made = await here.approvals.propose(
            connection,
            who,
            body.kind,
            body.subject,
            body.document,
            member=body.member or "",
            reason=body.reason,
            now=now,
        )
    return _approval(made, now)


@router.get("/approvals/{approval_id}", responses={403: {}, 404: {}})
async def get_approval(approval_id: Reference, who: Who, here: Here) -> dict[str, object]:
    """One proposal."""
    who.need(Right.APPROVALS_READ)
    async with here.db.read() as connection:
        return _approval(await here.approvals.seen(connection, who, approval_id), here.clock())


@router.post("/approvals/{approval_id}/approve", responses=REFUSED)
async def post_approve(approval_id: Reference, body: RemarkIn, who: Who, here: Here) -> dict[str, object]:
    """Agree, as another person than the proposer, after a sign-in of the last five minutes."""
    now = here.clock()
    async with here.db.write() as connection:
        done = await here.approvals.approve(connection, who, approval_id, remark=body.remark, now=now)
    here.forget_register()
    return _approval(done, now)


@router.post("/approvals/{approval_id}/reject", responses=REFUSED)
async def post_reject(approval_id: Reference, body: RejectionIn, who: Who, here: Here) -> dict[str, object]:
    """Refuse it for good."""
    now = here.clock()
    async with here.db.write() as connection:
        done = await here.approvals.reject(connection, who, approval_id, remark=body.remark, now=now)
    return _approval(done, now)


@router.post("/approvals/{approval_id}/withdraw", responses=REFUSED)
async def post_withdraw(approval_id: Reference, who: Who, here: Here) -> dict[str, object]:
    """Take one's own proposal back, as long as it has no effect."""
    now = here.clock()
    async with here.db.write() as connection:
        done = await here.approvals.withdraw(connection, who, approval_id, now=now)
    return _approval(done, now)


def _approval(found: Approval, now: datetime) -> dict[str, object]:
    return {
        "id": found.id,
        "kind": found.kind,
        "subject": found.subject,
        "member": found.member or None,
        "document": dict(found.document),
        "reason": found.reason,
        "state": found.standing(now),
        "proposed_by": found.proposed_by,
        "proposed_at": found.proposed_at.isoformat(),
        "expires_at": found.expires_at.isoformat(),
        "decided_by": found.decided_by or None,
        "remark": found.remark,
    }
