"""`/v1/consents` and `/v1/objections`: what people said, recorded by the member that asked them.

The caller's member is the controller: it records, lists and withdraws its own consents, and upholds
objections. One consent is a JSON object, many are JSON Lines (`schemas/own/consent.v1.json`); a line
with an `id` may be sent again any number of times. Needs scope `consent`.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, StringConstraints

from audit import new_id
from consent import Consent, Objection, member_of
from consent import register as consent_register
from consent.document import moment_text

from ...consent_lines import Givers, consent_line
from ...db import Database
from ...gate import utc_now
from ...model import Subject
from ...recording import Recording, Told
from ...trust.person import PersonRef
from ...wiring import Services
from .. import body as bodies
from .asking import check_id, check_subject
from .deps import Caller, database, having, person_ref, services
from .many import recorded, told_members
from .recordings import recording, refusals
from .shapes import Code, Shape, SubjectIn

router = APIRouter(tags=["consents"], route_class=bodies.StrictRoute)

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Codes = Annotated[frozenset[Code], Field(max_length=100)]
Recorder = Annotated[Caller, Depends(having("consent"))]
RefOf = Callable[[Subject], str]


async def checked_ref(
    here: Annotated[Services, Depends(services)], ref: Annotated[PersonRef, Depends(person_ref)]
) -> RefOf:
    """Subject in, pseudonym out, if its numbers have a form that the country knows."""

    def checked(subject: Subject) -> str:
        check_subject(subject, here.profile)
        return ref(subject)

    return checked


PersonRefs = Annotated[RefOf, Depends(checked_ref)]


async def consent_reader(
    who: Recorder,
    refs: PersonRefs,
    ref: Annotated[PersonRef, Depends(person_ref)],
    here: Annotated[Services, Depends(services)],
) -> Callable[[object], Consent]:
    """A line in, the caller's own consent out."""
    givers = Givers(here.profile.givers, here.profile.today(utc_now()))
    controller = member_of(who.system)

    def read(line: object) -> Consent:
        given = consent_line(line, controller=controller, person_ref=refs, numbers=ref.numbers, givers=givers)
        check_id(given.id, here.profile)
        return given

    return read


Reading = Annotated[Callable[[object], Consent], Depends(consent_reader)]
Recordings = Annotated[Recording, Depends(recording)]


class WithdrawalIn(Shape):
    """`POST /v1/consents/withdraw`. Without purposes: everything that the person gave this controller."""

    subject: SubjectIn
    purposes: Codes = frozenset()


class ObjectionIn(Shape):
    """`POST /v1/objections`. What is left empty means all."""

    id: Id | None = None
    subject: SubjectIn
    kind: Literal["objection", "restriction"] = "objection"
    purposes: Codes = frozenset()
    services: Codes = frozenset()
    fields: Codes = frozenset()
    recipients: Codes = frozenset()


@router.post("/consents", status_code=201, responses={400: {}, 409: {}, 413: {}})
async def post_consents(request: Request, who: Recorder, reading: Reading, recordings: Recordings) -> Response:
    """Record one consent (`application/json`), or up to 10,000 (`application/x-ndjson`, a result line for each)."""
    record = partial(recordings.consents, by=member_of(who.system))
    return await recorded(request, reading, record, what="consent")


@router.get("/consents")
async def get_consents(
    who: Recorder,
    db: Annotated[Database, Depends(database)],
    after: Annotated[str, Field(max_length=64)] = "",
    limit: Annotated[int, Field(ge=1, le=1000)] = 100,
) -> dict[str, object]:
    """The caller's own consents by id; the next page begins after `next`."""
    async with db.read() as connection:
        found = await consent_register.list_consents(connection, member_of(who.system), after=after, limit=limit)
    now = utc_now()
    return {
        "consents": [shown(each, now) for each in found],
        "next": found[-1].id if len(found) == limit else None,
    }


@router.post("/consents/withdraw", responses={400: {}})
async def post_withdrawals(
    body: WithdrawalIn, who: Recorder, refs: PersonRefs, recordings: Recordings
) -> dict[str, object]:
    """Withdraw what a person gave the caller's member; counts from the next decision on."""
    with refusals():
        withdrawn = await recordings.withdrawals_of(
            refs(body.subject.value()), controller=member_of(who.system), purposes=body.purposes
        )
    return {"withdrawn": [told_members(each) for each in withdrawn]}


@router.post("/consents/{consent_id}/withdraw", responses={404: {}})
async def post_withdrawal(consent_id: str, who: Recorder, recordings: Recordings) -> dict[str, object]:
    """Withdraw one consent; counts from the next decision on. Again: `unchanged`."""
    with refusals():
        return told_members(await recordings.withdrawal(consent_id, controller=member_of(who.system)))


@router.post("/objections", status_code=201, responses={400: {}, 409: {}})
async def post_objection(
    body: ObjectionIn,
    who: Recorder,
    refs: PersonRefs,
    recordings: Recordings,
    here: Annotated[Services, Depends(services)],
) -> dict[str, object]:
    """Record an objection or a restriction that the caller's member upheld; it subtracts from every exchange."""
    check_id(body.id, here.profile)
    objection = Objection(
        id=body.id or str(new_id()),
        subject_ref=refs(body.subject.value()),
        kind=body.kind,
        purposes=body.purposes,
        services=body.services,
        fields=body.fields,
        recipients=body.recipients,
    )
    with refusals():
        receipt = await recordings.objection(objection, by=member_of(who.system))
    return {"id": objection.id, "outcome": consent_register.RECORDED, "receipt": receipt}


@router.get("/objections")
async def get_objections(who: Recorder, db: Annotated[Database, Depends(database)]) -> dict[str, object]:
    """Those that the caller's member upheld."""
    async with db.read() as connection:
        found = await consent_register.list_objections(connection, member_of(who.system))
    return {"objections": [_shown_objection(each) for each in found]}


@router.post("/objections/{objection_id}/lift", responses={404: {}})
async def post_lift(objection_id: str, who: Recorder, recordings: Recordings) -> dict[str, object]:
    """Lift one. Again: `unchanged`."""
    with refusals():
        receipt = await recordings.objection_lifted(objection_id, by=member_of(who.system))
    return told_members(Told(objection_id, "lifted" if receipt else consent_register.UNCHANGED, receipt))


def shown(consent: Consent, now: datetime) -> dict[str, Any]:
    """A consent without the person: only the pseudonym would be left, and that stays inside."""
    services = {
        service: None if fields is None else sorted(fields) for service, fields in sorted(consent.services.items())
    }
    return {
        "id": consent.id,
        "controller": consent.controller,
        "recipients": sorted(consent.recipients),
        "purposes": sorted(consent.purposes),
        "services": services if any(services.values()) else sorted(services),
        "valid_from": moment_text(consent.valid_from),
        "valid_until": moment_text(consent.valid_until),
        "given_how": consent.given_how,
        "given_by": consent.given_by,
        "assurance": consent.assurance,
        "evidence": consent.evidence,
        "standing": consent.standing(now),
        "withdrawn_at": consent.withdrawn_at.isoformat() if consent.withdrawn_at else None,
    }


def _shown_objection(objection: Objection) -> dict[str, object]:
    return {
        "id": objection.id,
        "kind": objection.kind,
        "purposes": sorted(objection.purposes),
        "services": sorted(objection.services),
        "fields": sorted(objection.fields),
        "recipients": sorted(objection.recipients),
        "lifted_at": objection.lifted_at.isoformat() if objection.lifted_at else None,
    }
