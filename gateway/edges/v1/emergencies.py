"""`/v1/emergencies`: where somebody broke the glass, why, and whether that was justified.

For officers who are signed in with the right `review.act` (data protection, compliance). Each use has to be reviewed
within `SANDHI_EMERGENCY_REVIEW_HOURS`; those that nobody reviewed in time are `overdue`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import StringConstraints

from ...gate import utc_now
from ...oversight.emergencies import Emergencies, Reviewed, Use, UseUnknown
from ...people import SignedIn
from ...people.roles import Right
from ...wiring import Services
from ..body import StrictRoute
from ..people import officer
from .deps import services
from .officers import PRINTED
from .problems import ProblemError
from .shapes import Reference, Shape

router = APIRouter(tags=["emergencies"], route_class=StrictRoute)

Who = Annotated[SignedIn, Depends(officer)]
Remark = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PRINTED)]
NO_SUCH = "No emergency was used in an exchange of this id."


async def emergencies(here: Annotated[Services, Depends(services)]) -> Emergencies:
    """What reports and reviews them."""
    return here.oversight.emergencies


Here = Annotated[Emergencies, Depends(emergencies)]


class ReviewIn(Shape):
    """`POST /v1/emergencies/{exchange_id}/review`. The remark says why."""

    verdict: Literal["justified", "not_justified"]
    remark: Remark


@router.get("/emergencies", responses={403: {}})
async def get_emergencies(who: Who, here: Here, waiting: bool = False) -> dict[str, Any]:
    """Every use, the one due first at the top; with `waiting=true` those that nobody has reviewed yet."""
    who.need(Right.REVIEW_ACT)
    now = utc_now()
    return {"emergencies": [_shown(each, now) for each in await here.listed(waiting=waiting)]}


@router.post("/emergencies/{exchange_id}/review", responses={403: {}, 404: {}, 409: {}})
async def post_review(exchange_id: Reference, body: ReviewIn, who: Who, here: Here) -> dict[str, Any]:
    """Say whether it was justified; once, and it stays."""
    who.need(Right.REVIEW_ACT)
    try:
        receipt = await here.review(exchange_id, body.verdict, body.remark, by=who.id)
        return _shown(await here.read(exchange_id), utc_now()) | {"receipt": receipt}
    except UseUnknown:
        raise ProblemError("not_found", NO_SUCH) from None
    except Reviewed:
        raise ProblemError("conflict", "Somebody has reviewed it already.") from None


def _shown(use: Use, now: datetime) -> dict[str, Any]:
    return {
        "exchange_id": use.exchange_id,
        "consumer": use.consumer,
        "provider": use.provider,
        "service": use.service,
        "purpose": use.purpose,
        "agreement": use.agreement,
        "agreement_version": use.agreement_version,
        "reason": use.reason or None,  # erased
        "used_at": use.used_at.isoformat(),
        "due_at": use.due_at.isoformat(),
        "standing": use.standing(now),
        "verdict": use.verdict or None,
        "remark": use.remark or None,
        "reviewed_by": use.reviewed_by or None,
        "reviewed_at": use.reviewed_at.isoformat() if use.reviewed_at else None,
    }
