"""`/v2`: the API of Estonia's data tracker, over the same reading model.

`X-Road-UserId` and `userCode` are the signed-in person's own number, with the country before it: nobody is looked up.
That number stands in the address, as the published contract has it, so the addresses of `/v2` are never logged.

Source: schemas/agency/estonia-data-tracker/dumonitor-openapi.yaml, version 2.1.0.
"""

import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import AwareDatetime, Field

from pages.cookies import cookies_of

from ...citizen import Citizens, Reader, Told
from ...citizen.finding import Period
from ...model import Identifier, Subject
from ...people import Citizen, People
from ..body import StrictRoute
from ..people import people
from ..refusal import ProblemError
from ..v1.asking import bad
from ..v1.recordings import refusals
from . import doing
from .doing import citizens

router = APIRouter(prefix="/v2", tags=["data tracker"], route_class=StrictRoute)

Here = Annotated[Citizens, Depends(citizens)]
INT32 = 2**31 - 1
Whole = Annotated[int, Field(ge=0, le=INT32)]
Code = Annotated[str, Field(min_length=1, max_length=40)]


async def _signed_in(request: Request) -> Citizen:
    """Whose session it is, before anything else of the request is looked at. Raises ProblemError."""
    known: People = await people(request)
    who = await known.citizen(cookies_of(request.headers))
    if who is None:
        raise ProblemError("unauthenticated", "Sign in at /my-data first.")
    return who


async def _reader(
    who: Annotated[Citizen, Depends(_signed_in)],
    here: Here,
    user: Annotated[Code, Header(alias="X-Road-UserId")],
) -> Reader:
    """The person of the session, who is the one of the header. Raises ProblemError: it names somebody else."""
    doing.paced(here, who.person_ref)
    if not _is(here, user, who.person_ref):
        raise bad("identifier", "X-Road-UserId is not the person who is signed in.")
    return Reader(who.person_ref)


@router.get("/findUsage", responses={400: {}, 401: {}, 500: {}})
async def find_usage(
    me: Annotated[Reader, Depends(_reader)],
    here: Here,
    user_code: Annotated[Code, Query(alias="userCode")],
    start: Annotated[AwareDatetime | None, Query(alias="periodStart")] = None,
    end: Annotated[AwareDatetime | None, Query(alias="periodEnd")] = None,
    offset: Whole = 0,
    limit: Whole = 1000,
) -> dict[str, Any]:
    """Uses of the person's data in a period, newest first; `totalUsages` counts them all."""
    if not _is(here, user_code, me.person_ref):
        raise bad("identifier", "userCode is not the person who is signed in; there are no representatives here.")
    with refusals():
        await here.reading.opened(me, "uses")
    total, usages = 0, list[dict[str, str]]()
    async for told in here.reading.everything(me.person_ref, Period(start, end)):
        if offset <= total < offset + limit:
            usages.append(usage(told))
        total += 1
    return {"totalUsages": total, "usages": usages}


@router.get("/usagePeriod", responses={400: {}, 500: {}})
async def usage_period(here: Here) -> dict[str, str]:
    """Since when uses are held: since the log began. Until now, so `periodEnd` is left out."""
    began = await here.reading.began()
    return {"periodStart": (began or here.services.gate.clock()).isoformat()}


@router.get("/heartbeat", responses={400: {}, 500: {}})
async def heartbeat(here: Here) -> dict[str, str]:
    """Whether uses can be read now."""
    await here.reading.began()
    return {"status": "OK"}


def usage(told: Told) -> dict[str, str]:
    """One use in the tracker's words: the receiver is who got the data, or would have."""
    use, words = told.use, told.words
    if told.is_look:
        told_by = {"receiverCode": use.says("consumer"), "receiverSystem": "Sandhi"}
        return {"logtime": use.began.at.isoformat(), "action": told.sentence} | told_by
    party = words.party(use.says("provider") if told.is_handed_over else use.says("consumer"))
    return {
        "logtime": use.began.at.isoformat(),
        "action": told.sentence,
        "receiverCode": party["member"],
        "receiverName": party["name"],
        "receiverSystem": party["system_name"],
    }


def _is(here: Citizens, code: str, person_ref: str) -> bool:
    """Whether a code of the tracker, country and number, is this person's."""
    profile = here.services.profile
    number = code.removeprefix(profile.country)
    if number == code or not profile.patterns[profile.person_key].fullmatch(number):
        return False
    found = here.services.person_ref(Subject((Identifier(profile.person_key, number),)))
    return hmac.compare_digest(found, person_ref)
