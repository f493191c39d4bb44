"""`/v1/audit/overview`: counts and the state of the log, for the first page of a reviewer. Nothing of any person."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request

from ...review import overview
from ..body import StrictRoute
from .audit import Here
from .reviewing import Auditor

router = APIRouter(prefix="/audit/overview", tags=["audit"], route_class=StrictRoute)

Days = Annotated[int, Query(ge=1, le=overview.LONGEST)]


@router.get("", responses={400: {}, 403: {}})
async def get_overview(request: Request, _who: Auditor, here: Here, days: Days = 30) -> dict[str, object]:
    """Exchanges of the last days by outcome, source, purpose and day; a batch is one. And how the log is."""
    counting: overview.Counting = request.app.state.counting
    today = here.people.clock().date()
    counted = await here.log.store.read(lambda connection: counting.over(connection, today, days))
    found = await overview.health(here.db, here.log)
    outside = await here.keeper.watch.integrity(here.people.clock())
    return {
        "days": [{"day": day.isoformat(), "exchanges": count} for day, count in counted.days],
        "outcomes": _named(counted.outcomes),
        "sources": _named(counted.providers),
        "purposes": _named(counted.purposes),
        "open_findings": found.open_findings,
        "log": {
            "origin": found.origin,
            "size": found.size,
            "signed_size": found.signed_size,
            "signed_at": found.signed_at.isoformat() if found.signed_at else None,
            "cosigned_at": outside.cosigned.isoformat() if outside.cosigned else None,
            "time_stamped_at": outside.anchored.isoformat() if outside.anchored else None,
            "warnings": list(outside.warnings),
            "stopped": outside.stopped,
            "open_intents": found.open_intents,
        },
    }


def _named(counts: Sequence[tuple[str, int]]) -> list[dict[str, object]]:
    return [{"name": name, "exchanges": count} for name, count in counts]
