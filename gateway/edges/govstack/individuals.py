"""`/consent/service/individual/` and `/consent/config/individual/`: a person, as a pseudonym of the caller's member."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ...gate import utc_now
from ..refusal import ProblemError
from .agreements import Object
from .records import add_numbers, individual, individuals, keep_individual
from .route import ConsentRoute, Here, Limit, Offset, here_for
from .shapes import IndividualIn

router = APIRouter(route_class=ConsentRoute)

Controller = Annotated[Here, Depends(here_for("consent"))]


@router.post("/service/individual/")
@router.post("/config/individual/")
async def create(body: IndividualIn, here: Controller) -> Object:
    """serviceIndividualCreate, configIndividualCreate: the number is hashed, not kept. Same person, same id."""
    sent = body.individual
    person = here.person(sent.external_id_type, sent.external_id)
    async with here.services.db.write() as connection:
        await keep_individual(connection, person, utc_now())
    return {"individual": person.shown()}


@router.get("/service/individual/{individual_id}/")
@router.get("/config/individual/{individual_id}/")
async def read(individual_id: str, here: Controller) -> Object:
    """serviceIndividualRead, configIndividualRead."""
    async with here.services.db.read() as connection:
        return {"individual": (await individual(connection, here.member, individual_id)).shown()}


@router.put("/service/individual/{individual_id}/")
async def update(individual_id: str, body: IndividualIn, here: Controller) -> Object:
    """serviceIndividualUpdate: another number of the same person, which consents signed from now on carry too.

    The number is hashed, not kept; the caller's member vouches for it, as with the consents that it records at `/v1`.
    """
    sent = body.individual
    if sent.id not in {"", individual_id}:
        raise ProblemError("bad_request.shape", "The id in the body is another one than that in the path.")
    more = here.person(sent.external_id_type, sent.external_id)
    async with here.services.db.write() as connection:
        known = await individual(connection, here.member, individual_id)
        if sent.external_id_type == here.services.profile.person_key and more.subject_ref != known.subject_ref:
            raise ProblemError("conflict", "This number is another person's: create another individual.")
        made = await add_numbers(connection, known, more.numbers)
    return {"individual": made.shown()}


@router.get("/service/individuals/")
@router.get("/config/individuals/")
async def list_all(here: Controller, offset: Offset = 0, limit: Limit = 100) -> Object:
    """serviceIndividualList, configIndividualList: those that the caller's member made."""
    async with here.services.db.read() as connection:
        found = await individuals(connection, here.member, offset=offset, limit=limit)
    return {"individuals": [each.shown() for each in found]}
