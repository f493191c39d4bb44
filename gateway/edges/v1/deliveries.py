"""`/v1/deliveries`: one record handed to another system, once."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from ...delivery.deliveries import KeyReused
from ...wiring import Services
from ..body import StrictRoute
from ..signing import signed_ask
from .asking import check_reach, checked_handover
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
    handover = signed_ask(checked_handover(body.handover(who.system), here.catalogue, here.profile), request)
    check_reach(who, handover)
    try:
        taken = await here.deliveries.accept(handover)
    except KeyReused:
        raise ProblemError("conflict", "This idempotency key was used with another body.") from None
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
