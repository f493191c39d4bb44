"""An agency puts its adapter on line by files alone: each step through the API, on both databases."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import ExchangeError, NoLink
from tests.offices_house import ADAPTER, SERVICE, Offices, another, offices, texts
from tests.reviewing import CONSUMER, PROVIDER, WHY

MEMBER = "LK/GOV/EPF"


async def test_from_files_to_an_answer_and_every_step_is_an_entry(tmp_path: Path, database_url: str) -> None:
    async with offices(tmp_path, database_url) as place:
        number = await place.proposed()
        assert (await place.version(number))["state"] == "proposed"
        await place.given("test")
        report = await place.done("POST", f"/adapters/{ADAPTER}/versions/{number}/test")
        assert report["grade"] == "silver", report  # gold asks for TLS, which the loopback agency has not
        assert {each["connection"] for each in report["probe"]} == {"plain_http"}
        await place.given("production")
        await place.released(number)
        await place.agreed()
        answer = await place.asked()
        assert dict(answer.released) == {"office": "LK-11", "offers": []}
        for kind in ("proposed", "tested", "inputs_set", "released"):
            told = await place.house.kinds(f"adapter.{kind}")
            assert {each["adapter"] for each in told} == {ADAPTER}, kind
        assert (await place.house.kinds("adapter.released"))[0]["by"] == place.officers[1].id
        uses = await place.done("GET", f"/adapters/{ADAPTER}/uses")
        assert [(each["consumer"], each["service"], each["answered"]) for each in uses["uses"]] == [
            (CONSUMER, SERVICE, 1)
        ]


async def test_who_proposes_a_release_does_not_approve_it(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        number = await place.proposed()
        await place.given("production")
        await place.graded(number)
        asked = {"way": "active", "share": 0, "reason": "a test"}
        made = await place.done("POST", f"/adapters/{ADAPTER}/versions/{number}/release", asked)
        alone = await place.call("POST", f"/approvals/{made['approval']}/approve", {})
        assert alone.status_code == 409
        assert (await place.version(number))["state"] == "tested"


async def test_what_was_approved_is_what_runs_or_nothing(tmp_path: Path, sqlite_url: str) -> None:
    """A proposal of other bytes, or with inputs of the test stage, never takes effect."""
    async with offices(tmp_path, sqlite_url) as place:
        number = await place.proposed()
        await place.given("test")
        await place.graded(number)
        shown = await place.done("GET", f"/adapters/{ADAPTER}")
        document = {
            "version": number,
            "digest": shown["versions"][0]["digest"],
            "inputs": shown["inputs"]["test"]["inputs"],
            "as": "active",
            "share": 0,
        }
        for wrong in ({}, {"digest": "0" * 64}):
            body = {"kind": "adapter.release", "subject": ADAPTER, "member": MEMBER, "document": document | wrong}
            made = await place.done("POST", "/approvals", body | {"reason": "a test"})
            refused = await place.call("POST", f"/approvals/{made['id']}/approve", {}, by=place.second)
            assert refused.status_code == 409, refused.text
        assert (await place.version(number))["state"] == "tested"


async def test_a_version_without_a_grade_is_not_released(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        broken = texts()["samples/two_offers.golden"].replace('"places": 4', '"places": 5', 1)
        number = await place.proposed(texts() | {"samples/two_offers.golden": broken})
        await place.given("production")
        report = await place.done("POST", f"/adapters/{ADAPTER}/versions/{number}/test")
        assert report["grade"] == "none"
        assert report["rules"]["samples"]["standing"] == "todo"
        asked = {"way": "active", "share": 0, "reason": "a test"}
        refused = await place.call("POST", f"/adapters/{ADAPTER}/versions/{number}/release", asked)
        assert refused.status_code == 409
        assert "test it until it has a grade" in refused.json()["detail"]


async def test_secrets_are_written_and_never_read(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line()
        await place.agreed()
        await place.asked()
        assert place.agency.tokens[-1] == "bearer secret-of-the-agency"
        shown = (await place.call("GET", f"/adapters/{ADAPTER}")).text
        assert "secret-of-the-agency" not in shown
        assert "EMPLOYMENT_OFFICES_TOKEN" in shown
        async with place.here.db.read() as connection:
            for table in ("registration_inputs", "people_approval", "log_entry"):
                rows = await connection.exec_driver_sql(f"SELECT * FROM {table}")
                assert "secret-of-the-agency" not in str(rows.all()), table


async def test_another_address_needs_another_approval(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line()
        await place.agreed()
        values = {"EMPLOYMENT_OFFICES_TOKEN": "another-secret"}
        await place.done("POST", f"/adapters/{ADAPTER}/inputs", {"stage": "production", "values": values})
        await place.asked()
        assert place.agency.tokens[-1] == "bearer secret-of-the-agency"
        await place.released(1)
        await place.asked()
        assert place.agency.tokens[-1] == "bearer another-secret"


async def test_others_adapters_do_not_exist(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.proposed()
        _, stranger = await place.house.officer("sunil", "agency_administrator", member="LK/GOV/WBB")
        assert (await place.call("GET", f"/adapters/{ADAPTER}", by=stranger)).status_code == 404
        assert (await place.done("GET", "/adapters", by=stranger))["adapters"] == []
        taken = {"member": "LK/GOV/WBB", "system": CONSUMER, "files": another("theirs")}
        answer = await place.call("POST", "/adapters", taken, by=stranger)
        assert (answer.status_code, "is taken" in answer.json()["detail"]) == (409, True)
        foreign = {"member": "LK/GOV/WBB", "system": PROVIDER, "files": texts()}
        assert (await place.call("POST", "/adapters", foreign)).status_code == 403


async def test_an_id_of_this_installation_is_not_taken_over(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        mine = {name: text.replace(ADAPTER, "tax") for name, text in texts().items()}
        answer = await place.call("POST", "/adapters", {"member": MEMBER, "system": PROVIDER, "files": mine})
        assert answer.status_code == 409
        assert "choose another id" in answer.json()["detail"]


async def test_rollback_is_instant_and_takes_one_person(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        first = await place.on_line()
        second = await place.on_line(another("two"))
        assert [(await place.version(each))["state"] for each in (first, second)] == ["superseded", "active"]
        assert await place.done("POST", f"/adapters/{ADAPTER}/rollback") == {"adapter": ADAPTER, "active": first}
        assert [(await place.version(each))["state"] for each in (first, second)] == ["active", "withdrawn"]
        again = await place.call("POST", f"/adapters/{ADAPTER}/rollback")
        assert again.status_code == 409
        told = await place.house.kinds("adapter.rolled_back")
        assert [(each["version"], each["instead_of"]) for each in told] == [(first, second)]
        assert [each["reason"] for each in told] == list(WHY.values())


async def test_going_back_is_asked_about_first_with_a_reason(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        first = await place.on_line()
        second = await place.on_line(another("two"))
        browser, at = place.first.browser, f"/console/agency/adapters/{ADAPTER}/rollback"
        for said in ({}, {"confirmed": "yes", "reason": "too short"}):
            page = await browser.submit(at, {"csrf": await browser.csrf()} | said)
            assert (page.status_code, 'name="reason"' in page.text) == (400 if said else 200, True)
        assert (await place.version(second))["state"] == "active"
        page = (await browser.http.get(f"/console/agency/adapters/{ADAPTER}")).text
        assert page.count("govuk-button--warning") == 1
        assert f'summary-list__value">{SERVICE}<' not in page  # by its title
        said = {"csrf": await browser.csrf(), "confirmed": "yes", "reason": "answers of yesterday were empty"}
        assert (await browser.submit(at, said)).status_code == 303
        assert [(await place.version(each))["state"] for each in (first, second)] == ["active", "withdrawn"]
        (told,) = await place.house.kinds("adapter.rolled_back")
        assert told["reason"] == "answers of yesterday were empty"


async def test_a_retired_adapter_says_that_there_is_no_link(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        number = await place.on_line()
        await place.agreed()
        await place.done("POST", f"/adapters/{ADAPTER}/versions/{number}/retire")
        with pytest.raises(NoLink):
            await place.asked()
        refused = await place.call(
            "POST", f"/adapters/{ADAPTER}/versions/{number}/release", {"way": "active", "reason": "again"}
        )
        assert refused.status_code == 409


async def test_a_planned_outage_tells_when_to_come_again(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line()
        await place.agreed()
        now = place.here.trust.clock().isoformat()
        body = {"starts_at": now, "ends_at": place.here.trust.clock().replace(year=2099).isoformat()}
        too_long = await place.call("POST", f"/adapters/{ADAPTER}/outages", body)
        assert too_long.status_code == 409
        made = await place.done("POST", f"/adapters/{ADAPTER}/outages", body | {"ends_at": _later(place, 3600)})
        before = len(place.agency.asked)
        with pytest.raises(ExchangeError) as caught:
            await place.asked()
        told = caught.value
        assert (told.code, told.source_code, told.retryable) == ("source_down", "planned_outage", True)
        assert told.after_s is not None
        assert 3500 < told.after_s <= 3601
        assert "planned maintenance until" in told.detail
        assert len(place.agency.asked) == before
        await place.done("DELETE", f"/adapters/{ADAPTER}/outages/{made['outage']}")
        assert (await place.asked()).outcome == "answered"
        kinds = [await place.house.kinds(f"adapter.outage_{each}") for each in ("planned", "ended")]
        assert [len(each) for each in kinds] == [1, 1]


def _later(place: Offices, seconds: int) -> str:
    return str((place.here.trust.clock() + timedelta(seconds=seconds)).isoformat())


async def test_files_of_a_version_are_read_edited_and_brought_again(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        number = await place.proposed()
        read = await place.done("GET", f"/adapters/{ADAPTER}/versions/{number}/files")
        assert read["files"] == texts()
        same = {"member": MEMBER, "system": PROVIDER, "files": read["files"]}
        assert (await place.call("POST", "/adapters", same)).status_code == 409
        assert await place.proposed(another("edited")) == number + 1


async def test_checking_keeps_nothing(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        told = await place.done("POST", "/adapters/check", {"files": texts()})
        assert told["grade"] == "bronze"
        assert (await place.done("GET", "/adapters"))["adapters"] == []
