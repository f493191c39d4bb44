"""Findings: each rule sees what it names and nothing else, a rerun adds nothing, and who signs off is somebody else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gateway.review.rule_runner import rule_runner
from tests.agreeing import WBB
from tests.reviewing import CONSUMER, House, a_house

DAY = (datetime.now(UTC) - timedelta(days=1)).replace(hour=6, minute=0, second=0, microsecond=0)
WORKDAY = DAY - timedelta(days=max(0, DAY.weekday() - 4))  # 06:00 UTC is 11:30 in Colombo


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


@pytest.fixture
async def either(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """On both databases: what is more than counting."""
    async with a_house(tmp_path, database_url) as found:
        yield found


async def found(house: House) -> dict[str, list[str]]:
    """What a run finds: rule -> subjects."""
    await rule_runner(house.services).run(house.services.people.clock(), since=WORKDAY.date() - timedelta(days=10))
    told: dict[str, list[str]] = {}
    for facts in await house.kinds("finding.opened"):
        told.setdefault(facts["rule"], []).append(facts["subject"])
    return told


async def test_ordinary_exchanges_are_no_finding(house: House) -> None:
    await house.agreed()
    await house.consented()
    await house.asked(case="C-1")
    await house.asked("199012304568", case="C-2")
    assert await found(house) == {}


async def test_many_people_without_a_case_are_found_and_with_one_are_not(either: House) -> None:
    await either.agreed(valid_from="2020-01-01T00:00:00Z")
    await either.played(60, WORKDAY, agreement=None, released=None)
    await either.played(60, WORKDAY, agreement=None, released=None, case_ref="c", consumer="LK/GOV/IRD/PAYE")
    assert await found(either) == {"many_subjects_without_case": [f"{CONSUMER} {WORKDAY.date()}"]}


async def test_the_same_person_asked_about_often_is_not_many_people(house: House) -> None:
    for _ in range(60):
        await house.played(1, WORKDAY, agreement=None, released=None)
    assert await found(house) == {}


async def test_a_day_of_a_rule_is_one_of_the_country_s_clocks(house: House) -> None:
    evening = (WORKDAY - timedelta(days=1)).replace(hour=20)  # 01:30 of the next day in Colombo
    await house.played(60, evening, every_s=600, agreement=None, released=None)  # of two days in UTC
    told = await found(house)
    assert told["many_subjects_without_case"] == [f"{CONSUMER} {WORKDAY.date()}"]
    assert told["out_of_hours"] == [f"{CONSUMER} {WORKDAY.date()}"]
    _, desk = await house.officer("amara", "compliance_officer")
    (about, *_) = [each["exchanges"] for each in (await desk.json("GET", "/findings"))["findings"]]
    listed = (await desk.json("GET", f"/exchanges?{urlencode(about)}&limit=100"))["exchanges"]
    assert len(listed) == 60


async def test_what_lies_on_two_sides_of_the_country_s_midnight_is_of_two_days(house: House) -> None:
    before = (WORKDAY - timedelta(days=1)).replace(hour=18, minute=15)  # 23:45 in Colombo
    await house.played(60, before, every_s=30, agreement=None, released=None)
    told = await found(house)
    assert "many_subjects_without_case" not in told
    assert sorted(told["out_of_hours"]) == [f"{CONSUMER} {day}" for day in (before.date(), WORKDAY.date())]


@pytest.mark.parametrize(("most", "broken"), [(40, False), (25, True)])
async def test_a_quota_that_was_new_at_its_own_midnight_was_kept(house: House, most: int, broken: bool) -> None:
    await house.agreed(quota={"calls_per_day": most})
    late = (WORKDAY - timedelta(days=1)).replace(
        hour=17, minute=30
    )  # 30 calls of each day in Colombo, 60 of one in UTC
    await house.played(60, late, every_s=120, case_ref="c")
    assert ("volume_above_agreement" in await found(house)) == broken


async def test_one_officer_and_many_people_without_a_case_are_found(either: House) -> None:
    curious, busy = "c" * 32, "b" * 32
    await either.played(25, WORKDAY, agreement=None, released=None, officer_ref=curious)
    await either.played(25, WORKDAY, agreement=None, released=None, officer_ref=busy, case_ref="c")
    assert await found(either) == {"officer_without_case": [f"{CONSUMER} {curious} {WORKDAY.date()}"]}


async def test_alarms_the_gateway_raised_by_itself_are_findings_to_assign_and_sign_off(either: House) -> None:
    told = {"consumer": CONSUMER, "asked": 60, "missed": 55, "since_s": 0}
    await either.logged("alarm.miss_rate", told, WORKDAY)
    await either.logged("log.turn_postponed", {"lacking": "cosignatures of 2 witnesses"}, WORKDAY)
    assert await found(either) == {
        "miss_rate_alarm": [f"{CONSUMER} {WORKDAY:%Y-%m-%d}T11"],  # 11:30 in Colombo
        "turn_postponed": [f"{WORKDAY.date()} cosignatures of 2 witnesses"],
    }
    amara, desk = await either.officer("amara", "compliance_officer")
    listed = (await desk.json("GET", "/findings"))["findings"]
    assert {each["rule"]: each["facts"].get("missed") for each in listed} == {
        "miss_rate_alarm": 55,
        "turn_postponed": None,
    }
    for each in listed:
        assert all(len(each[words]) > 20 for words in ("what", "why", "todo"))
        await desk.call("POST", f"/findings/{each['id']}/assign", {"officer": amara.id})
        await desk.call("POST", f"/findings/{each['id']}/sign-off", {"verdict": "explained", "text": "asked them"})


async def test_an_agency_whose_answers_changed_their_shape_is_found(house: House) -> None:
    await house.logged("alarm.schema_drift", {"adapter": "x", "version": 3, "looked": 40, "odd": 40}, WORKDAY)
    assert await found(house) == {"schema_drift": [f"x 3 {WORKDAY.date()}"]}


async def test_questions_at_night_are_found(house: House) -> None:
    night = WORKDAY.replace(hour=18)  # 23:30 in Colombo
    await house.played(25, night, agreement=None, released=None, case_ref="c")
    assert list(await found(house)) == ["out_of_hours"]


async def test_half_of_many_questions_missed_is_found(house: House) -> None:
    await house.played(60, WORKDAY, outcome="unknown_person", agreement=None, released=None, case_ref="c")
    assert list(await found(house)) == ["many_misses"]


async def test_a_release_outside_the_grant_is_found(house: House) -> None:
    await house.agreed()
    before = WORKDAY - timedelta(hours=3)
    await house.played(1, house.services.people.clock(), released=["months", "pensions"], case_ref="c")
    await house.played(1, before, case_ref="c")  # the agreement was not recorded then
    hits = (await found(house))["release_outside_grant"]
    assert len(hits) == 2
    kept = {str(each["found"]["outside"]) for each in await house.kinds("finding.opened") if "outside" in each["found"]}
    assert kept == {"['pensions']", "['the agreement was not in force']"}


async def test_a_granted_claim_is_no_finding_whatever_its_answer_holds_and_another_claim_is(house: House) -> None:
    granted = {"service": "pension.contributions", "actions": ["read"], "fields": ["claim:contribution_status"]}
    await house.agreed(services=[granted | {"sends": ["NIC"]}])
    now, answer = house.services.people.clock(), ["active", "closed_month"]
    await house.played(1, now, asked=["claim:contribution_status"], released=answer, case_ref="c")
    assert "release_outside_grant" not in await found(house)
    await house.played(1, now, asked=["claim:income"], released=answer, case_ref="c")
    assert len((await found(house))["release_outside_grant"]) == 1


async def test_more_than_agreed_and_more_than_ever_are_found(house: House) -> None:
    await house.agreed(quota={"calls_per_day": 100})
    for days in range(1, 9):
        await house.played(20, WORKDAY - timedelta(days=days), agreement=None, released=None, case_ref="c")
    await house.played(300, WORKDAY, released=None, case_ref="c", every_s=0.1)
    assert {"volume_above_agreement", "volume_above_history"} <= set(await found(house))


async def test_a_burst_after_widening_is_found(house: House) -> None:
    await house.agreed()
    wider = [{"service": "pension.contributions", "actions": ["read"], "fields": ["months", "pensions"]}]
    await house.agreed(version=2, services=[wider[0] | {"sends": ["NIC"]}])
    now = house.services.people.clock()
    await house.played(150, now, released=None, case_ref="c", every_s=0.001)
    assert "widening_before_burst" in await found(house)


async def test_weaker_messages_two_outcomes_and_open_intents_are_found(either: House) -> None:
    await either.logged("signature.downgrade", {"system": CONSUMER, "agreed": "jws", "presented": "none"}, WORKDAY)
    said = {"exchange_id": "E1", "consumer": CONSUMER, "service": "s", "purpose": "p", "case_ref": "c"}
    await either.logged("exchange.intent", said, WORKDAY)
    await either.logged("exchange.outcome", said | {"outcome": "no_data"}, WORKDAY)
    await either.logged("exchange.outcome", said | {"outcome": "no_data"}, WORKDAY + timedelta(seconds=1))
    await either.logged("exchange.intent", said | {"exchange_id": "E2"}, WORKDAY)
    told = await found(either)
    assert told["open_intent"] == ["E2"]
    assert told["dialect_downgrade"] == [f"{CONSUMER} {WORKDAY.date()}"]
    assert told["log_integrity"] == ["E1"]


async def test_a_replay_that_differs_is_found(either: House) -> None:
    await either.agreed()
    await either.consented()
    id_ = await either.asked(case="C-1")
    async with either.services.db.write() as connection:
        await connection.exec_driver_sql("UPDATE consent_consent SET withdrawn_at = recorded_at")
    assert (await found(either))["replay_mismatch"] == [id_]


async def test_a_rerun_adds_nothing(either: House) -> None:
    await either.played(60, WORKDAY, agreement=None, released=None)
    first = await found(either)
    assert await found(either) == first
    _, desk = await either.officer("amara", "compliance_officer")
    assert await desk.json("POST", "/findings/run") == {"new": 0}


async def test_a_finding_is_assigned_talked_about_and_signed_off_by_another(either: House) -> None:
    await either.played(60, WORKDAY, agreement=None, released=None)
    await found(either)
    amara, desk = await either.officer("amara", "compliance_officer")
    _, other = await either.officer("nimal", "data_protection_officer")
    _, theirs = await either.officer("kamal", "compliance_officer", member=WBB)
    (finding,) = (await desk.json("GET", "/findings?state=open"))["findings"]
    assert (finding["rule"], finding["facts"]) == ("many_subjects_without_case", {"people": 60})
    path, verdict = f"/findings/{finding['id']}", {"verdict": "explained", "text": "a registration day"}
    await desk.call("POST", f"{path}/sign-off", verdict, status=409)
    await desk.call("POST", f"{path}/assign", {"officer": "OFF-NOBODY"}, status=404)
    await desk.call("POST", f"{path}/assign", {"officer": amara.id})
    await desk.call("POST", f"{path}/remarks", {"text": "asked the board"})
    await desk.call("POST", f"{path}/remarks", {"text": "it was 199012304567"}, status=409)
    await desk.call("POST", f"{path}/sign-off", verdict, status=409)
    refused = await theirs.json("POST", f"{path}/sign-off", verdict, status=409)
    assert "about you or your member" in refused["detail"]
    await other.call("POST", f"{path}/sign-off", verdict)
    await other.call("POST", f"{path}/sign-off", verdict, status=409)
    told = await desk.json("GET", path)
    assert (told["state"], [each["text"] for each in told["remarks"]]) == (
        "signed_off",
        ["asked the board", "a registration day"],
    )
    for kind in ("finding.assigned", "finding.remarked", "finding.signed_off"):
        (facts,) = await either.kinds(kind)
        assert "asked the board" not in str(facts)
