"""The GovStack Consent API over a real log, on both databases: every request and answer fits the published file."""

import asyncio
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.routing import iter_route_contexts

import schemas
from consent import sign_agreement, store
from gateway.edges.govstack.routes import consent_routes
from gateway.gate import utc_now
from gateway.trust.caller import Caller
from tests.agreeing import (
    AUDITOR,
    EPF,
    FUND,
    KEYS,
    SR,
    STRANGER,
    WBB,
    document,
    nic,
    ref,
    signed,
)
from tests.govstack_place import TERM, Api, an_api, consented, operations, person, signature

PAGE = Path(schemas.FOLDER.parent / "docs/profiles/govstack-consent.md").read_text("utf-8")


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    async with an_api(database_url, tmp_path) as found:
        yield found


async def test_a_person_signs_a_draft_and_the_decision_finds_the_consent(api: Api) -> None:
    assert not await api.here.allows(ref(api.here, 1))
    whose, made = await consented(api)
    assert await api.here.allows(ref(api.here, 1))
    record = made["consentRecord"]
    assert (record["state"], record["optIn"], record["individual"]) == ("signed", True, {"id": whose})
    (consent,) = (await api.here.call(SR, "GET", "/consents")).json()["consents"]
    assert (consent["controller"], consent["recipients"], consent["given_how"]) == (WBB, [WBB], "self")
    assert consent["services"] == {"pension.contributions": ["months"]}


async def test_opting_out_withdraws_and_opting_in_again_needs_a_new_signature(api: Api) -> None:
    whose, made = await consented(api)
    record = made["consentRecord"]
    out = await api(
        SR, "serviceIndividualConsentRecordUpdate", {"consentRecord": record | {"optIn": False}}, record["id"]
    )
    assert out["consentRecord"]["optIn"] is False
    assert out["revision"]["predecessorHash"] == made["revision"]["serializedHash"]
    assert not await api.here.allows(ref(api.here, 1))
    back = await api(
        SR, "serviceIndividualConsentRecordUpdate", {"consentRecord": record | {"optIn": True}}, record["id"]
    )
    assert (back["consentRecord"]["optIn"], back["consentRecord"]["state"]) == (True, "unsigned")
    assert not await api.here.allows(ref(api.here, 1))
    blank = {
        "signature": signature(
            dict.fromkeys(("id", "payload", "verificationPayload", "verificationPayloadHash", "timestamp"), "")
        )
    }
    words = (await api(SR, "serviceIndividualSignatureCreate", blank, record["id"]))["signature"]
    await api(SR, "serviceIndividualSignatureUpdate", {"signature": signature(words)}, record["id"])
    assert await api.here.allows(ref(api.here, 1))
    read = await api(SR, "serviceIndividualConsentRecordRead", None, TERM, individualId=whose)
    assert (read["consentRecord"]["id"], read["consentRecord"]["state"]) == (record["id"], "signed")


async def test_who_opted_out_may_sign_a_new_draft(api: Api) -> None:
    _, made = await consented(api)
    record = made["consentRecord"]
    await api(SR, "serviceIndividualConsentRecordUpdate", {"consentRecord": record | {"optIn": False}}, record["id"])
    _, again = await consented(api)
    assert (again["consentRecord"]["id"], again["consentRecord"]["optIn"]) == (record["id"], True)
    assert await api.here.allows(ref(api.here, 1))


async def test_two_changes_at_the_same_moment_are_one_change_and_one_conflict(api: Api) -> None:
    _, made = await consented(api)
    record = made["consentRecord"]
    out = {"consentRecord": record | {"optIn": False}}
    change = "serviceIndividualConsentRecordUpdate"
    both = await asyncio.gather(*(api.call(SR, change, out, record["id"]) for _ in range(2)))
    assert {each.status_code for each in both} <= {200, 409}
    assert 200 in {each.status_code for each in both}
    assert chained((await api(AUDITOR, "auditConsentRecordRead", None, record["id"]))["revisions"]) == 3


async def test_a_consent_withdrawn_elsewhere_is_opted_out_here(api: Api) -> None:
    whose, made = await consented(api)
    (consent,) = (await api.here.call(SR, "GET", "/consents")).json()["consents"]
    await api.here.call(SR, "POST", f"/consents/{consent['id']}/withdraw")
    (seen,) = (await api(SR, "serviceIndividualConsentRecordList", individualId=whose))["consentRecords"]
    assert (seen["id"], seen["optIn"]) == (made["consentRecord"]["id"], False)


