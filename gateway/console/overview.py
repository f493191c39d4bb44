"""`/console`: for reviewers the state of the log and what was exchanged; for others what waits for them (`home`)."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ..edges.v1 import audit_overview
from ..edges.v1.reviewing import Reviewer
from ..people import Right
from .charts import columns
from .home import home, rows_of_roles
from .names import names_of
from .page import officer_of, page

router = APIRouter(prefix="/console", include_in_schema=False)
SPANS = (7, 30, 90)
APART = {"outcome": "outcomes", "source": "sources", "purpose": "purposes"}
"""What the days may be told apart by -> the member of the API's answer."""


@router.get("")
async def front(request: Request) -> Response:
    """The first page after signing in."""
    who = await officer_of(request)
    if not who.giving(Right.EVIDENCE_READ):
        return await home(request, who)
    wanted = request.query_params.get("days", "")
    days = int(wanted) if wanted in map(str, SPANS) else SPANS[1]
    reviewer = Reviewer(who.id, who)
    found: dict[str, Any] = await audit_overview.get_overview(request, reviewer, request.app.state.services, days)
    wanted = request.query_params.get("by", "")
    by = wanted if wanted in APART else "outcome"
    values: dict[str, Any] = {"span": days, "spans": SPANS, "by": by, "apart": tuple(APART)}
    values |= {"since": found["days"][0]["day"], "chart": columns(found[APART[by]], found["days"])}
    names = await names_of(request.app.state.services, who)
    values |= {"names": names, "rows": rows_of_roles(who, names)}
    return page(request, who, "console/overview.html", found=found, **values)
