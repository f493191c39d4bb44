"""What can be read of agreements: the register, what ends soon, what changed between versions, what a draft would do.

Under `/v1/agreements`, ahead of the routes that take an agreement's id.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import Agreement, facts_for, member_of, store
from consent.amendment import difference, widens
from consent.archetypes import disclosed, tried
from consent.document import agreement_of
from consent.errors import AgreementUnknown
from consent.expiry import Notice, notices
from consent.sentences import OFFICER, in_words, phrases
from consent.simulate import Verdict, requests_of, simulate
from consent.store import RecordedAgreement

from ...db import Database
from ...gate import utc_now
from ...review.drafted import Drafted, recorded_by
from ...review.replay import Replaying
from ...wiring import Services
from ..body import StrictRoute
from .agreements import Changer, Version
from .consents import PersonRefs
from .deps import Caller, caller, database, services
from .proposals import previewed
from .recordings import refusals
from .shapes import Reference, Shape, SubjectIn

router = APIRouter(prefix="/agreements", tags=["agreements"], route_class=StrictRoute)

Reading = Annotated[Database, Depends(database)]
MOST_PEOPLE = 100


@router.get("/register")
async def get_register(_who: Annotated[Caller, Depends(caller)], db: Reading) -> dict[str, object]:
    """The public register: every agreement that was ever in force, in plain sentences, without its officers."""
    async with db.read() as connection:
        found = await store.list_agreements(connection)
    return {"agreements": [published(each) for each in found]}


@router.get("/notices")
async def get_notices(who: Changer, db: Reading) -> dict[str, object]:
    """What of the caller's agreements ends or is due for review within 60, 30 or 7 days, the nearest first."""
    async with db.read() as connection:
        found = await store.list_agreements(connection, member_of(who.system))
    return {"notices": [_notice(each) for each in notices([each.agreement for each in found], utc_now())]}


@router.get("/{agreement_id}/difference", responses={404: {}})
async def get_difference(
    agreement_id: str, who: Annotated[Caller, Depends(caller)], db: Reading, before: Version, after: Version
) -> dict[str, object]:
    """What changed between two versions, rule by rule, and whether it widened anything."""
    with refusals():
        async with db.read() as connection:
            kept = [await store.read_agreement(connection, agreement_id, each) for each in (before, after)]
        if "audit" not in who.scopes and not all(_concerns(each, who) for each in kept):
            raise AgreementUnknown
    changes = difference(*(each.agreement for each in kept))
    return {
        "widens": widens(changes),
        "changes": [each.wire() for each in changes],
    }


class SimulationIn(Shape):
    """`POST /v1/agreements/simulate`: a draft, and people to try it on (their consents are looked up)."""

    document: dict[str, Any]
    subjects: Annotated[tuple[SubjectIn, ...], Field(max_length=MOST_PEOPLE)] = ()
    case: Reference | None = None


@router.post("/simulate", responses={400: {}, 403: {}, 404: {}})
async def post_simulation(
    body: SimulationIn,
    who: Changer,
    db: Reading,
    refs: PersonRefs,
    here: Annotated[Services, Depends(services)],
) -> dict[str, object]:
    """What a draft would disclose, to whom, and what would be decided differently. Nothing is kept, nobody is asked.

    Of people only what the caller's member recorded itself counts. Past exchanges are shown as far as the caller knew
    their outcome; a provider's are decided on everything and told in sums, for it knows whom it was asked about.
    """
    member = member_of(who.system)
    with refusals():
        draft = agreement_of(body.document)
        if member not in {draft.provider.member, draft.consumer.member}:
            raise AgreementUnknown
        people = [refs(each.value()) for each in body.subjects]
        now, own = utc_now(), recorded_by(member)
        async with db.read() as connection:
            before = await newest(connection, draft)
            preview = await previewed(connection, before, draft)
            requests = [each for subject in people for each in requests_of(draft, subject, case=body.case)]
            facts = [await own(connection, each) for each in await facts_for(connection, requests, now)]
        seen = await _past(here, member, draft, now)
    verdicts = simulate(draft, [(each, known, now) for each, known in zip(requests, facts, strict=True)])
    shown = [_verdict(each, people.index(each.request.subject_ref)) for each in verdicts]
    told = {"made_up_people": made_up_people(draft, before, now), "verdicts": shown}
    return preview | in_words(draft) | told | {"past_exchanges": seen}


def made_up_people(draft: Agreement, before: Agreement | None, now: datetime) -> list[dict[str, Any]]:
    """What would be disclosed about people whom nobody is, to whom, and whether that differs from what is in force."""
    return [
        {
            "person": person.name,
            "disclosed": [
                {"recipient": key[0], "service": key[1], "purpose": key[2], "fields": sorted(fields)}
                for key, fields in sorted(disclosed(verdicts).items())
                if fields
            ],
            "differs": any(each.gained or each.lost for each in verdicts),
        }
        for person, verdicts in tried(draft, before, now)
    ]


async def _past(here: Services, member: str, draft: Agreement, now: datetime) -> dict[str, object]:
    """A provider's sums are of days that are over: asked after each exchange, they would tell of that one person."""
    replaying = Replaying(here.db, here.gate, here.person_ref)
    if member == draft.consumer.member:
        return (await Drafted(here.db, replaying, recorded_by(member), hidden=True).compared(draft)).wire()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return (await Drafted(here.db, replaying).compared(draft, until=midnight)).in_sums()


async def newest(connection: AsyncConnection, draft: Agreement) -> Agreement | None:
    """The version of a draft's agreement that was signed last, if there is one."""
    try:
        return (await store.established_agreement(connection, draft.id)).agreement
    except AgreementUnknown:
        return None


def _concerns(kept: RecordedAgreement, who: Caller) -> bool:
    return member_of(who.system) in {kept.agreement.provider.member, kept.agreement.consumer.member}


def published(kept: RecordedAgreement) -> dict[str, object]:
    """One line of the public register."""
    agreement = kept.agreement
    return {
        "id": agreement.id,
        "version": agreement.version,
        "title": agreement.title,
        "consumer": agreement.consumer.member,
        "provider": agreement.provider.member,
        "purposes": sorted(agreement.purposes),
        "purpose_terms": dict(agreement.purpose_terms),
        "subject_category": agreement.subject_category,
        "legal_bases": sorted({each.reference or each.kind for each in agreement.bases}),
        "dpia": agreement.dpia,
        "valid_from": agreement.valid_from.isoformat(),
        "valid_until": agreement.valid_until.isoformat(),
        "standing": agreement.standing(utc_now()),
        "digest": kept.digest,
        "sentences": [str(each) for each in phrases(agreement) if each.text != OFFICER],
    }


def _notice(notice: Notice) -> dict[str, object]:
    return {
        "name": notice.name,
        "agreement": notice.agreement.id,
        "version": notice.agreement.version,
        "about": notice.about,
        "at": notice.at.isoformat(),
        "days": notice.days,
        "officers": [f"{each.role}: {each.contact}" for each in notice.agreement.officers],
    }


def _verdict(verdict: Verdict, subject: int) -> dict[str, object]:
    """`subject` is the place in the question: nothing of a person is said back."""
    request = verdict.request
    return {
        "subject": subject,
        "consumer": request.consumer,
        "provider": request.provider,
        "service": request.service,
        "action": request.action,
        "purpose": request.purpose,
        "now": sorted(verdict.now.fields),
        "then": sorted(verdict.then.fields),
        "gained": sorted(verdict.gained),
        "lost": sorted(verdict.lost),
        "refusal": verdict.then.refusal,
        "reasons": list(verdict.then.reasons),
    }
