"""Finding exchanges, reading one whole, deciding it again; and that reading is an entry with a reason."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit import bundle_check
from gateway.people.roles import ROLES, Reach, Right
from gateway.recording import Recording
from tests.agreeing import EPF, WBB
from tests.reviewing import CONSUMER, NIC, PROVIDER, House, a_house

OTHER = "199012304568"


@pytest.fixture
async def used(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as house:
        yield await house.used(OTHER)


@pytest.fixture
async def either(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """On both databases: what asks the tables in ways of its own."""
    async with a_house(tmp_path, database_url) as house:
        yield await house.used(OTHER)


async def test_filters_find_exactly_what_they_name(either: House) -> None:
    _, desk = await either.officer("amara", "compliance_officer")
    for query, count in (
        ("", 2),
        (f"?system={CONSUMER}", 2),
        (f"?system={PROVIDER}", 2),
        (f"?consumer={PROVIDER}", 0),
        ("?service=pension.contributions&purpose=employment-support.eligibility", 2),
        ("?agreement=A1", 1),
        ("?outcome=refused_by_rules", 1),
        ("?case=CASE-7", 1),
        ("?until=2020-01-01T00:00:00Z", 0),
        ("?since=2020-01-01T00:00:00Z", 2),
    ):
        found = (await desk.json("GET", f"/exchanges{query}"))["exchanges"]
        assert len(found) == count, query
    first = await desk.json("GET", "/exchanges?limit=1")
    second = await desk.json("GET", f"/exchanges?limit=1&before={first['next']}")
    assert [each["outcome"] for each in (*first["exchanges"], *second["exchanges"])] == ["refused_by_rules", "answered"]
    assert (await desk.json("GET", f"/exchanges?limit=1&before={second['next']}"))["exchanges"] == []


async def test_a_member_stands_for_all_its_systems_and_a_wrong_id_is_told(either: House) -> None:
    _, desk = await either.officer("amara", "compliance_officer")
    for query, count in (
        (f"consumer={WBB}", 2),
        (f"provider={EPF}", 2),
        (f"system={EPF}&consumer={WBB}", 2),
        (f"system={EPF}&provider={CONSUMER}", 0),
        (f"consumer={EPF}", 0),
        (f"consumer={WBB}&outcome=answered", 1),
        (f"system={WBB}&since=2020-01-01T00:00:00Z&outcome=refused_by_rules", 1),
        (f"system={WBB}&outcome=no_end", 0),
    ):
        told = await desk.json("GET", f"/exchanges?{query}")
        assert (len(told["exchanges"]), told["unknown"]) == (count, []), query
    wrong = "consumer=LK/GOV/WBB/SRISS&provider=LK/GOV/EPFF&service=pension.x&purpose=y&agreement=A9&outcome=answered"
    named = ["agreement", "consumer", "provider", "purpose", "service"]
    assert (await desk.json("GET", f"/exchanges?{wrong}"))["unknown"] == named
    assert (await desk.json("GET", "/exchanges?system=LK/GOV/NONE"))["unknown"] == ["system"]
    subject = {"subject": {"identifiers": [{"type": "NIC", "value": NIC}]}}
    found = await desk.json("POST", "/exchanges/search", subject | {"consumer": WBB})
    assert [each["outcome"] for each in found["exchanges"]] == ["answered"]


async def test_a_person_is_found_by_a_body_and_never_by_the_address(either: House) -> None:
    _, desk = await either.officer("amara", "data_protection_officer")
    subject = {"subject": {"identifiers": [{"type": "NIC", "value": NIC}]}}
    found = (await desk.json("POST", "/exchanges/search", subject))["exchanges"]
    assert [each["outcome"] for each in found] == ["answered"]
    assert (await desk.json("POST", "/exchanges/search", subject | {"system": f"{WBB}/ANOTHER"}))["exchanges"] == []
    await desk.call("GET", f"/exchanges?subject={NIC}", status=400)
    await desk.call("GET", f"/exchanges?case={NIC}", status=400)
    told = json.dumps(await either.kinds("evidence.read"))
    assert NIC not in told
    assert "person_ref" in told


async def test_reading_needs_a_reason_and_is_itself_an_entry(either: House) -> None:
    officer, desk = await either.officer("amara", "external_auditor")
    await desk.call("GET", "/exchanges", status=400, why=False)
    await desk.json("GET", "/exchanges?outcome=answered")
    (read,) = await either.kinds("evidence.read")
    reason = "complaint 2026-17 of the ombudsman"
    assert read == {"by": officer.id, "how": "search", "reason": reason, "filters": ["outcome"], "found": 1}
    headers = {"Audit-Reason": f"the complaint of {NIC}"}
    answer = await desk.browser.http.get("/v1/audit/exchanges", headers=headers)
    assert (answer.status_code, NIC in answer.text) == (400, False)
    assert len(await either.kinds("evidence.read")) == 1
    mine = (await desk.json("GET", f"/events?officer={officer.id}"))["events"]
    assert [each["kind"] for each in mine] == ["evidence.read"]


async def test_an_exchange_is_a_sentence_numbered_steps_and_proofs(used: House) -> None:
    _, desk = await used.officer("amara", "compliance_officer")
    refused, answered = [each["exchange_id"] for each in (await desk.json("GET", "/exchanges"))["exchanges"]]
    told = await desk.json("GET", f"/exchanges/{answered}")
    assert told["sentence"] == (
        f"{CONSUMER} asked {PROVIDER} (pension.contributions) about one person for the purpose "
        "“employment-support.eligibility”, under a case; it was answered; released: months."
    )
    assert [each["title"] for each in told["timeline"]] == ["Asked", "Decided", "Source", "Outcome"]
    assert [each["number"] for each in told["timeline"]] == [1, 2, 3, 4]
    assert told["timeline"][2]["told"] == f"{PROVIDER} was asked and answered."
    assert [(each["proved"], each["signed_by"] != []) for each in told["proofs"]] == [(True, True)] * 2
    other = await desk.json("GET", f"/exchanges/{refused}")
    assert other["sentence"].endswith("without a case; it was refused by the rules.")
    assert other["timeline"][1]["facts"]["reasons"]
    await desk.call("GET", "/exchanges/nothing", status=404)


async def test_the_bundle_of_an_exchange_verifies_offline(used: House, tmp_path: Path) -> None:
    _, desk = await used.officer("amara", "compliance_officer")
    id_ = (await desk.json("GET", "/exchanges"))["exchanges"][0]["exchange_id"]
    content = (await desk.call("GET", f"/exchanges/{id_}/bundle")).content
    file = tmp_path / "evidence.zip"
    file.write_bytes(content)
    assert bundle_check.checked(file, None).ok
    assert NIC.encode() not in content
    assert "timeline.txt" in zipfile.ZipFile(io.BytesIO(content)).namelist()


async def test_a_decision_is_the_same_again_also_when_the_consent_is_gone_by_now(either: House) -> None:
    _, desk = await either.officer("amara", "compliance_officer")
    ids = [each["exchange_id"] for each in (await desk.json("GET", "/exchanges"))["exchanges"]]
    assert [(await desk.json("POST", f"/exchanges/{each}/replay"))["result"] for each in ids] == ["same", "same"]
    recording = Recording(either.services.db, either.services.log)
    await recording.withdrawal("C1", controller=WBB)
    await recording.agreement_change("end", "A1", by=WBB)
    assert [(await desk.json("POST", f"/exchanges/{each}/replay"))["result"] for each in ids] == ["same", "same"]


async def test_a_changed_past_gives_another_verdict(used: House) -> None:
    _, desk = await used.officer("amara", "compliance_officer")
    id_ = (await desk.json("GET", "/exchanges?outcome=answered"))["exchanges"][0]["exchange_id"]
    async with used.services.db.write() as connection:
        await connection.exec_driver_sql("UPDATE consent_consent SET withdrawn_at = recorded_at")
    told = await desk.json("POST", f"/exchanges/{id_}/replay")
    assert (told["result"], told["logged"]["allowed"], told["again"]["allowed"]) == ("different", True, False)


async def test_a_person_who_was_erased_cannot_be_replayed_and_that_is_said(used: House) -> None:
    _, desk = await used.officer("amara", "compliance_officer")
    id_ = (await desk.json("GET", "/exchanges?outcome=answered"))["exchanges"][0]["exchange_id"]
    async with used.services.db.write() as connection:
        await connection.exec_driver_sql("DELETE FROM audit_subject")
    told = await desk.json("POST", f"/exchanges/{id_}/replay")
    assert (told["result"], "erased" in told["why"]) == ("cannot_tell", True)


RIGHTS = {"compliance_officer": 200, "data_protection_officer": 200, "external_auditor": 200}


async def test_a_reviewer_gets_as_far_as_the_rights_of_the_role(tmp_path: Path, sqlite_url: str) -> None:
    now = datetime.now(UTC)
    sample = {"since": (now - timedelta(days=1)).isoformat(), "until": now.isoformat(), "size": 3}
    async with a_house(tmp_path, sqlite_url) as house:
        for role in (each for each in ROLES.values() if each.reach in {Reach.GATEWAY, Reach.MEMBER}):
            _, desk = await house.officer(role.name, role.name)
            await desk.call("GET", "/exchanges", status=RIGHTS.get(role.name, 403))
            await desk.call("POST", "/findings/run", status=200 if Right.REVIEW_ACT in role.rights else 403)
            persons = Right.PERSONS_READ in role.rights
            assert persons == (role.name == "data_protection_officer")
            await desk.call("GET", "/access-requests", status=200 if persons else 403)
            await desk.call("POST", "/samples", sample, status=201 if role.name in RIGHTS else 403)
