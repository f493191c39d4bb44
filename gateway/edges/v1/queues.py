"""`GET /v1/queues`: how much work waits, by kind and by the last failure. For operators and scope `admin`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from ...delivery.queues import waiting_work
from ...wiring import Services
from ..body import StrictRoute
from .deps import services
from .party import Operator

router = APIRouter(tags=["operation"], route_class=StrictRoute)


@router.get("/queues", responses={403: {}})
async def get_queues(_: Operator, here: Annotated[Services, Depends(services)]) -> dict[str, object]:
    """One line for each kind, lane, state and last failure: how many, and since when. Letters: `GET /v1/letters`."""
    async with here.db.read() as connection:
        return {"queues": await waiting_work(connection)}
