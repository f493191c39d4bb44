"""Changes over the GovStack Consent API: proposals, numbers added, and what may be deleted; on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consent import store
from gateway.gate import utc_now
from gateway.model import Identifier, Subject
from tests.agreeing import EPF, FUND, SR, STRANGER, WBB, document, nic, signed
from tests.govstack_place import TERM, Api, an_api, consented, person


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    async with an_api(database_url, tmp_path) as found:
        yield found


def named_policy(**changes: Any) -> dict[str, Any]:
    return {"policy": {"id": "A1", "name": "Contribution status", "version": "1", "url": "", **changes}}


async def proposal(api: Api) -> dict[str, Any]:
    """The one document that waits for the other member."""
    (open_,) = (await api.here.call(FUND, "GET", "/proposals")).json()["proposals"]
    found: dict[str, Any] = (await api.here.call(FUND, "GET", f"/proposals/{open_['number']}")).json()["document"]
    return found


async def test_a_policy_that_is_updated_is_a_proposal_and_nothing_changes_yet(api: Api) -> None:
    wanted = named_policy(name="In plainer words", dataRetentionPeriodDays=30)
    made = await api(SR, "configPolicyUpdate", wanted, "A1")
    assert (made["policy"]["version"], made["policy"]["dataRetentionPeriodDays"]) == ("2", 30)
    assert made["revision"]["predecessorHash"]
    text = await proposal(api)
    assert (text["title"], text["data_life_days"], text["version"]) == ("In plainer words", 30, 2)
    standing = (await api(SR, "configPolicyRead", None, "A1"))["policy"]
    assert (standing["version"], standing["dataRetentionPeriodDays"]) == ("1", 90)
    old, elsewhere = named_policy(version="7"), named_policy(storageLocation="abroad")
    assert await api.refused(SR, "configPolicyUpdate", old, "A1") == (409, "conflict")
    assert await api.refused(SR, "configPolicyUpdate", elsewhere, "A1") == (400, "bad_request.shape")
    assert await api.refused(STRANGER, "configPolicyUpdate", named_policy(), "A1") == (404, "not_found")


async def test_a_policy_is_deleted_only_once_nothing_of_it_is_active_and_stays_readable(api: Api) -> None:
    assert await api.refused(SR, "configPolicyDelete", None, "A1") == (409, "conflict")
    await api.here.call(FUND, "POST", "/agreements/A1/suspend")
    for _ in range(2):
        assert (await api(SR, "configPolicyDelete", None, "A1"))["revision"]["objectId"] == "A1"
    assert (await api.here.call(SR, "GET", "/agreements/A1")).json()["standing"] == "ended"
    assert (await api(SR, "configPolicyRead", None, "A1"))["policy"]["id"] == "A1"


def wanted_term(**changes: Any) -> dict[str, Any]:
    purpose = TERM.split("~")[1]
    said = {"id": TERM, "version": "1", "purpose": purpose, "lawfulBasis": "consent", "dpia": "DPIA 9"}
    return {"dataAgreement": said | changes}


async def test_a_data_agreement_is_updated_or_taken_out_by_a_proposal(api: Api) -> None:
    made = await api(SR, "configDataAgreementUpdate", wanted_term(controller={"id": EPF, "name": "", "url": ""}), TERM)
    assert (made["dataAgreement"]["dpia"], made["dataAgreement"]["active"]) == ("DPIA 9", False)
    text = await proposal(api)
    assert (text["dpia"], text["legal_bases"]) == ("DPIA 9", [{"kind": "consent", "controllers": [EPF]}])
    other = wanted_term(purpose="employment-support.outreach")
    assert await api.refused(SR, "configDataAgreementUpdate", other, TERM) == (400, "bad_request.shape")
    assert await api.refused(SR, "configDataAgreementDelete", None, TERM) == (409, "conflict")  # nothing would be left


async def test_a_purpose_is_taken_out_with_what_was_said_about_it(api: Api) -> None:
    purposes = ["employment-support.eligibility", "employment-support.outreach"]
    both = document(version=2, purposes=purposes, assurance=dict.fromkeys(purposes, "low"))
    await api.here.call(SR, "POST", "/agreements", json=signed(both))
    async with api.here.db.write() as connection:
        await store.put_in_force(connection, "A1", 2, by=WBB, now=utc_now())
    gone = (await api(SR, "configDataAgreementDelete", None, TERM))["revision"]
    assert gone["objectId"] == TERM
    text = await proposal(api)
    assert (text["purposes"], text["assurance"]) == (purposes[1:], {purposes[1]: "low"})
    assert text["legal_bases"] == [{"kind": "consent", "controllers": [WBB], "purposes": purposes[1:]}]
    assert (await api(SR, "configDataAgreementRead", None, TERM))["dataAgreement"]["active"] is True


async def test_another_number_of_a_person_is_carried_by_consents_signed_from_then_on(api: Api) -> None:
    whose = await person(api)
    tax = {"individual": {"id": whose, "externalId": "AB100001A", "externalIdType": "TIN"}}
    assert (await api(SR, "serviceIndividualUpdate", tax, whose))["individual"] == {
        "id": whose,
        "externalIdType": "NIC",
    }
    await consented(api)
    async with api.here.db.read() as connection:
        (numbers,) = (await connection.exec_driver_sql("SELECT numbers FROM consent_consent")).scalars().all()
    both = Subject((Identifier("NIC", nic(1)), Identifier("TIN", "AB100001A")))
    assert set(numbers.split()) == api.here.person_ref.numbers(both)
    others = {"individual": {"id": whose, "externalId": nic(2), "externalIdType": "NIC"}}
    assert await api.refused(SR, "serviceIndividualUpdate", others, whose) == (409, "conflict")
    assert await api.refused(FUND, "serviceIndividualUpdate", tax, whose) == (404, "not_found")


async def test_what_was_never_signed_can_be_deleted_and_what_was_signed_is_evidence(api: Api) -> None:
    whose, _ = await consented(api)
    outreach = "employment-support.outreach"
    wider = document(version=2, purposes=[TERM.split("~")[1], outreach], dpia="DPIA 7", data_life_days=90)
    await api.here.call(SR, "POST", "/agreements", json=signed(wider))
    async with api.here.db.write() as connection:
        await store.put_in_force(connection, "A1", 2, by=WBB, now=utc_now())
    unsigned = await api(SR, "serviceIndividualConsentRecordCreate", None, f"A1~{outreach}~0", individualId=whose)
    assert unsigned["consentRecord"]["state"] == "unsigned"
    for _ in range(2):
        await api(SR, "serviceIndividualConsentRecordDeleteAll", individualId=whose)
    left = await api(SR, "serviceIndividualConsentRecordList", individualId=whose)
    assert [each["state"] for each in left["consentRecords"]] == ["signed"]
    deleted = [each["facts"] for each in await api.here.entries() if each["kind"] == "consent_record.deleted"]
    assert deleted == [{"by": WBB, "records": [unsigned["consentRecord"]["id"]]}]
