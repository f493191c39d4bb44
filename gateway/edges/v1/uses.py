"""`GET /v1/uses`: a provider sees who used its data: for each consumer, service, purpose and agreement.

Counts only: how many exchanges, how many different people, how many refusals, which fields. Needs scope `agreement`,
or a session of the administrator.
"""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from consent import member_of

from ...citizen.provided import Counted, Key, Mine, counted
from ...wiring import Services
from ..body import StrictRoute
from .asking import bad
from .deps import services
from .party import Agency
from .shapes import Code, Day

router = APIRouter(tags=["uses"], route_class=StrictRoute)

MOST_DAYS = 31
USUAL = timedelta(days=6)


@router.get("/uses", responses={400: {}})
async def get_uses(
    who: Agency,
    here: Annotated[Services, Depends(services)],
    service: Code | None = None,
    since: Annotated[Day | None, Query(alias="from")] = None,
    to: Day | None = None,
) -> dict[str, Any]:
    """Uses of the caller's member's data; both days are included, the last seven if none is given."""
    first, last, begin, end = days(here, since, to)
    found = await counted(here.db, await _mine(here, who), begin, end)
    shown = [used(key, found[key]) for key in sorted(found) if service in {None, key.service}]
    return {"from": first.isoformat(), "to": last.isoformat(), "uses": shown}


def days(here: Services, since: date | None, to: date | None) -> tuple[date, date, datetime, datetime]:
    """The days asked about, the last seven if none is given, and when they begin and end.

    Raises:
        ProblemError: `bad_request.query`: backwards, or too many.
    """
    last = to or here.today()
    first = since or last - USUAL
    if not 0 <= (last - first).days < MOST_DAYS:
        raise bad("query", f"`from` is not after `to`, and not more than {MOST_DAYS - 1} days before it.")
    zone = here.profile.zone
    end = datetime.combine(last + timedelta(days=1), time(), zone)
    return first, last, datetime.combine(first, time(), zone), end


async def _mine(here: Services, who: Agency) -> Mine:
    """All systems of a member, and what they offer; a system that asks is one of them."""
    member, asking = who.member, set() if who.officer else {who.by}
    systems = {each.id: each for each in (await here.trust.register()).systems.values() if each.member_id == member}
    linked = {offer.service.id: offer.provider for offer in here.catalogue if member_of(offer.provider) == member}
    services = {*linked, *(f"{each.dci_id}/{one.name}" for each in systems.values() for one in each.services)}
    return Mine({*asking, *systems, *linked.values()}, services)


def used(key: Key, count: Counted) -> dict[str, Any]:
    """One line: counts, never who."""
    return {
        "consumer": key.consumer,
        "service": key.service,
        "purpose": key.purpose,
        "agreement": key.agreement or None,
        "exchanges": count.exchanges,
        "answered": count.answered,
        "refused": count.refused,
        "people": len(count.people),
        "fields": sorted(count.fields),
    }
