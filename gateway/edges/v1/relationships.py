"""`/v1/relationships`: with whom the caller's member deals, and under which case.

Under an agreement that requires it, nobody gets an answer about a person with whom no relationship was declared, and
the agency is not asked. One is a JSON object, many are JSON Lines; a line with an `id` may be sent again any number of
times. Needs scope `consent`.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, StringConstraints

from audit import Log, new_id
from consent import Relationship, member_of
from consent.relating import list_relationships

from ...db import Database
from ...gate import utc_now
from ...profile import Profile
from ...relating import Relating
from ...wiring import Services
from .. import body as bodies
from .asking import bad, check_case, check_id
from .consents import Id, PersonRefs, RefOf
from .deps import Caller, audit_log, database, having, services
from .many import recorded, told_members
from .problems import ProblemError
from .recordings import refusals
from .shapes import Reference, Shape, SubjectIn, shaped

router = APIRouter(tags=["relationships"], route_class=bodies.StrictRoute)

KIND = r"^[a-z][a-z0-9_]{0,63}$"

Holder = Annotated[Caller, Depends(having("consent"))]
Reading = Annotated[Database, Depends(database)]


class RelationshipIn(Shape):
    """One line. `holder` is the caller's member, or one of its systems; with `case` it counts for that case only."""

    id: Id | None = None
    subject: SubjectIn
    kind: Annotated[str, StringConstraints(pattern=KIND)]
    holder: Reference | None = None
    case: Reference | None = None
    valid_from: AwareDatetime
    valid_until: AwareDatetime


async def relating(db: Reading, log: Annotated[Log, Depends(audit_log)]) -> Relating:
    """Changes with their log entries."""
    return Relating(db, log)


Changes = Annotated[Relating, Depends(relating)]


async def line_reader(
    who: Holder, refs: PersonRefs, here: Annotated[Services, Depends(services)]
) -> Callable[[object], Relationship]:
    """A line in, the caller's own relationship out."""
    member, profile = member_of(who.system), here.profile

    def read(line: object) -> Relationship:
        return _relationship(shaped(RelationshipIn, line), member, refs, profile)

    return read


LineReader = Annotated[Callable[[object], Relationship], Depends(line_reader)]


@router.post("/relationships", status_code=201, responses={400: {}, 403: {}, 409: {}, 413: {}, 415: {}})
async def post_relationships(request: Request, who: Holder, read: LineReader, changes: Changes) -> Response:
    """Declare one (`application/json`), or up to 10,000 (`application/x-ndjson`, a result line for each)."""
    record = partial(changes.declared, by=member_of(who.system))
    return await recorded(request, read, record, what="relationship")


@router.get("/relationships", responses={400: {}})
async def get_relationships(
    who: Holder,
    db: Reading,
    after: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Those that the caller's member holds, by id; the next page begins after `next`."""
    async with db.read() as connection:
        found = await list_relationships(connection, member_of(who.system), after=after, limit=limit)
    now = utc_now()
    return {
        "relationships": [_shown(each, now) for each in found],
        "next": found[-1].id if len(found) == limit else None,
    }


@router.post("/relationships/{relationship_id}/end", responses={404: {}})
async def post_end(relationship_id: str, who: Holder, changes: Changes) -> dict[str, Any]:
    """End one; counts from the next decision on. Again: `unchanged`."""
    with refusals():
        return told_members(await changes.ended(relationship_id, by=member_of(who.system)))


def _relationship(line: RelationshipIn, member: str, refs: RefOf, profile: Profile) -> Relationship:
    """Raises ProblemError: it is another member's, of no length, or its id or case has the form of an identifier."""
    holder = line.holder or member
    if member_of(holder) != member:
        raise ProblemError("forbidden", "A member declares its own relationships: holder is it, or one of its systems.")
    if line.valid_from >= line.valid_until:
        raise bad("shape", "/valid_until: must be later than valid_from.")
    check_case(line.case, profile)
    check_id(line.id, profile)
    return Relationship(
        id=line.id or str(new_id()),
        subject_ref=refs(line.subject.value()),
        holder=holder,
        kind=line.kind,
        case=line.case,
        valid_from=line.valid_from,
        valid_until=line.valid_until,
    )


def _shown(each: Relationship, now: datetime) -> dict[str, Any]:
    """Without the person."""
    return {
        "id": each.id,
        "holder": each.holder,
        "kind": each.kind,
        "case": each.case,
        "valid_from": each.valid_from.isoformat(),
        "valid_until": each.valid_until.isoformat(),
        "standing": each.standing(now),
    }
