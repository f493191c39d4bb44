"""`/v1/adapters/...` while a version runs: what one officer of the agency may do alone, as less of it runs.

Going back, withdrawing a canary or a shadow, lowering a share, retiring, announcing an outage; and who used the data.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from ...citizen.provided import Mine, counted
from ..body import StrictRoute
from .adapters import REFUSED, Inside, Number, changeable, seen
from .approvals import Who
from .shapes import Day, Reference, Shape
from .uses import days, used
from .why import Because

router = APIRouter(tags=["adapters"], route_class=StrictRoute)


class ShareIn(Shape):
    """`POST .../share`: per cent of the exchanges that a canary answers from now on."""

    share: Annotated[int, Field(ge=1, le=98)]


class OutageIn(Shape):
    """`POST .../outages`: from when until when nobody answers."""

    starts_at: AwareDatetime
    ends_at: AwareDatetime


@router.post("/adapters/{adapter}/rollback", responses=REFUSED)
async def post_rollback(adapter: Reference, who: Who, here: Inside, why: Because) -> dict[str, object]:
    """The version that was active before is active again, with the inputs it had."""
    await changeable(here, who, adapter)
    back = await here.registration.rollback(adapter, by=who.id, reason=why.of_a_person())
    return {"adapter": adapter, "active": back.number}


@router.post("/adapters/{adapter}/versions/{number}/withdraw", responses=REFUSED)
async def post_withdraw(adapter: Reference, number: Number, who: Who, here: Inside, why: Because) -> dict[str, object]:
    """Take a canary or a shadow off line."""
    await changeable(here, who, adapter)
    await here.registration.withdraw(adapter, number, by=who.id, reason=why.of_a_person())
    return {"adapter": adapter, "version": number, "state": "withdrawn"}


@router.post("/adapters/{adapter}/versions/{number}/retire", responses=REFUSED)
async def post_retire(adapter: Reference, number: Number, who: Who, here: Inside, why: Because) -> dict[str, object]:
    """This version never runs again. Without an active version, callers get `no_link`."""
    await changeable(here, who, adapter)
    await here.registration.retire(adapter, number, by=who.id, reason=why.of_a_person())
    return {"adapter": adapter, "version": number, "state": "retired"}


@router.post("/adapters/{adapter}/versions/{number}/share", responses=REFUSED)
async def post_share(adapter: Reference, number: Number, body: ShareIn, who: Who, here: Inside) -> dict[str, object]:
    """Let a canary answer less. More is a release."""
    await changeable(here, who, adapter)
    await here.registration.lower(adapter, number, body.share, by=who.id)
    return {"adapter": adapter, "version": number, "share": body.share}


@router.post("/adapters/{adapter}/outages", status_code=201, responses=REFUSED)
async def post_outage(adapter: Reference, body: OutageIn, who: Who, here: Inside) -> dict[str, object]:
    """Announce a planned outage: callers get `source_down` with the time to come again, and the agency no call."""
    await changeable(here, who, adapter)
    made = await here.registration.plan_outage(adapter, body.starts_at, body.ends_at, by=who.id)
    times = {"starts_at": made.starts_at.isoformat(), "ends_at": made.ends_at.isoformat()}
    return {"outage": made.id, "adapter": adapter, **times}


@router.delete("/adapters/{adapter}/outages/{outage}", responses=REFUSED)
async def delete_outage(adapter: Reference, outage: Reference, who: Who, here: Inside) -> dict[str, object]:
    """The agency is back, or the plan is off."""
    await changeable(here, who, adapter)
    await here.registration.end_outage(adapter, outage, by=who.id)
    return {"adapter": adapter, "ended": outage}


@router.get("/adapters/{adapter}/uses", responses={400: {}, 403: {}, 404: {}})
async def get_adapter_uses(
    adapter: Reference,
    who: Who,
    here: Inside,
    since: Annotated[Day | None, Query(alias="from")] = None,
    to: Day | None = None,
) -> dict[str, Any]:
    """Who used this adapter's data, for which purposes, how much, how often refused; both days are included."""
    found = await seen(here, who, adapter)
    first, last, begin, end = days(here, since, to)
    offered = {each.service.id for each in here.catalogue if each.service.id.partition(".")[0] == adapter}
    uses = await counted(here.db, Mine({found.system}, offered), begin, end)
    shown = [used(key, uses[key]) for key in sorted(uses) if key.service in offered]
    return {"from": first.isoformat(), "to": last.isoformat(), "uses": shown}
