"""`/v1/subscriptions`: what a system wants to be told; the same subscriptions that DCI's `subscribe` makes."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, Field, StringConstraints

from ...events.cron import REAL_TIME, CronRefused, checked_frequency
from ...events.subscriptions import Subscription, SubscriptionRefused, wish
from ...events.types import type_of
from ...wiring import Services
from ..body import StrictRoute
from ..dci.filtering import QueryRefused, native
from .asking import bad
from .deps import Caller, having, services
from .problems import ProblemError
from .shapes import Code, Reference, Shape

router = APIRouter(tags=["subscriptions"], route_class=StrictRoute)
NO_SUCH = "This caller has no such subscription."

Who = Annotated[Caller, Depends(having("events"))]
Here = Annotated[Services, Depends(services)]
Frequency = Annotated[str, StringConstraints(max_length=120)]


class SubscriptionIn(Shape):
    """`POST /v1/subscriptions`. `filter` is `{"field": {"eq": value}}`, with `$and`, `$or` and `$not` around."""

    provider: Code
    event_type: Reference
    purpose: Reference
    filter: Annotated[dict[str, Any], Field(default_factory=dict, max_length=50)]
    frequency: Frequency = REAL_TIME
    starts: AwareDatetime | None = None
    ends: AwareDatetime | None = None


@router.post("/subscriptions", status_code=201, responses={400: {}, 403: {}, 503: {}})
async def post_subscription(body: SubscriptionIn, who: Who, here: Here) -> Response:
    """Subscribe. The same provider and event type again change the subscription that is there.

    Events go to the address that is registered for the service that takes them; each is decided anew.
    """
    wanted = await _wanted(body, who.system, here)
    try:
        (code,) = await here.subscriptions.add([wanted])
    except SubscriptionRefused as error:
        raise bad("filter", error.detail) from None
    here.wake()
    return JSONResponse(_shown(await here.subscriptions.one(code)), 201, {"location": f"/v1/subscriptions/{code}"})


@router.get("/subscriptions")
async def get_subscriptions(who: Who, here: Here) -> dict[str, object]:
    """All subscriptions of the caller, ended ones too, oldest first."""
    return {"subscriptions": [_shown(each) for each in await here.subscriptions.of_subscriber(who.system)]}


@router.get("/subscriptions/{code}", responses={404: {}})
async def get_subscription(code: Reference, who: Who, here: Here) -> dict[str, object]:
    """One subscription of the caller."""
    return _shown(await _own(code, who, here))


@router.delete("/subscriptions/{code}", responses={404: {}, 409: {}})
async def delete_subscription(code: Reference, who: Who, here: Here) -> dict[str, object]:
    """End it. From the answer on nothing of it is handed over, also not what waits."""
    await _own(code, who, here)
    try:
        return _shown(await here.subscriptions.end(who.system, code))
    except SubscriptionRefused as error:
        raise ProblemError("conflict", error.detail) from None


async def _wanted(body: SubscriptionIn, subscriber: str, here: Services) -> Subscription:
    if body.provider not in (await here.trust.register()).systems:
        raise bad("service", "No system of this name tells anything here; GET /v1/catalogue lists what exists.")
    if body.purpose not in here.profile.purposes:
        raise bad("purpose", "The purpose is unknown here; GET /v1/catalogue lists them.")
    try:
        wanted = native(body.filter, here.person_ref, here.profile)
        frequency = checked_frequency(body.frequency)
    except (QueryRefused, CronRefused) as error:
        raise bad("filter", f"{error}.") from None
    return wish(
        subscriber,
        body.provider,
        type_of(body.event_type),
        body.purpose,
        filter=wanted,
        frequency=frequency,
        starts=body.starts.timestamp() if body.starts else 0.0,
        ends=body.ends.timestamp() if body.ends else None,
    )


async def _own(code: str, who: Caller, here: Services) -> Subscription:
    try:
        found = await here.subscriptions.one(code)
    except KeyError:
        raise ProblemError("not_found", NO_SUCH) from None
    if found.subscriber != who.system:
        raise ProblemError("not_found", NO_SUCH)
    return found


def _shown(each: Subscription) -> dict[str, object]:
    return {
        "code": each.code,
        "provider": each.provider,
        "event_type": each.event_type,
        "purpose": each.purpose,
        "filter": each.filter,
        "frequency": each.frequency,
        "starts": _time(each.starts or None),
        "ends": _time(each.ends),
        "state": each.state,
        "created": _time(each.created),
        "ended": _time(each.ended),
    }


def _time(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()
