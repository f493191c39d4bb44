"""`/consent/service/verification/...` and `/consent/audit/...`: does a consent exist, and what became of it.

The published list has no filter although its text speaks of one; `individualId` and `dataAgreementId` filter here.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from .agreements import Object
from .records import Sought, chain, find, individual, record_of
from .route import ConsentRoute, Here, Limit, Offset, here_for

service = APIRouter(route_class=ConsentRoute)
audit = APIRouter(route_class=ConsentRoute)

Consumer = Annotated[Here, Depends(here_for("consent"))]
Auditor = Annotated[Here, Depends(here_for("audit", sees_all=True))]
IndividualId = Annotated[str, Query(alias="individualId", max_length=64)]
DataAgreementId = Annotated[str, Query(alias="dataAgreementId", max_length=300)]


@service.get("/service/verification/consent-records/")
async def list_records(
    here: Consumer,
    individual_id: IndividualId = "",
    data_agreement_id: DataAgreementId = "",
    offset: Offset = 0,
    limit: Limit = 100,
) -> Object:
    """serviceVerificationConsentRecordList: of the agreements that the caller's member is a party to."""
    parties = list(await here.versions())
    async with here.services.db.read() as connection:
        whose = (await individual(connection, here.member, individual_id)).subject_ref if individual_id else ""
        sought = Sought("", here.member, parties, whose, data_agreement_id, offset, limit)
        found = await find(connection, sought)
    return {"consentRecords": [here.shown(each) for each in found]}


@service.get("/service/verification/consent-record/{consent_record_id}/")
async def read_record(consent_record_id: str, here: Consumer) -> Object:
    """serviceVerificationConsentRecordRead."""
    parties = list(await here.versions())
    async with here.services.db.read() as connection:
        kept = await record_of(connection, Sought(consent_record_id, here.member, parties))
        return {"consentRecord": here.shown(kept), "revision": (await chain(connection, kept.id))[-1]}


@audit.get("/audit/consent-records/")
async def list_audited(here: Auditor, offset: Offset = 0, limit: Limit = 100) -> Object:
    """auditConsentRecordList: all of them; whose they are is not shown."""
    async with here.services.db.read() as connection:
        found = await find(connection, Sought(offset=offset, limit=limit))
    return {"consentRecords": [here.shown(each, whose=False) for each in found]}


@audit.get("/audit/consent-record/{consent_record_id}/")
async def read_audited(consent_record_id: str, here: Auditor) -> Object:
    """auditConsentRecordRead: with the whole chain of its revisions, to check."""
    async with here.services.db.read() as connection:
        kept = await record_of(connection, Sought(consent_record_id))
        revisions = await chain(connection, kept.id)
    shown = here.shown(kept, whose=False)
    return {"consentRecord": shown, "revision": revisions[-1], "revisions": revisions}
