"""`/v1/posture`, `/v1/forecast`: how everyone presents itself, what ends when; `/v1/gateway/keys`: our next key.

For scope `admin` and operators; an administrator sees the forecast of the own member.
"""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import StrictBool

from ...db import Database
from ...forecast import HORIZON, forecast, known
from ...trust import Trust
from ...trust.keys import AHEAD, AT_ONCE
from ...trust.posture import own_posture, postures
from ...trust.rotation import rotate
from ..body import StrictRoute
from .changing import Changes
from .deps import database, trust
from .party import Operator, Watching
from .shapes import Shape

router = APIRouter(tags=["operation"], route_class=StrictRoute)
Db = Annotated[Database, Depends(database)]
Here = Annotated[Trust, Depends(trust)]


@router.get("/posture")
async def get_posture(_: Operator, db: Db, here: Here) -> dict[str, object]:
    """Of each system: how it may authenticate and bind its tokens, how it did, its exceptions, what ends when."""
    now = here.clock()
    await here.uses.flush()
    async with db.read() as connection:
        found = await postures(connection, now)
    return {"gateway": own_posture(here.keys, now), "systems": [each.document() for each in found]}


class RotationIn(Shape):
    """`POST /v1/gateway/keys/{use}`. `at_once`: use it in seconds, after a leak; otherwise in a day."""

    at_once: StrictBool = False


@router.post("/gateway/keys/{use}", status_code=201, responses={400: {}})
async def post_gateway_key(
    use: Literal["token", "message", "encryption"],
    body: RotationIn,
    _: Operator,
    changes: Annotated[Changes, Depends()],
) -> dict[str, object]:
    """Make the gateway's next key of this use; it is published at once, and the previous one stays while it matters."""
    keys, use_from = changes.trust.keys, changes.now + (AT_ONCE if body.at_once else AHEAD)
    key = await rotate(changes.db, changes.log, keys.folder, use, now=changes.now, use_from=use_from, care=keys.care)
    changes.trust.forget()
    return {"kid": key.kid, "use_from": use_from.isoformat(timespec="seconds")}


@router.get("/forecast", responses={400: {}})
async def get_forecast(
    who: Watching, db: Db, here: Here, days: Annotated[int, Query(ge=1, le=3660)] = HORIZON.days
) -> dict[str, object]:
    """What ends within so many days, and which agreements stop then."""
    now = here.clock()
    until = now + timedelta(days=days)
    async with db.read() as connection:
        found = await known(connection, here.keys, now, until)
    lines = [each for each in forecast(found, now, until) if who.everywhere or each.concerns(who.member)]
    return {"until": until.isoformat(timespec="seconds"), "ends": [each.document() for each in lines]}
