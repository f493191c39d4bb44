"""`/v1/assisted`: an officer helps a person who is present to see, and to do, what `/v1/my` lets people do themselves.

Needs the right `people.assist`, one of a few reasons, and the reference of the paper by which the person agreed. Every
look is an entry that the person sees in their own list, with the officer's id; how many different people an officer may
help on a day is a setting. The person stands in the body, never in an address.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from ...citizen import Citizens, Reader
from ...people import SignedIn
from ...people.roles import Right
from ..body import StrictRoute
from ..people import officer
from ..v1.asking import check_case
from ..v1.shapes import Day, Reference, Shape, SubjectIn
from . import doing
from .contesting import ContestIn
from .doing import Limit, citizens

router = APIRouter(prefix="/v1/assisted", tags=["my data"], route_class=StrictRoute)

Here = Annotated[Citizens, Depends(citizens)]
Who = Annotated[SignedIn, Depends(officer)]
REFUSED: dict[int | str, dict[str, Any]] = {400: {}, 403: {}, 404: {}, 409: {}}


class HelpIn(Shape):
    """Whom the officer helps, why, and on which paper."""

    person: SubjectIn = Field(alias="for")
    reason: Literal["asked_in_person", "cannot_use_the_pages", "complaint"]
    reference: Reference

    def reader(self, here: Citizens, who: SignedIn) -> Reader:
        """The officer, reading for this person.

        Raises:
            NotAllowed, ProblemError: no role gives the right, or the numbers or the reference cannot be used.
        """
        who.need(Right.PEOPLE_ASSIST)
        doing.paced(here, who.id)
        check_case(self.reference, here.services.profile)
        return Reader(doing.person_of(here, self.person.value()), who.id, self.reason, self.reference)


class UsesIn(HelpIn):
    """`POST /v1/assisted/uses`."""

    since: Day | None = Field(default=None, alias="from")
    to: Day | None = None
    before: Reference | None = None
    limit: Limit = 50


class WithdrawalIn(HelpIn):
    """`POST /v1/assisted/withdrawals`."""

    consent: Reference


class AssistedContestIn(HelpIn):
    """`POST /v1/assisted/contests`."""

    contest: ContestIn


@router.post("/uses", responses=REFUSED)
async def post_uses(body: UsesIn, who: Who, here: Here) -> dict[str, Any]:
    """Who asked for what about the person."""
    reader = body.reader(here, who)
    return await doing.uses(here, reader, since=body.since, until=body.to, before=body.before or "", limit=body.limit)


@router.post("/consents", responses=REFUSED)
async def post_consents(body: HelpIn, who: Who, here: Here) -> dict[str, Any]:
    """What the person consented to."""
    return await doing.consents(here, body.reader(here, who))


@router.post("/agreements", responses=REFUSED)
async def post_agreements(body: HelpIn, who: Who, here: Here) -> dict[str, Any]:
    """The agreements that touched the person."""
    return await doing.agreements(here, body.reader(here, who))


@router.post("/withdrawals", responses=REFUSED)
async def post_withdrawals(body: WithdrawalIn, who: Who, here: Here) -> dict[str, Any]:
    """Withdraw one of the person's consents."""
    reader = body.reader(here, who)
    await doing.noted(here, reader, "withdrawal")
    return await doing.withdrawn(here, reader, body.consent)


@router.post("/contests", status_code=201, responses=REFUSED)
async def post_contests(body: AssistedContestIn, who: Who, here: Here) -> dict[str, Any]:
    """Contest a record for the person."""
    reader = body.reader(here, who)
    await doing.noted(here, reader, "contest")
    return await doing.contested(here, reader, body.contest)
