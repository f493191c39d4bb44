"""`/v1/agreements`: bring a signed agreement, read those one is a party to, suspend, resume or end one.

A member (its systems, its administrator with a session) sees the agreements that it is a party to; a caller with scope
`audit` sees all. Changes need scope `agreement`. What the document must look like: `schemas/own/agreement.v1.json`.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field, StringConstraints

from consent import member_of, store
from consent.errors import AgreementUnknown
from consent.sentences import in_words
from consent.store import RecordedAgreement

from ...db import Database
from ...gate import utc_now
from ...recording import Recording
from ..body import StrictRoute
from .deps import Caller, MemberKeys, database, having, member_keys
from .party import Party, Reader
from .problems import ProblemError
from .recordings import recording, refusals
from .shapes import Reference, Shape

router = APIRouter(prefix="/agreements", tags=["agreements"], route_class=StrictRoute)

Jws = Annotated[str, StringConstraints(max_length=200_000)]
Changer = Annotated[Caller, Depends(having("agreement"))]
Version = Annotated[int, Query(ge=1, le=1_000_000)]
Recordings = Annotated[Recording, Depends(recording)]


class AgreementIn(Shape):
    """`POST /v1/agreements`. A signature per member that is a party: compact JWS over the canonical document."""

    document: dict[str, Any]
    signatures: Annotated[dict[Reference, Jws], Field(max_length=2)]


@router.post("", status_code=201, responses={400: {}, 403: {}, 409: {}})
async def post_agreement(
    body: AgreementIn, who: Changer, keys: Annotated[MemberKeys, Depends(member_keys)], recordings: Recordings
) -> dict[str, object]:
    """Put an agreement, or its next version, in force. Refused ones are logged too."""
    member = member_of(who.system)
    if member not in body.signatures:
        raise ProblemError("forbidden", "Only a party brings its agreement: your member's signature is missing.")
    with refusals():
        recorded, receipt = await recordings.agreement(body.document, body.signatures, keys, by=member)
    return shown(recorded) | {"receipt": receipt}


@router.get("")
async def get_agreements(who: Reader, db: Annotated[Database, Depends(database)]) -> dict[str, object]:
    """Every version of every agreement that this caller may see, without documents."""
    member = None if who.everywhere else who.member
    async with db.read() as connection:
        found = await store.list_agreements(connection, member)
    return {"agreements": [summary(each) for each in found]}


@router.get("/{agreement_id}", responses={404: {}})
async def get_agreement(
    agreement_id: str, who: Reader, db: Annotated[Database, Depends(database)], version: Version | None = None
) -> dict[str, object]:
    """One version, the newest unless named: document, signatures, and the same in plain sentences."""
    with refusals():
        return shown(await _seen(db, who, agreement_id, version))


@router.post("/{agreement_id}/{verb}", responses={403: {}, 404: {}, 409: {}})
async def post_change(
    agreement_id: str,
    verb: Literal["suspend", "resume", "end"],
    who: Changer,
    db: Annotated[Database, Depends(database)],
    recordings: Recordings,
) -> dict[str, object]:
    """Each party may suspend or end at once; only who suspended resumes. Acts at the next decision."""
    member = member_of(who.system)
    with refusals():
        party = Party(member, who.system, "audit" in who.scopes)
        kept = await _seen(db, party, agreement_id)
        if member not in _members(kept):
            raise ProblemError("forbidden", "Only a party changes the state of an agreement.")
        changed, receipt = await recordings.agreement_change(verb, agreement_id, by=member)
    return summary(changed) | {"receipt": receipt}


async def _seen(db: Database, who: Party, agreement_id: str, version: int | None = None) -> RecordedAgreement:
    """The agreement, if this caller may see it; others' agreements do not exist for it."""
    async with db.read() as connection:
        kept = await store.read_agreement(connection, agreement_id, version)
    if not who.everywhere and who.member not in _members(kept):
        raise AgreementUnknown
    return kept


def _members(kept: RecordedAgreement) -> set[str]:
    return {kept.agreement.provider.member, kept.agreement.consumer.member}


def summary(kept: RecordedAgreement) -> dict[str, object]:
    """One line of a list. `standing` is the state with the clock looked at: `in force`, `expired`, `replaced`..."""
    agreement = kept.agreement
    return {
        "id": agreement.id,
        "version": agreement.version,
        "title": agreement.title,
        "consumer": agreement.consumer.member,
        "provider": agreement.provider.member,
        "state": agreement.state.value,
        "standing": agreement.standing(utc_now()),
        "state_by": kept.state_by,
        "recorded_at": kept.recorded_at.isoformat(),
        "changed_at": kept.changed_at.isoformat(),
        "digest": kept.digest,
    }


def shown(kept: RecordedAgreement) -> dict[str, object]:
    """Everything about one version."""
    return summary(kept) | {
        "document": kept.parsed,
        "signatures": dict(kept.signatures),
        **in_words(kept.agreement),
    }
