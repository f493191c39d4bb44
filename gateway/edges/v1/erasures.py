"""`/v1/erasures`: what has to be erased by whoever received it: a consent ended, or the data life is over.

A recipient sees its own duties and says when they are done; a controller sees those that its consents caused. A line
names exchanges, never a person: each answer had its exchange id. Needs scope `consent`.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from audit import Log
from consent import erasures, member_of
from consent.erasures import Erasure

from ...db import Database
from ...erasing import Erasing
from ...gate import utc_now
from ..body import StrictRoute
from .deps import Caller, audit_log, database, having
from .recordings import refusals

router = APIRouter(prefix="/erasures", tags=["consents"], route_class=StrictRoute)

Member = Annotated[Caller, Depends(having("consent"))]
Db = Annotated[Database, Depends(database)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("")
async def get_erasures(
    who: Member,
    db: Db,
    include_acknowledged: bool = False,
    after: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Field(ge=1, le=1000)] = 100,
) -> dict[str, object]:
    """What the caller's member has to erase, and what others have to of its own consents; oldest first."""
    member = member_of(who.system)
    async with db.read() as connection:
        found = await erasures.erasures_of(connection, member, all_=include_acknowledged, after=after, limit=limit)
    return {
        "erasures": [_shown(each, member, utc_now()) for each in found],
        "next": found[-1].number if len(found) == limit else None,
    }


@router.post("/{number}/acknowledge", responses={404: {}})
async def post_acknowledgement(
    number: Number, who: Member, db: Db, log: Annotated[Log, Depends(audit_log)]
) -> dict[str, object]:
    """The recipient's member says that it is erased. Again: `unchanged`."""
    member = member_of(who.system)
    with refusals():
        receipt = await Erasing(db, log).acknowledged(number, member=member)
    told: dict[str, object] = {"erasure": number, "outcome": "acknowledged" if receipt else "unchanged"}
    return told | ({"receipt": receipt} if receipt else {})


def _shown(each: Erasure, member: str, now: datetime) -> dict[str, object]:
    return {
        "erasure": each.number,
        "recipient": each.recipient,
        "controller": each.controller,
        "cause": each.cause,
        "agreement": each.agreement or None,
        "exchanges": list(each.exchanges),
        "noted_at": each.noted_at.isoformat(),
        "due_at": each.due_at.isoformat(),
        "standing": each.standing(now),
        "yours": member_of(each.recipient) == member,
    }
