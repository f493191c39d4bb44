"""`/consent/config` and the readings of `/consent/service` and `/consent/audit` about policies and data agreements.

An agreement is made by two members who sign it. So nothing here puts one in force: creating a data agreement under a
policy proposes an amendment to the other member, and both sign it over `/v1/proposals`.
"""

from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from consent.errors import AgreementUnknown
from consent.model import BASES

from ...gate import utc_now
from ..refusal import ProblemError
from .agreements import Object, data_agreement, policy, policy_revisions, revisions, terms
from .amending import proposed
from .route import ConsentRoute, Here, Limit, Offset, here_for
from .shapes import DataAgreement, DataAgreementIn

config = APIRouter(route_class=ConsentRoute)
service = APIRouter(route_class=ConsentRoute)
audit = APIRouter(route_class=ConsentRoute)

Party = Annotated[Here, Depends(here_for("agreement"))]
Anybody = Annotated[Here, Depends(here_for("consent"))]
Auditor = Annotated[Here, Depends(here_for("audit", sees_all=True))]
RevisionId = Annotated[str, Query(alias="revisionId", max_length=300)]


@config.get("/config/policy/{policy_id}/")
@service.get("/service/policy/{policy_id}/")
async def read_policy(policy_id: str, here: Anybody, revision_id: RevisionId = "") -> Object:
    """configPolicyRead, servicePolicyRead: an agreement, its newest version unless a revision is named."""
    versions = await here.agreement(policy_id)
    for kept, revision in zip(reversed(versions), reversed(policy_revisions(versions, here.place)), strict=True):
        if revision_id in {"", revision["id"]}:
            return {"policy": policy(kept, here.place), "revision": revision}
    raise AgreementUnknown


@config.get("/config/policy/{policy_id}/revisions/")
async def list_policy_revisions(policy_id: str, here: Party, offset: Offset = 0, limit: Limit = 100) -> Object:
    """configPolicyRevisionsList: the published answer has the policy only; the revisions stand beside it."""
    versions = await here.agreement(policy_id)
    found = policy_revisions(versions, here.place)[offset : offset + limit]
    return {"policy": policy(versions[-1], here.place), "revisions": found}


@config.get("/config/policies/")
async def list_policies(here: Party, offset: Offset = 0, limit: Limit = 100) -> Object:
    """configPolicyList: the newest version of each agreement of the caller's member."""
    newest = [versions[-1] for versions in (await here.versions()).values()]
    return {"policies": [policy(each, here.place) for each in newest[offset : offset + limit]]}


@config.get("/config/data-agreement/{data_agreement_id}/")
async def read_configured(data_agreement_id: str, here: Party) -> Object:
    """configDataAgreementRead."""
    return await _read(here, data_agreement_id)


@service.get("/service/data-agreement/{data_agreement_id}/")
async def read_serviced(data_agreement_id: str, here: Anybody) -> Object:
    """serviceDataAgreementRead."""
    return await _read(here, data_agreement_id)


@audit.get("/audit/data-agreement/{data_agreement_id}/")
async def read_audited(data_agreement_id: str, here: Auditor) -> Object:
    """auditDataAgreementRead."""
    return await _read(here, data_agreement_id)


@config.get("/config/data-agreements/")
async def list_configured(here: Party, offset: Offset = 0, limit: Limit = 100) -> Object:
    """configDataAgreementList."""
    return await _list(here, offset, limit)


@service.get("/service/verification/data-agreements/")
async def list_verified(here: Anybody, offset: Offset = 0, limit: Limit = 100) -> Object:
    """serviceVerificationDataAgreementList."""
    return await _list(here, offset, limit)


@audit.get("/audit/data-agreements/")
async def list_audited(here: Auditor, offset: Offset = 0, limit: Limit = 100) -> Object:
    """auditDataAgreementList."""
    return await _list(here, offset, limit)


@config.post("/config/data-agreement/")
async def create(body: DataAgreementIn, here: Party) -> Object:
    """configDataAgreementCreate: proposes the next version of the agreement `policy.id`, with this purpose in it.

    The answer is a draft. It is in force when both members have signed the proposal (`/v1/proposals`).
    """
    wanted = body.data_agreement
    kept = (await here.agreement(str((wanted.policy or {}).get("id", ""))))[-1]
    document: Any = kept.parsed
    amended: Object = {
        "purposes": sorted({*document["purposes"], wanted.purpose}),
        "legal_bases": [*document["legal_bases"], _basis(wanted, here.member)],
    }
    if wanted.dpia:
        amended["dpia"] = wanted.dpia
    draft = await proposed(here, kept, amended)
    term = [each for each in terms(draft) if each.position == len(document["legal_bases"])][-1]
    shown = data_agreement(term, here.place, utc_now()) | {"active": False}
    return {"dataAgreement": shown, "revision": revisions([term], here.place)[-1]}


def _basis(wanted: DataAgreement, member: str) -> Object:
    if wanted.lawful_basis not in BASES:
        raise ProblemError("bad_request.shape", f"lawfulBasis is one of {', '.join(sorted(BASES))}.")
    if wanted.lawful_basis != "consent":
        raise ProblemError(
            "bad_request.shape",
            "This basis needs the statute or contract, which this shape has no place for: POST /v1/proposals.",
        )
    controller = str((wanted.controller or {}).get("id", "")) or member
    return {"kind": "consent", "controllers": [controller], "purposes": [wanted.purpose]}


async def _read(here: Here, id_: str) -> Object:
    found = await here.term(id_)
    return {
        "dataAgreement": data_agreement(found[-1], here.place, utc_now()),
        "revision": revisions(found, here.place)[-1],
    }


async def _list(here: Here, offset: int, limit: int) -> Object:
    newest = (versions[-1] for versions in (await here.versions()).values())
    found = islice((term for kept in newest for term in terms(kept)), offset, offset + limit)
    return {"dataAgreements": [data_agreement(each, here.place, utc_now()) for each in found]}
