"""`/v1/deliveries`: one record handed to another system, once."""

import asyncio
from time import perf_counter
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from ...delivery.deliveries import KeyReused
from ...errors import ExchangeError
from ...wiring import Services
from ..body import StrictRoute
from ..signing import signed_ask
from .asking import by_officer, check_reach, checked_handover
from .deps import Caller, having, services
from .problems import ProblemError
from .shapes import DeliveryIn

router = APIRouter(tags=["deliveries"], route_class=StrictRoute)
delivering = having("delivery")


@router.post("/deliveries", status_code=202, responses={400: {}, 403: {}, 409: {}, 503: {}})
async def post_delivery(
    request: Request,
    body: DeliveryIn,
    who: Annotated[Caller, Depends(delivering)],
    here: Annotated[Services, Depends(services)],
) -> Response:
    """Hand a record over. The same idempotency key gives the same delivery, however often it is sent."""
    begun = perf_counter()
    handover = by_officer(body.handover(who.system), body.officer, here)
    handover = signed_ask(checked_handover(handover, here.catalogue, here.profile), request)
    check_reach(who, handover)
    try:
        taken = await here.deliveries.accept(handover)
    except KeyReused:
        raise ProblemError("conflict", "This idempotency key was used with another body.") from None
    except ExchangeError as error:
        await _held_back(error, begun, here.gate.floor_s)
        raise
    return JSONResponse(taken.wire(), 202, {"location": f"/v1/deliveries/{taken.id}"})


@router.get("/deliveries/{delivery_id}")
async def get_delivery(
    delivery_id: str,
    who: Annotated[Caller, Depends(delivering)],
    here: Annotated[Services, Depends(services)],
) -> dict[str, object]:
    """How far a delivery of this caller is."""
    try:
        return (await here.deliveries.show(who.system, delivery_id)).wire()
    except KeyError:
        raise ProblemError("not_found", "This caller has no such delivery.") from None


async def _held_back(error: ExchangeError, begun: float, floor_s: float) -> None:
    """Tell a refusal no sooner than any other of an exchange to who may not know existence."""
    if not error.may_know_existence:
        await asyncio.sleep(max(0.0, begun + floor_s - perf_counter()))
