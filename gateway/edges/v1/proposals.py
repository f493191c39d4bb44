"""`/v1/proposals`: agreements that wait for a signature. One member proposes, the other reads, signs or rejects.

A proposal shows what both would sign in plain sentences, what it changes against the version in force, and how many
people it would newly expose. Needs scope `agreement`, or a session; only the two members see it.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log
from consent import Agreement, store
from consent.amendment import difference, widens
from consent.errors import AgreementUnknown
from consent.exposure import newly_exposed
from consent.proposals import Proposal, proposals_of, read_proposal
from consent.sentences import in_words

from ...db import Database
from ...gate import utc_now
from ...proposing import Proposing
from ..body import StrictRoute
from .agreements import Jws, shown
from .deps import MemberKeys, audit_log, database, member_keys
from .party import Agency
from .recordings import refusals
from .shapes import Shape

router = APIRouter(prefix="/proposals", tags=["agreements"], route_class=StrictRoute)

Number = Annotated[int, Path(ge=1, le=2**53)]
Keys = Annotated[MemberKeys, Depends(member_keys)]
Reading = Annotated[Database, Depends(database)]


async def proposing(db: Reading, log: Annotated[Log, Depends(audit_log)]) -> Proposing:
    """Changes with their log entries."""
    return Proposing(db, log)


Changes = Annotated[Proposing, Depends(proposing)]


class ProposalIn(Shape):
    """`POST /v1/proposals`."""

    document: dict[str, Any]


class SignatureIn(Shape):
    """`POST /v1/proposals/{number}/sign`: a compact JWS over the canonical document."""

    signature: Jws


@router.post("", status_code=201, responses={400: {}, 403: {}})
async def post_proposal(body: ProposalIn, who: Agency, changes: Changes, db: Reading) -> dict[str, object]:
    """Put a document before the other member. A newer one replaces an open one of the same agreement."""
    with refusals():
        made, receipt = await changes.propose(body.document, by=who.member)
        return await _shown(db, made) | {"receipt": receipt}


@router.get("")
async def get_proposals(who: Agency, db: Reading) -> dict[str, object]:
    """What waits for this member's signature, and what it proposed itself; oldest first."""
    member = who.member
    async with db.read() as connection:
        found = await proposals_of(connection, member)
    return {"proposals": [_summary(each) | {"waits_for_you": member in each.missing} for each in found]}


@router.get("/{number}", responses={404: {}})
async def get_proposal(number: Number, who: Agency, db: Reading) -> dict[str, object]:
    """One proposal: document, plain sentences, what it changes, and whom it would newly expose."""
    with refusals():
        async with db.read() as connection:
            kept = await read_proposal(connection, number, who.member)
        return await _shown(db, kept)


@router.post("/{number}/sign", responses={400: {}, 403: {}, 404: {}, 409: {}})
async def post_signature(
    number: Number, body: SignatureIn, who: Agency, keys: Keys, changes: Changes
) -> dict[str, object]:
    """Sign it. The last signature makes it an agreement, which the answer then shows."""
    member = who.member
    with refusals():
        signed, receipt = await changes.sign(number, body.signature, keys, by=member)
        if signed.missing:
            return _summary(signed) | {"receipt": receipt}
        recorded, receipt = await changes.record(signed, keys, by=member)
    return shown(recorded) | {"receipt": receipt}


@router.post("/{number}/{verb}", responses={404: {}, 409: {}})
async def post_end(
    number: Number, verb: Literal["reject", "withdraw"], who: Agency, changes: Changes
) -> dict[str, object]:
    """The other member rejects, who proposed withdraws."""
    standing = {"reject": "rejected", "withdraw": "withdrawn"}[verb]
    with refusals():
        closed, receipt = await changes.close(number, standing, by=who.member)
    return _summary(closed) | {"receipt": receipt}


def _summary(proposal: Proposal) -> dict[str, object]:
    return {
        "number": proposal.number,
        "agreement": proposal.agreement.id,
        "version": proposal.agreement.version,
        "title": proposal.agreement.title,
        "proposed_by": proposal.proposed_by,
        "proposed_at": proposal.proposed_at.isoformat(),
        "standing": proposal.standing,
        "signed_by": sorted(proposal.signatures),
        "missing": sorted(proposal.missing),
    }


async def _shown(db: Database, proposal: Proposal) -> dict[str, object]:
    async with db.read() as connection:
        before = await _in_force(connection, proposal.agreement.id)
        preview = await previewed(connection, before, proposal.agreement)
    return _summary(proposal) | preview | {"document": proposal.document} | in_words(proposal.agreement)


async def _in_force(connection: AsyncConnection, agreement_id: str) -> Agreement | None:
    try:
        return (await store.established_agreement(connection, agreement_id)).agreement
    except AgreementUnknown:
        return None


async def previewed(connection: AsyncConnection, before: Agreement | None, draft: Agreement) -> dict[str, object]:
    """What a draft changes, and how many people's data it would newly expose."""
    changes = difference(before, draft) if before else ()
    exposed = await newly_exposed(connection, before, draft, utc_now())
    return {
        "widens": before is None or widens(changes),
        "changes": [each.wire() for each in changes],
        "newly_exposed": {
            "people_with_consent": exposed.people,
            "by_consent": [_disclosure(each) for each in exposed.gained],
            "without_consent": [_disclosure(each) for each in exposed.without_consent],
        },
    }


def _disclosure(gained: tuple[str, str, str, str]) -> dict[str, str]:
    return dict(zip(("recipient", "service", "purpose", "field"), gained, strict=True))
