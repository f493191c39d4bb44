"""`/v1/audit/queries`: searches of exchanges that an officer keeps under a name, for that officer alone."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints

from ...people import Right
from ...review import queries
from ..body import StrictRoute
from .audit import Here, Named, WantedIn
from .officers import PRINTED
from .problems import ProblemError
from .reviewing import REFUSED, Reviewer, checked_remark, reviewer
from .shapes import Code, Day, Reference, Shape

router = APIRouter(prefix="/audit/queries", tags=["audit"], route_class=StrictRoute)

Looking = Annotated[Reviewer, Depends(reviewer(Right.EVIDENCE_READ))]
Minute = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=PRINTED, strip_whitespace=True)]


class KeptIn(Shape):
    """Filters that may be kept. A case is none of them: the gateway knows cases by their hashes alone.

    `since` and `until` are days here, both included; each may have a time of that day, by the country's clocks.
    `officer` is kept as its hash.
    """

    consumer: Named = None
    provider: Named = None
    service: Code | None = None
    purpose: Code | None = None
    agreement: Named = None
    outcome: Code | None = None
    officer: Named = None
    since: Day | None = None
    until: Day | None = None
    since_time: Minute | None = None
    until_time: Minute | None = None


class QueryIn(Shape):
    """`POST /v1/audit/queries`."""

    name: Title
    filters: Annotated[KeptIn, Field(default_factory=KeptIn)]


@router.get("", responses={403: {}})
async def get_queries(who: Looking, here: Here) -> dict[str, object]:
    """What the officer keeps, by name."""
    async with here.db.read() as connection:
        return {"queries": [each.wire() for each in await queries.kept_by(connection, who.id)]}


@router.post("", status_code=201, responses=REFUSED)
async def post_query(body: QueryIn, who: Looking, here: Here) -> dict[str, object]:
    """Keep a search; one of the same name is replaced."""
    name = checked_remark(body.name, here)
    filters = {key: str(value) for key, value in body.filters.model_dump(exclude_none=True).items()}
    if not filters:
        raise ProblemError("bad_request.shape", "Name at least one filter.")
    filters |= WantedIn(officer=filters.get("officer")).coded(here)
    async with here.db.write() as connection:
        made = await queries.keep(connection, who.id, name, filters, here.people.clock())
    return made.wire()


@router.delete("/{query_id}", responses=REFUSED)
async def delete_query(query_id: Reference, who: Looking, here: Here) -> dict[str, object]:
    """Keep it no more."""
    async with here.db.write() as connection:
        await queries.take_out(connection, who.id, query_id)
    return {"id": query_id}
