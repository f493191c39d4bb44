"""`/v1/agency-health`: how each agency has been lately, and how new its data is, as the answering process saw it.

A system with scope `admin` and an operator see every agency, an agency's administrator the own ones.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from ...agency_health import agencies
from ...wiring import Services
from ..body import StrictRoute
from .deps import services
from .party import Watching

router = APIRouter(tags=["adapters"], route_class=StrictRoute)


@router.get("/agency-health")
async def get_agency_health(who: Watching, here: Annotated[Services, Depends(services)]) -> dict[str, Any]:
    """One line for each adapter; an agency that is down is data here, and never makes the gateway unready."""
    meter, member = here.gate.meter, "" if who.everywhere else who.member
    found = agencies(here.catalogue, meter, await meter.used_today(), member)
    return {"agencies": [each.wire() for each in found]}
