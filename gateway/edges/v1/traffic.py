"""`GET /v1/traffic`: what a member's systems gave the gateway to do lately, and what of theirs did not go through.

A system sees its own, the member's administrator those of all its systems. Ids and states only, never content. A group
of dead letters goes out again when two people agree: propose `letters.release` at `/v1/approvals`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from ...delivery import letters
from ...delivery.status import recent
from ...gate import utc_now
from ...wiring import Services
from ..body import StrictRoute
from .deps import services
from .party import Keeper, kept

router = APIRouter(tags=["jobs"], route_class=StrictRoute)
MOST = 100


@router.get("/traffic")
async def get_traffic(who: Keeper, here: Annotated[Services, Depends(services)]) -> dict[str, Any]:
    """The newest hundred pieces of work, and the groups of dead letters that were meant for these systems."""
    systems = kept(who, (await here.trust.register()).systems)
    targets = letters.targets(systems)
    found = [(each.id, one) for each in systems for one in await recent(here.db, each.id, utc_now(), most=MOST)]
    newest = sorted(found, key=lambda pair: -pair[1].created)[:MOST]
    async with here.db.read() as connection:
        dead = [each.wire() for each in await letters.groups(connection) if each.target in targets]
    return {"work": [one.wire() | {"system": system} for system, one in newest], "letters": dead}