async def test_an_unsigned_record_allows_nothing(api: Api) -> None:
    whose = await person(api)
    first = await api(SR, "serviceIndividualConsentRecordCreate", None, TERM, individualId=whose)
    again = await api(SR, "serviceIndividualConsentRecordCreate", None, TERM, individualId=whose)
    assert first == again
    assert first["consentRecord"]["state"] == "unsigned"
    assert not await api.here.allows(ref(api.here, 1))


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"verificationPayload": "{}"}, (409, "conflict")),
        ({"verificationPayloadHash": "sha-256:0"}, (409, "conflict")),
        ({"signature": ""}, (400, "bad_request.shape")),
        ({"verificationSignedAs": "somebody"}, (400, "bad_request.shape")),
        ({"verificationSignedAs": "delegate"}, (403, "forbidden")),
    ],
)
async def test_what_the_person_did_not_sign_is_no_consent(api: Api, change: dict[str, str], refusal: Any) -> None:
    whose = await person(api)
    draft = await api(SR, "serviceIndividualConsentRecordDraftCreate", individualId=whose, dataAgreementId=TERM)
    body = {"consentRecord": draft["consentRecord"], "signature": signature(draft["signature"], **change)}
    assert await api.refused(SR, "serviceIndividualConsentRecordSignatureCreate", body) == refusal
    assert not await api.here.allows(ref(api.here, 1))


async def test_an_individual_is_a_pseudonym_and_no_number_is_kept(api: Api) -> None:
    whose = await person(api)
    assert await person(api) == whose
    assert len({whose, await person(api, 2), await person(api, 1, FUND), ref(api.here, 1)}) == 4
    await api(SR, "serviceIndividualRead", None, whose)
    assert len((await api(SR, "serviceIndividualList"))["individuals"]) == 2
    assert await api.refused(STRANGER, "serviceIndividualRead", None, whose) == (404, "not_found")
    async with api.here.db.read() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM govstack_individual")).all()
    assert nic(1) not in str(rows)
    bad = {"individual": {"id": "", "externalId": "12", "externalIdType": "NIC"}}
    assert await api.refused(SR, "serviceIndividualCreate", bad) == (400, "bad_request.identifier")


async def test_a_consumer_verifies_what_it_is_a_party_to_and_strangers_see_nothing(api: Api) -> None:
    _, made = await consented(api)
    await consented(api, 2)
    theirs = await person(api, 1, FUND)
    (seen,) = (await api(FUND, "serviceVerificationConsentRecordList", individualId=theirs))["consentRecords"]
    assert (seen["id"], seen["individual"]["id"]) == (made["consentRecord"]["id"], theirs)
    await api(FUND, "serviceVerificationConsentRecordRead", None, seen["id"])
    assert len((await api(FUND, "serviceVerificationConsentRecordList", offset="1"))["consentRecords"]) == 1
    assert (await api(STRANGER, "serviceVerificationConsentRecordList"))["consentRecords"] == []
    assert await api.refused(STRANGER, "serviceVerificationConsentRecordRead", None, seen["id"]) == (404, "not_found")
    update = {"consentRecord": made["consentRecord"] | {"optIn": False}}
    assert await api.refused(FUND, "serviceIndividualConsentRecordUpdate", update, seen["id"]) == (404, "not_found")


async def test_the_revisions_of_a_record_are_a_chain_that_the_log_vouches_for(api: Api) -> None:
    _, made = await consented(api)
    record = made["consentRecord"]
    await api(SR, "serviceIndividualConsentRecordUpdate", {"consentRecord": record | {"optIn": False}}, record["id"])
    found = (await api(AUDITOR, "auditConsentRecordRead", None, record["id"]))["revisions"]
    assert chained(found) == 3
    logged = [each["facts"]["hash"] for each in await api.here.entries() if each["kind"] == "consent_record.revised"]
    assert logged == [each["serializedHash"] for each in found]
    (seen,) = (await api(AUDITOR, "auditConsentRecordList"))["consentRecords"]
    assert "individual" not in seen


def chained(revisions: list[dict[str, Any]]) -> int:
    """How many revisions, each over its own snapshot and the one before."""
    before = None
    for each in revisions:
        assert each["serializedHash"] == "sha-256:" + sha256(each["serializedSnapshot"].encode()).hexdigest()
        assert orjson.loads(each["serializedSnapshot"]).get("predecessorHash") == before
        before = each["serializedHash"]
    return len(revisions)


async def test_agreements_are_policies_and_data_agreements_with_a_revision_a_version(api: Api) -> None:
    (found,) = (await api(SR, "configDataAgreementList"))["dataAgreements"]
    assert (found["id"], found["lawfulBasis"], found["controller"]["id"]) == (TERM, "consent", WBB)
    assert (found["active"], found["dpia"], found["policy"]["dataRetentionPeriodDays"]) == (True, "DPIA 7", 90)
    assert (await api(FUND, "serviceVerificationDataAgreementList"))["dataAgreements"] == [found]
    assert (await api(AUDITOR, "auditDataAgreementList"))["dataAgreements"] == [found]
    for who, operation in (
        (SR, "configDataAgreementRead"),
        (FUND, "serviceDataAgreementRead"),
        (AUDITOR, "auditDataAgreementRead"),
    ):
        assert (await api(who, operation, None, TERM))["dataAgreement"] == found
    await api.here.call(SR, "POST", "/agreements", json=signed(document(version=2, dpia="DPIA 8", data_life_days=90)))
    revisions = (await api(SR, "configPolicyRevisionsList", None, "A1"))["revisions"]
    assert chained(revisions) == 2
    assert (await api(SR, "configPolicyRead", None, "A1"))["policy"]["version"] == "2"
    assert (await api(SR, "servicePolicyRead", None, "A1", revisionId="A1.1"))["policy"]["version"] == "1"
    assert len((await api(SR, "configPolicyList"))["policies"]) == 1
    for operation, id_ in (("configPolicyRead", "A1"), ("serviceDataAgreementRead", TERM)):
        assert await api.refused(STRANGER, operation, None, id_) == (404, "not_found")


