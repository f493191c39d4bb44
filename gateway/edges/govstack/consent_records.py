"""`/consent/service/individual/record/...`: a person's own word, by way of the member that asks the person.

Draft, sign, record; opt out and in again. The signature is evidence: its digest is kept, the controller keeps the rest.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from consent import canonical
from consent.errors import ConsentUnknown
from consent.model import member_of

from ...gate import utc_now
from ..refusal import ProblemError
from .agreements import Object, Term, digest
from .changes import Evidence, to_sign
from .records import Individual, Kept, Sought, chain, find, individual, record_of
from .route import ConsentRoute, Here, Limit, Offset, here_for, individual_of
from .shapes import ConsentRecordIn, Signature, SignatureIn, SignedRecordIn

router = APIRouter(prefix="/service/individual/record", route_class=ConsentRoute)

Controller = Annotated[Here, Depends(here_for("consent"))]
Whose = Annotated[str, Depends(individual_of)]
RevisionId = Annotated[str, Query(alias="revisionId", max_length=300)]


@router.post("/consent-record/draft/")
async def draft(
    here: Controller,
    whose: Whose,
    data_agreement_id: Annotated[str, Query(alias="dataAgreementId")],
    revision_id: RevisionId = "",
) -> Object:
    """serviceIndividualConsentRecordDraftCreate: nothing is kept; `verificationPayload` is what the person signs."""
    term, hash_ = await _consentable(here, data_agreement_id, revision_id)
    person = await _person(here, whose)
    record = {
        "id": "",
        "dataAgreementRevisionHash": hash_,
        "dataAgreement": _named(term),
        "individual": person.shown(),
        "optIn": True,
        "state": "unsigned",
    }
    return {"consentRecord": record, "signature": _unsigned(to_sign(term.id, hash_, person.id, opt_in=True))}


@router.post("/consent-record/")
async def create_signed(body: SignedRecordIn, here: Controller) -> Object:
    """serviceIndividualConsentRecordSignatureCreate: a signed record, and the consent in our register with it."""
    sent = body.consent_record
    term, hash_ = await _consentable(here, sent.id_of("data_agreement"))
    if sent.data_agreement_revision_hash != hash_:
        raise ProblemError("conflict", "The data agreement has another revision now: ask for a new draft.")
    person = await _person(here, sent.id_of("individual"))
    evidence = _evidence(body.signature, to_sign(term.id, hash_, person.id, opt_in=True), here)
    kept = await here.records.opened(person, term, hash_, opt_in=True)
    kept = await here.records.said(kept, opt_in=True)  # where the person said no before
    kept = await here.records.signed(kept, person, term, hash_, evidence)
    return await _answered(here, kept) | {"signature": _placed(body.signature, kept)}


@router.get("/consent-record/")
async def list_own(here: Controller, whose: Whose, offset: Offset = 0, limit: Limit = 100) -> Object:
    """serviceIndividualConsentRecordList: of one person."""
    return await _of_person(here, whose, "", offset, limit)


@router.delete("/")
async def delete_all(here: Controller, whose: Whose) -> Object:
    """serviceIndividualConsentRecordDeleteAll: what was never signed. No agreement is `forgettable`: opt out."""
    await here.records.forgotten(await _person(here, whose))
    return {}


@router.post("/data-agreement/{data_agreement_id}/")
async def create_unsigned(
    data_agreement_id: str, here: Controller, whose: Whose, revision_id: RevisionId = ""
) -> Object:
    """serviceIndividualConsentRecordCreate: a record without a signature, which allows nothing until it has one."""
    term, hash_ = await _consentable(here, data_agreement_id, revision_id)
    kept = await here.records.opened(await _person(here, whose), term, hash_, opt_in=True)
    return await _answered(here, kept)


@router.get("/data-agreement/{data_agreement_id}/")
async def read_one(data_agreement_id: str, here: Controller, whose: Whose) -> Object:
    """serviceIndividualConsentRecordRead: the one of a person and a data agreement."""
    found = (await _of_person(here, whose, data_agreement_id, 0, 1))["consentRecords"]
    if not found:
        raise ConsentUnknown
    return {"consentRecord": found[0]}


@router.get("/data-agreement/{data_agreement_id}/all/")
async def list_of_agreement(
    data_agreement_id: str, here: Controller, whose: Whose, offset: Offset = 0, limit: Limit = 100
) -> Object:
    """serviceIndividualDataAgreementConsentRecordList: there is one at most."""
    return await _of_person(here, whose, data_agreement_id, offset, limit)


@router.put("/consent-record/{consent_record_id}/")
async def update(consent_record_id: str, body: ConsentRecordIn, here: Controller) -> Object:
    """serviceIndividualConsentRecordUpdate: `optIn` is all that changes. False withdraws the consent at once."""
    kept = await _kept(here, consent_record_id)
    if body.consent_record.opt_in is None:
        raise ProblemError("bad_request.shape", "Say optIn true or false; nothing else of a record changes.")
    return await _answered(here, await here.records.said(kept, opt_in=body.consent_record.opt_in))


@router.post("/consent-record/{consent_record_id}/signature/")
async def create_signature(consent_record_id: str, _body: SignatureIn, here: Controller) -> Object:
    """serviceIndividualSignatureCreate: what the person signs for this record; nothing is kept."""
    kept = await _kept(here, consent_record_id)
    _term, hash_ = await _consentable(here, kept.data_agreement)
    payload = to_sign(kept.data_agreement, hash_, kept.individual, opt_in=True)
    return {"signature": _unsigned(payload) | {"objectReference": f"{kept.id}.{kept.number}"}}


@router.put("/consent-record/{consent_record_id}/signature/")
async def sign(consent_record_id: str, body: SignatureIn, here: Controller) -> Object:
    """serviceIndividualSignatureUpdate: signs the record, and the consent is in our register."""
    kept = await _kept(here, consent_record_id)
    term, hash_ = await _consentable(here, kept.data_agreement)
    person = await _person(here, kept.individual)
    evidence = _evidence(body.signature, to_sign(term.id, hash_, person.id, opt_in=True), here)
    return {"signature": _placed(body.signature, await here.records.signed(kept, person, term, hash_, evidence))}


async def _consentable(here: Here, id_: str, revision_id: str = "") -> tuple[Term, str]:
    """The data agreement in its newest version and the hash of that revision, if the caller may ask people for it.

    Raises:
        AgreementUnknown, ProblemError: none, or not on consent, not the caller's to ask for, or not in force.
    """
    term = (await here.term(id_))[-1]
    newest = (await here.chain_of(term))[-1]
    if revision_id not in {"", newest["id"]}:
        raise ProblemError("conflict", "Only the newest revision of a data agreement can be consented to.")
    if term.basis.kind != "consent":
        raise ProblemError("conflict", f"This data agreement rests on {term.basis.kind}: nobody is asked for consent.")
    if here.member not in {member_of(each) for each in term.basis.controllers}:
        raise ProblemError("forbidden", "The agreement names other members to ask the person.")
    if term.agreement.standing(utc_now()) != "in force":
        raise ProblemError("conflict", "This data agreement is not in force.")
    return term, newest["serializedHash"]


async def _person(here: Here, id_: str) -> Individual:
    async with here.services.db.read() as connection:
        return await individual(connection, here.member, id_)


async def _kept(here: Here, id_: str) -> Kept:
    async with here.services.db.read() as connection:
        return await record_of(connection, Sought(id_, here.member))


async def _of_person(here: Here, whose: str, data_agreement_id: str, offset: int, limit: int) -> Object:
    person = await _person(here, whose)
    sought = Sought("", here.member, None, person.subject_ref, data_agreement_id, offset, limit)
    async with here.services.db.read() as connection:
        found = await find(connection, sought)
    return {"consentRecords": [here.shown(each) for each in found]}


async def _answered(here: Here, kept: Kept) -> Object:
    async with here.services.db.read() as connection:
        revision = (await chain(connection, kept.id))[-1]
    return {"consentRecord": here.shown(kept), "revision": revision}


def _named(term: Term) -> Object:
    return {
        "id": term.id,
        "version": str(term.agreement.version),
        "purpose": term.purpose,
        "lawfulBasis": term.basis.kind,
        "dpia": term.agreement.dpia,
    }


def _unsigned(payload: str) -> Object:
    return {
        "id": "",
        "payload": payload,
        "signature": "",
        "verificationMethod": "",
        "verificationPayload": payload,
        "verificationPayloadHash": digest(payload),
        "verificationSignedBy": "",
        "timestamp": utc_now().isoformat(),
        "signedWithoutObjectReference": True,
        "objectType": "revision",
    }


def _evidence(signature: Signature, payload: str, here: Here) -> Evidence:
    """The digest of what was signed and how.

    Raises:
        ProblemError: another payload than ours, or no signature.
    """
    if signature.verification_payload != payload or signature.verification_payload_hash != digest(payload):
        raise ProblemError("conflict", "verificationPayload and its hash must be those of the draft.")
    if not (signature.signature and signature.verification_signed_by and signature.verification_method):
        raise ProblemError("bad_request.shape", "Give signature, verificationMethod and verificationSignedBy.")
    signed_as = signature.verification_signed_as or "individual"
    if signed_as not in {"individual", "delegate"}:
        raise ProblemError("bad_request.shape", "verificationSignedAs is individual or delegate.")
    whole = canonical(signature.model_dump(by_alias=True, exclude_none=True)).decode()
    return Evidence(digest(whole), signed_as == "delegate", here.givers())


def _placed(signature: Signature, kept: Kept) -> Object:
    """The caller's own signature back, with its id; we keep the digest only."""
    reference = f"{kept.id}.{kept.number}"
    known = {"id": reference, "objectType": "revision", "objectReference": reference}
    return signature.model_dump(by_alias=True, exclude_none=True) | known
