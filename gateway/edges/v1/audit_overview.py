"""`/v1/audit/overview`: counts and the state of the log, for the first page of a reviewer. Nothing of any person."""

from collections.abc import Sequence
from datetime import datetime
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
    """Exchanges of the last days by outcome, source and purpose, altogether and day by day; a batch is one.

    Days are those of the country's clocks, today last. And how the log is, and who vouches for it from outside.
    """
    counting: overview.Counting = request.app.state.counting
    now = here.people.clock()
    today = here.profile.today(now)
    counted = await here.log.store.read(lambda connection: counting.over(connection, today, days))
    found = await overview.health(here.db, here.log)
    outside = await here.keeper.watch.integrity(now)
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
            "signed_age_s": _age_s(found.signed_at, now),
            "cosigned_at": outside.cosigned.isoformat() if outside.cosigned else None,
            "cosigned_age_s": _age_s(outside.cosigned, now),
            "time_stamped_at": outside.anchored.isoformat() if outside.anchored else None,
            "time_stamped_age_s": _age_s(outside.anchored, now),
            "witnesses": _outside(found.witnesses, now),
            "anchors": _outside(found.anchors, now),
            "warnings": list(outside.warnings),
            "stopped": outside.stopped,
            "open_intents": found.open_intents,
        },
    }


def _named(counts: Sequence[overview.Counted]) -> list[dict[str, object]]:
    return [{"name": each.name, "exchanges": each.exchanges, "days": list(each.days)} for each in counts]


def _outside(found: Sequence[overview.Outside], now: datetime) -> list[dict[str, object]]:
    return [
        {"name": each.name, "at": each.at.isoformat(), "age_s": _age_s(each.at, now), "size": each.size}
        for each in found
    ]


def _age_s(at: datetime | None, now: datetime) -> int | None:
    """How long ago, in whole seconds; never less than none, whatever clocks outside say."""
    return max(int((now - at).total_seconds()), 0) if at else None
