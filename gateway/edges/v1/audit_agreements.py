"""`/v1/audit/agreements`, `/flows`, `/consents/search`: the rules and what people said, for those who review them.

Agreements are no evidence about anybody, so reading them is no entry; consents of a person are, and so is trying a
draft on what was exchanged.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query

from consent import Agreement, store
from consent import register as consent_register
from consent.amendment import difference, widens
from consent.document import agreement_of
from consent.sentences import in_words
from consent.store import RecordedAgreement

from ...review.drafted import Drafted
from ...review.replay import Replaying
from ...review.rule_history import of_agreement, of_consents, with_history
from ..body import StrictRoute
from .agreement_views import made_up_people, newest
from .agreements import Version, shown, summary
from .asking import check_subject
from .audit import Here, Read
from .consents import shown as shown_consent
from .proposals import previewed
from .recordings import refusals
from .reviewing import REFUSED, Auditor
from .shapes import Reference, Shape, SubjectIn

router = APIRouter(prefix="/audit", tags=["audit"], route_class=StrictRoute)

AT_ONCE = 500
IN_FORCE = "in force"


class DraftIn(Shape):
    """`POST /v1/audit/agreements/simulate`: a draft as a member would propose it."""

    document: dict[str, Any]


class PersonIn(Shape):
    """`POST /v1/audit/consents/search`: a person by the numbers that are known."""

    subject: SubjectIn


@router.get("/agreements", responses={403: {}})
async def get_all_agreements(_who: Auditor, here: Here) -> dict[str, object]:
    """Every version of every agreement, by id and version."""
    async with here.db.read() as connection:
        return {"agreements": [summary(each) for each in await store.list_agreements(connection)]}


@router.get("/agreements/{agreement_id}", responses=REFUSED)
async def get_one_agreement(
    agreement_id: Reference, _who: Auditor, here: Here, version: Version | None = None
) -> dict[str, object]:
    """One version (the newest unless named), what changed since the one before it, all versions, and the history."""
    with refusals():
        async with here.db.read() as connection:
            kept = await store.read_agreement(connection, agreement_id, version)
            every = [each for each in await store.list_agreements(connection) if each.agreement.id == agreement_id]
    earlier = [each for each in every if each.agreement.version < kept.agreement.version]
    changed = _changed(earlier[-1].agreement, kept.agreement) if earlier else None
    steps = await here.log.store.read(lambda connection: of_agreement(connection, agreement_id))
    history = [each.wire() for each in steps]
    return shown(kept) | {"versions": [summary(each) for each in every], "since_before": changed, "history": history}


@router.get("/agreements/{agreement_id}/difference", responses=REFUSED)
async def get_changes(
    agreement_id: Reference, _who: Auditor, here: Here, before: Version, after: Version
) -> dict[str, object]:
    """What changed between two versions, rule by rule, and whether it widened anything."""
    with refusals():
        async with here.db.read() as connection:
            older, newer = [await store.read_agreement(connection, agreement_id, each) for each in (before, after)]
    return _changed(older.agreement, newer.agreement)


@router.post("/agreements/simulate", responses=REFUSED)
async def post_draft(body: DraftIn, who: Auditor, read: Read) -> dict[str, object]:
    """What a draft would disclose about made-up people, and which past exchanges it would decide differently."""
    here, now = read.here, read.here.people.clock()
    with refusals():
        draft = agreement_of(body.document)
        async with here.db.read() as connection:
            before = await newest(connection, draft)
            preview = await previewed(connection, before, draft)
    past = await Drafted(here.db, Replaying(here.db, here.gate, here.person_ref)).compared(draft)
    await read.note(who, "draft", found=past.looked_at)
    tried = {"made_up_people": made_up_people(draft, before, now), "past_exchanges": past.wire()}
    return preview | in_words(draft) | tried


@router.get("/flows", responses={403: {}})
async def get_flows(_who: Auditor, here: Here) -> dict[str, object]:
    """Who may ask whom, by the agreements in force."""
    now = here.people.clock()
    async with here.db.read() as connection:
        kept = await store.list_agreements(connection)
    names = {each.id: each.name for each in (await here.trust.register()).members.values()}
    flows = _flows(each for each in kept if each.agreement.standing(now) == IN_FORCE)
    present = sorted({each for flow in flows for each in (flow["consumer"], flow["provider"])})
    return {"members": [{"id": each, "name": names.get(each, each)} for each in present], "flows": flows}


@router.post("/consents/search", responses=REFUSED)
async def post_consents_search(
    body: PersonIn, who: Auditor, read: Read, after: Annotated[str, Query(max_length=64)] = ""
) -> dict[str, object]:
    """What one person consented to, with every controller, and how each came to be and ended.

    The numbers become a keyed pseudonym and go no further.
    """
    here = read.here
    check_subject(body.subject.value(), here.profile)
    person = here.person_ref(body.subject.value())
    async with here.db.read() as connection:
        found = await consent_register.list_consents(connection, subject_ref=person, after=after, limit=AT_ONCE)
    history = await here.log.store.read(lambda connection: of_consents(connection, person))
    await read.note(who, "consents", found=len(found))
    now = here.people.clock()
    following = found[-1].id if len(found) == AT_ONCE else None
    told = with_history([shown_consent(each, now) for each in found], found, history)
    return {"consents": told, "next": following}


def _changed(before: Agreement, after: Agreement) -> dict[str, object]:
    changes = difference(before, after)
    told = [each.wire() for each in changes]
    return {"before": before.version, "after": after.version, "widens": widens(changes), "changes": told}


def _flows(kept: Iterable[RecordedAgreement]) -> list[dict[str, Any]]:
    """One flow for each pair of members, with the agreements that carry it."""
    found: dict[tuple[str, str], list[Agreement]] = defaultdict(list)
    for each in kept:
        found[(each.agreement.consumer.member, each.agreement.provider.member)].append(each.agreement)
    return [
        {
            "consumer": consumer,
            "provider": provider,
            "agreements": [{"id": each.id, "version": each.version, "title": each.title} for each in agreements],
            "services": sorted({grant.service for each in agreements for grant in each.grants.values()}),
        }
        for (consumer, provider), agreements in sorted(found.items())
    ]