async def test_an_old_draft_is_refused_once_the_agreement_has_another_version(api: Api) -> None:
    whose = await person(api)
    draft = await api(SR, "serviceIndividualConsentRecordDraftCreate", individualId=whose, dataAgreementId=TERM)
    await api.here.call(SR, "POST", "/agreements", json=signed(document(version=2, dpia="DPIA 8", data_life_days=90)))
    body = {"consentRecord": draft["consentRecord"], "signature": signature(draft["signature"])}
    assert await api.refused(SR, "serviceIndividualConsentRecordSignatureCreate", body) == (409, "conflict")


async def test_a_new_data_agreement_is_a_proposal_that_both_sign(api: Api) -> None:
    wanted = {
        "id": "",
        "version": "",
        "purpose": "employment-support.outreach",
        "lawfulBasis": "consent",
        "dpia": "DPIA 8",
        "policy": {"id": "A1", "name": "", "version": "1", "url": ""},
        "controller": {"id": WBB, "name": "", "url": ""},
    }
    made = (await api(SR, "configDataAgreementCreate", {"dataAgreement": wanted}))["dataAgreement"]
    assert (made["active"], made["lifecycle"]["name"], made["purpose"]) == (False, "Draft", wanted["purpose"])
    (proposal,) = (await api.here.call(FUND, "GET", "/proposals")).json()["proposals"]
    text = (await api.here.call(FUND, "GET", f"/proposals/{proposal['number']}")).json()["document"]
    for who, member in ((SR, WBB), (FUND, EPF)):
        body = {"signature": sign_agreement(text, KEYS[member])}
        assert (await api.here.call(who, "POST", f"/proposals/{proposal['number']}/sign", json=body)).status_code == 200
    assert await api.refused(SR, "configDataAgreementRead", None, made["id"]) == (404, "not_found")  # it widens: held
    assert (await api(SR, "configDataAgreementRead", None, TERM))["dataAgreement"]["active"] is True
    async with api.here.db.write() as connection:
        await store.put_in_force(connection, "A1", 2, by=WBB, now=utc_now())
    assert (await api(SR, "configDataAgreementRead", None, made["id"]))["dataAgreement"]["active"] is True
    statute = wanted | {"lawfulBasis": "legal_obligation"}
    assert await api.refused(SR, "configDataAgreementCreate", {"dataAgreement": statute}) == (400, "bad_request.shape")
    nowhere = wanted | {"policy": {"id": "A9", "name": "", "version": "1", "url": ""}}
    assert await api.refused(SR, "configDataAgreementCreate", {"dataAgreement": nowhere}) == (404, "not_found")


async def test_only_the_controller_asks_people_and_only_where_consent_is_the_basis(api: Api) -> None:
    theirs = await person(api, 1, FUND)
    asked = {"individualId": theirs, "dataAgreementId": TERM}
    assert await api.refused(FUND, "serviceIndividualConsentRecordDraftCreate", **asked) == (403, "forbidden")
    whose = await person(api)
    statute = document(id="A2", legal_bases=[{"kind": "public_task", "reference": "Act 1"}])
    await api.here.call(SR, "POST", "/agreements", json=signed(statute))
    asked = {"individualId": whose, "dataAgreementId": TERM.replace("A1", "A2")}
    assert await api.refused(SR, "serviceIndividualConsentRecordDraftCreate", **asked) == (409, "conflict")
    await api.here.call(FUND, "POST", "/agreements/A1/suspend")
    asked = {"individualId": whose, "dataAgreementId": TERM}
    assert await api.refused(SR, "serviceIndividualConsentRecordDraftCreate", **asked) == (409, "conflict")
    without = Caller("sr", SR.system, frozenset())
    assert await api.refused(without, "serviceIndividualList") == (403, "forbidden")
    assert await api.refused(SR, "auditConsentRecordList") == (403, "forbidden")


def test_the_page_names_every_published_operation_and_serves_those_that_it_says() -> None:
    named = dict(re.findall(r"^\| `(\w+)` \| (served|not served)", PAGE, re.MULTILINE))
    assert named.keys() == operations().keys()
    served = {name for name, how in named.items() if how == "served"}
    routes = {
        (method, re.sub(r"\{\w+\}", "{}", str(each.path)))
        for each in iter_route_contexts(consent_routes().routes)
        for method in each.methods or ()
    }
    there = {
        name
        for name, (method, path) in operations().items()
        if (method, re.sub(r"\{\w+\}", "{}", f"/consent{path}")) in routes
    }
    assert there == served
