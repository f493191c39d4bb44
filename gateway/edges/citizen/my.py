"""`/v1/my`: a signed-in person's own data, and nobody else's: no route here takes a person.

The session's cookie opens it; what changes something carries `X-CSRF-Token` (from `GET /v1/my`). Every look is an entry
of the log, `citizen.read`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from ...citizen import Citizens, Reader
from ...people import Citizen
from ..body import StrictRoute
from ..people import citizen
from ..v1.shapes import Day, Reference
from . import doing
from .contesting import ContestIn
from .doing import From, Limit, citizens

router = APIRouter(prefix="/v1/my", tags=["my data"], route_class=StrictRoute)

Here = Annotated[Citizens, Depends(citizens)]
Who = Annotated[Citizen, Depends(citizen)]


async def _reader(who: Who, here: Here) -> Reader:
    """The person, at a person's pace."""
    doing.paced(here, who.person_ref)
    return Reader(who.person_ref)


Me = Annotated[Reader, Depends(_reader)]


@router.get("")
async def get_my(who: Who) -> dict[str, str]:
    """The token that changes have to carry."""
    return {"csrf_token": who.csrf}


@router.get("/uses")
async def get_uses(
    me: Me, here: Here, since: From = None, to: Day | None = None, before: str = "", limit: Limit = 50
) -> dict[str, Any]:
    """Who asked for what about me, when, why, on which legal basis, with what outcome; newest first."""
    return await doing.uses(here, me, since=since, until=to, before=before, limit=limit)


@router.get("/consents")
async def get_consents(me: Me, here: Here) -> dict[str, Any]:
    """What I consented to."""
    return await doing.consents(here, me)


@router.post("/consents/{consent_id}/withdraw", responses={404: {}})
async def post_withdrawal(consent_id: Reference, me: Me, here: Here) -> dict[str, Any]:
    """Withdraw one of my consents; counts from the next decision on. Again: `unchanged`."""
    return await doing.withdrawn(here, me, consent_id)


@router.get("/consents/{consent_id}/receipt", responses={404: {}})
async def get_receipt(consent_id: Reference, me: Me, here: Here) -> dict[str, Any]:
    """The receipt of one of my consents, and the gateway's signature over it (ISO/IEC TS 27560)."""
    made = await doing.consent_receipt(here, me, consent_id)
    return {"receipt": made.document, "jws": made.jws}


@router.get("/agreements")
async def get_agreements(me: Me, here: Here) -> dict[str, Any]:
    """The agreements that touched me, in plain sentences."""
    return await doing.agreements(here, me)


@router.get("/contests")
async def get_contests(me: Me, here: Here) -> dict[str, Any]:
    """The records that I contest, and what the agencies answered."""
    return await doing.contests(here, me)


@router.post("/contests", status_code=201, responses={400: {}, 403: {}, 404: {}, 409: {}})
async def post_contest(body: ContestIn, me: Me, here: Here) -> dict[str, Any]:
    """Contest a record: a case with the agency; its answers about me are marked until it has looked."""
    return await doing.contested(here, me, body)


@router.post("/contests/{contest_id}/withdraw", responses={404: {}})
async def post_contest_withdrawal(contest_id: Reference, me: Me, here: Here) -> dict[str, Any]:
    """Take it back."""
    return await doing.contest_withdrawn(here, me, contest_id)
