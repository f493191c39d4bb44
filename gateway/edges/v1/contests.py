"""`/v1/contests`: the cases that people opened about records of the caller's member.

Needs scope `consent`, or the session of the member's administrator.
"""

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Request
from pydantic import StringConstraints

from ...citizen import Citizens
from ...people import Right
from ..body import StrictRoute
from .party import Party, speaking
from .recordings import refusals
from .shapes import Reference, Shape

router = APIRouter(tags=["contests"], route_class=StrictRoute)

Agency = Annotated[Party, Depends(speaking("consent", Right.AGENCY_RUN))]


class ResolutionIn(Shape):
    """What became of it, and an answer that the person reads."""

    state: Literal["corrected", "confirmed", "deleted"]
    answer: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


async def citizens(request: Request) -> Citizens:
    """A dependency: the part for people's own data."""
    return cast("Citizens", request.app.state.citizens)


Here = Annotated[Citizens, Depends(citizens)]


@router.get("/contests")
async def get_contests(who: Agency, here: Here, open_only: bool = False) -> dict[str, Any]:
    """The cases at this agency, newest first; the person's numbers are there while a case is open."""
    found = await here.contests.of_provider(who.member, open_only=open_only)
    return {"contests": [each.wire(for_agency=True) for each in found]}


@router.post("/contests/{contest_id}/resolve", responses={404: {}})
async def post_resolution(contest_id: Reference, body: ResolutionIn, who: Agency, here: Here) -> dict[str, Any]:
    """Close a case: answers about the person are no longer marked, from the next decision on."""
    with refusals():
        receipt = await here.contests.resolve(contest_id, body.state, body.answer, member=who.member, by=who.by)
    return {"id": contest_id, "state": body.state, "receipt": receipt}
