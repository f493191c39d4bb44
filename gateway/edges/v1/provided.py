"""`/v1/provided-adapters`: what a member answers here, adapter by adapter, and when it is off line by plan.

For an adapter that came with this installation as for one that an agency registered. A system with scope `admin` and an
operator look after every agency, an agency's administrator after the own ones; what is others' does not exist for them.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime

from consent import member_of

from ...agency_health import agencies
from ...normalising import Unmapped
from ...provided import BROUGHT, REGISTERED, Provided, addresses, provided
from ...registration.errors import AdapterUnknown
from ...registration.store import Window
from ...wiring import Services
from ..body import StrictRoute
from .deps import services
from .party import Party, Watching
from .quotas import get_quotas
from .shapes import Reference, Shape
from .why import Because

router = APIRouter(tags=["adapters"], route_class=StrictRoute)
Here = Annotated[Services, Depends(services)]
REFUSED: dict[int | str, dict[str, Any]] = {400: {}, 403: {}, 404: {}, 409: {}}


class WindowIn(Shape):
    """`POST .../windows` and `PUT .../windows/{window}`: from when until when nobody answers."""

    starts_at: AwareDatetime
    ends_at: AwareDatetime


@router.get("/provided-adapters", responses={403: {}})
async def get_provided(who: Watching, here: Here) -> dict[str, object]:
    """A line for each adapter; `came` says whether this installation brings it, or its agency registered it."""
    return {"provided": [each.wire() for each in _seen(who, here)]}


@router.get("/provided-adapters/{adapter}", responses={403: {}, 404: {}})
async def get_provided_one(adapter: Reference, who: Watching, here: Here) -> dict[str, object]:
    """One adapter: what it answers, where it is reached, how it has been, its plans, its quotas and unknown codes.

    `address` holds no secret; it is null where the agency gave it sealed, and empty where the agency dials in.
    """
    found = _own(adapter, who, here)
    meter = here.gate.meter
    (health,) = (
        each.wire()
        for each in agencies(here.catalogue, meter, await meter.used_today(), member_of(found.provider))
        if each.adapter == found.adapter
    )
    return found.wire() | {
        "services": [_service(each, health["newest"]) for each in found.offers],
        "address": _address(found, here),
        "health": health,
        "windows": await here.registration.outages(found.adapter),
        "unmapped": await _unmapped(found, here),
        "quotas": await _quotas(found, who, here),
    }


@router.post("/provided-adapters/{adapter}/windows", status_code=201, responses=REFUSED)
async def post_window(adapter: Reference, body: WindowIn, who: Watching, here: Here, why: Because) -> dict[str, object]:
    """Announce that the agency is off line then: callers get `source_down` with the time to come again."""
    found = _own(adapter, who, here)
    said, times = who.because(why), (body.starts_at, body.ends_at)
    made = await here.registration.plan_outage(found.adapter, *times, by=said["by"], reason=said["reason"])
    return _window(made)


@router.put("/provided-adapters/{adapter}/windows/{window}", responses=REFUSED)
async def put_window(
    adapter: Reference, window: Reference, body: WindowIn, who: Watching, here: Here, why: Because
) -> dict[str, object]:
    """Move it: the plan before ends and the new one, with an id of its own, is announced in the same step."""
    found, said = _own(adapter, who, here), who.because(why)
    times, plan = (body.starts_at, body.ends_at), here.registration.plan_outage
    return _window(await plan(found.adapter, *times, by=said["by"], reason=said["reason"], instead_of=window))


@router.delete("/provided-adapters/{adapter}/windows/{window}", responses=REFUSED)
async def delete_window(
    adapter: Reference, window: Reference, who: Watching, here: Here, why: Because
) -> dict[str, object]:
    """The agency is back, or the plan is off."""
    found = _own(adapter, who, here)
    await here.registration.end_outage(found.adapter, window, **who.because(why))
    return {"adapter": found.adapter, "ended": window}


def _seen(who: Party, here: Services) -> list[Provided]:
    connectors = {*here.connected, *here.registration.live.connected}
    return provided(here.catalogue, here.registration.taken, connectors, "" if who.everywhere else who.member)


def _own(adapter: str, who: Party, here: Services) -> Provided:
    """Raises AdapterUnknown: there is none, or it is somebody else's."""
    found = next((each for each in _seen(who, here) if each.adapter == adapter), None)
    if found is None:
        raise AdapterUnknown
    return found


def _service(offer: Any, newest: Any) -> dict[str, object]:
    service = offer.service
    return {
        "service": service.id,
        "title": service.title or service.id,
        "summary": service.summary,
        "record_schema": service.record_schema,
        "actions": sorted(service.actions),
        "fields": sorted(service.fields),
        "claims": sorted(service.claims),
        "sent_to_the_agency": sorted(service.sent),
        "newest": newest.get(service.id),
    }


def _address(found: Provided, here: Services) -> list[dict[str, str | None]] | None:
    if found.came == REGISTERED:
        return None
    return addresses(here.settings, found.adapter) if found.came == BROUGHT else []


async def _unmapped(found: Provided, here: Services) -> int:
    queue = Unmapped(here.db, here.log, here.catalogue, here.gate.clock)
    return sum(each.adapter == found.adapter for each in await queue.waiting(member_of(found.provider)))


async def _quotas(found: Provided, who: Party, here: Services) -> list[Any]:
    member = member_of(found.provider)
    return [each for each in (await get_quotas(who, here))["agreements"] if each["provider"] == member]


def _window(made: Window) -> dict[str, object]:
    times = {"starts_at": made.starts_at.isoformat(), "ends_at": made.ends_at.isoformat()}
    return {"window": made.id, "adapter": made.adapter, **times}
