"""`/v1/audit/exchanges/{id}/lines`: a batch person by person, for those who review it."""

from typing import Annotated

from fastapi import APIRouter, Query

from ...review.batch_lines import batch_lines
from ...review.search import one_exchange
from ..body import StrictRoute
from .audit import Read
from .reviewing import REFUSED, Auditor
from .shapes import Reference

router = APIRouter(prefix="/audit/exchanges", tags=["audit"], route_class=StrictRoute)

After = Annotated[int, Query(ge=-1, lt=2**31)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/{exchange_id}/lines", responses=REFUSED)
async def get_lines(
    exchange_id: Reference, who: Auditor, read: Read, after: After = -1, limit: Limit = 50
) -> dict[str, object]:
    """The lines of a batch: how each ended, and by which rules; the next page begins after `next`."""
    log = read.here.log
    found = await log.store.read(lambda connection: one_exchange(connection, exchange_id))
    lines = await log.store.read(lambda connection: batch_lines(connection, found, after=after, most=limit))
    await read.note(who, "lines", exchange=exchange_id, found=len(lines))
    return {"exchange_id": exchange_id, "lines": lines, "next": lines[-1]["line"] if len(lines) == limit else None}
