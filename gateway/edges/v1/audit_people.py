"""`/v1/audit/breaches`, `/access-requests`: whom it concerns, and until when who must be told."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import AwareDatetime, StringConstraints

from ...review import breach, subject_access
from ..body import StrictRoute
from .asking import check_subject
from .audit import ZIP, Here, Read
from .audit_named import check_case_named, of_case
from .reviewing import REFUSED, Acting, Auditor, OfPersons
from .shapes import Reference, Shape, SubjectIn, Until

router = APIRouter(prefix="/audit", tags=["audit"], route_class=StrictRoute)

Kid = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[!-~]+$")]
LINES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-ndjson": {}}}}


class BreachIn(Shape):
    """`POST /v1/audit/breaches`: what leaked or was misused, and since when it is known (now, where left out)."""

    kid: Kid | None = None
    system: Reference | None = None
    agreement: Reference | None = None
    since: AwareDatetime | None = None
    until: Until | None = None
    known_at: AwareDatetime | None = None

    def criteria(self) -> breach.Criteria:
        """What is affected."""
        return breach.Criteria(self.kid or "", self.system or "", self.agreement or "", self.since, self.until)


class AccessIn(Shape):
    """`POST /v1/audit/access-requests`: a person by the numbers that they showed."""

    subject: SubjectIn


@router.get("/breaches", responses={403: {}})
async def get_breaches(_who: Auditor, here: Here) -> dict[str, object]:
    """All cases, the nearest deadline first."""
    now = here.people.clock()
    async with here.db.read() as connection:
        found = await breach.listed(connection)
    return {"breaches": [breach.shown(each, now, here.profile) for each in found]}


@router.post("/breaches", status_code=201, responses=REFUSED)
async def post_breach(body: BreachIn, who: Acting, read: Read) -> dict[str, object]:
    """Open a case: how many people, which fields, which recipients, drafts of the letters, and the clock runs."""
    here, now = read.here, read.here.people.clock()
    found = await breach.scope_of(here.db, here.log, await of_case(here, body.criteria()))
    if not found.exchanges:
        await check_case_named(here, body.criteria())
    await read.note(who, "breach", filters=sorted(body.criteria().wire()), found=found.exchanges)
    async with here.db.write() as connection:
        made = await breach.open_case(
            connection,
            here.log,
            body.criteria(),
            found,
            by=who.id,
            clock=breach.Clock(body.known_at or now, here.settings.number("BREACH_HOURS"), now),
        )
    return breach.shown(made, now, here.profile)


@router.get("/breaches/{breach_id}", responses=REFUSED)
async def get_breach(breach_id: Reference, _who: Auditor, here: Here) -> dict[str, object]:
    """One case with its clock and drafts."""
    async with here.db.read() as connection:
        return breach.shown(await breach.read(connection, breach_id), here.people.clock(), here.profile)


@router.get("/breaches/{breach_id}/people", responses=REFUSED | LINES, response_class=Response)
async def get_affected(breach_id: Reference, who: OfPersons, read: Read) -> Response:
    """The people of a case, looked up now: one keyed pseudonym a line, for the data-protection officer."""
    here = read.here
    async with here.db.read() as connection:
        kept = await breach.read(connection, breach_id)
    found = await breach.scope_of(here.db, here.log, await of_case(here, breach.Criteria.read(kept.criteria)))
    await read.note(who, "breach people", breach=breach_id, found=len(found.persons))
    lines = b"".join(orjson.dumps({"person": each}) + b"\n" for each in sorted(found.persons))
    return Response(lines, media_type="application/x-ndjson")


@router.post("/breaches/{breach_id}/notified", responses=REFUSED)
async def post_notified(breach_id: Reference, who: Acting, here: Here) -> dict[str, object]:
    """The authority was told: the clock stops."""
    async with here.db.write() as connection:
        receipt = await breach.told(connection, here.log, breach_id, by=who.id, now=here.people.clock())
    return {"id": breach_id, "receipt": receipt}


@router.get("/access-requests", responses={403: {}})
async def get_access_requests(_who: OfPersons, here: Here) -> dict[str, object]:
    """Who waits for an answer, by the day it is due; nothing says whose it is."""
    now = here.people.clock()
    async with here.db.read() as connection:
        return {"requests": [subject_access.summary(each, now) for each in await subject_access.listed(connection)]}


@router.post("/access-requests", status_code=201, responses=REFUSED)
async def post_access_request(body: AccessIn, who: OfPersons, here: Here) -> dict[str, object]:
    """Somebody asks what is known about them: the clock runs. The number is not kept, only the keyed pseudonym."""
    check_subject(body.subject.value(), here.profile)
    now, days = here.people.clock(), int(here.profile.raw.get("review", {}).get("access_days", subject_access.DAYS))
    person_ref = here.person_ref(body.subject.value())
    async with here.db.write() as connection:
        made = await subject_access.received(connection, here.log, person_ref, by=who.id, days=days, now=now)
    return subject_access.summary(made, now)


@router.get("/access-requests/{request_id}/package", responses=REFUSED | ZIP, response_class=Response)
async def get_package(request_id: Reference, who: OfPersons, read: Read) -> Response:
    """The ZIP to hand over: every exchange in plain words, consents, agreements, evidence."""
    here = read.here
    async with here.db.read() as connection:
        kept = await subject_access.read(connection, request_id)
    await read.note(who, "access request", request=request_id)
    content = await subject_access.package(
        here.db, here.log, kept.person_ref, here.profile.authority, here.people.clock()
    )
    headers = {"content-disposition": f'attachment; filename="about-you-{request_id}.zip"'}
    return Response(content, media_type="application/zip", headers=headers)


@router.post("/access-requests/{request_id}/handed", responses=REFUSED)
async def post_handed(request_id: Reference, who: OfPersons, here: Here) -> dict[str, object]:
    """It was handed over: the clock stops."""
    async with here.db.write() as connection:
        receipt = await subject_access.handed(connection, here.log, request_id, by=who.id, now=here.people.clock())
    return {"id": request_id, "receipt": receipt}
