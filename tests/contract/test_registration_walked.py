"""A version walks through every step of its life, each an entry that names who took it; consumers see the grade."""

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.kit.drafts import template
from gateway.edges.v1.catalogue import _shown
from gateway.errors import NoLink
from tests.offices_house import ADAPTER, SERVICE, Offices, another, offices, texts
from tests.reviewing import PROVIDER

MEMBER = "LK/GOV/EPF"
KINDS = (
    "proposed",
    "inputs_set",
    "tested",
    "released",
    "share_lowered",
    "withdrawn",
    "rolled_back",
    "outage_planned",
    "outage_ended",
    "retired",
)


async def _walked(place: Offices) -> None:
    """Three versions; every step that an officer can take, at least once, in the order of a life."""
    below = f"/adapters/{ADAPTER}"
    one = await place.on_line()
    two = await place.proposed(another("two"))
    await place.graded(two)
    await place.released(two, "shadow")
    await place.done("POST", f"{below}/versions/{two}/withdraw")
    await place.released(two, "canary", 20)
    await place.done("POST", f"{below}/versions/{two}/share", {"share": 5})
    await place.released(two)
    await place.done("POST", f"{below}/rollback")
    now = place.here.trust.clock()
    times = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=1)).isoformat()}
    outage = (await place.done("POST", f"{below}/outages", times))["outage"]
    ended = await place.call("DELETE", f"{below}/outages/{outage}")
    assert ended.status_code == 200
    for number in (two, one):
        await place.done("POST", f"{below}/versions/{number}/retire")


async def test_every_step_of_a_life_is_an_entry_that_names_its_version_and_who_took_it(
    tmp_path: Path, database_url: str
) -> None:
    async with offices(tmp_path, database_url) as place:
        await _walked(place)
        told = {kind: await place.house.kinds(f"adapter.{kind}") for kind in KINDS}
        counted = {kind: len(entries) for kind, entries in told.items()}
        assert counted == {**dict.fromkeys(KINDS, 1), "proposed": 2, "tested": 2, "released": 4, "retired": 2}
        officers = {each.id for each in place.officers}
        for kind, entries in told.items():
            assert {each["adapter"] for each in entries} == {ADAPTER}, kind
            assert {each["by"] for each in entries} <= officers | {"a test"}, kind
        released = [(each["version"], each["as"], each["share"], each["by"]) for each in told["released"]]
        approver = place.officers[1].id
        assert released == [
            (1, "active", 0, approver),
            (2, "shadow", 0, approver),
            (2, "canary", 20, approver),
            (2, "active", 0, approver),
        ]
        assert all(each["approval"] and each["digest"] for each in told["released"])
        assert "secret-of-the-agency" not in str(told)


async def test_from_test_to_production_takes_inputs_of_its_own(tmp_path: Path, sqlite_url: str) -> None:
    """What was tried against the test endpoint never runs on its address: production has a set of its own."""
    async with offices(tmp_path, sqlite_url) as place:
        number = await place.proposed()
        await place.given("test")
        await place.graded(number)
        asked = {"way": "active", "share": 0, "reason": "too early"}
        refused = await place.call("POST", f"/adapters/{ADAPTER}/versions/{number}/release", asked)
        assert refused.status_code == 409
        await place.given("production", "https://offices.example/")
        await place.released(number)
        shown = await place.done("GET", f"/adapters/{ADAPTER}")
        assert shown["versions"][0]["inputs"] == shown["inputs"]["production"]["inputs"]
        assert shown["inputs"]["production"]["inputs"] != shown["inputs"]["test"]["inputs"]


async def test_consumers_see_the_grade_and_what_was_excused_with_its_reason(tmp_path: Path, sqlite_url: str) -> None:
    conformance = texts()["samples/conformance.toml"]
    excused = f'{conformance}\n[exempt]\nendpoint_answers = "the agency has no test system yet"\n'
    async with offices(tmp_path, sqlite_url) as place:
        number = await place.proposed(texts(**{"samples/conformance.toml": excused}))
        report = await place.done("POST", f"/adapters/{ADAPTER}/versions/{number}/test")
        await place.given("production")
        await place.released(number)
        told = _shown(place.here.catalogue.offer(SERVICE))["conformance"]
        assert told == {
            "version": number,
            "grade": report["grade"],
            "exempt": {"endpoint_answers": "the agency has no test system yet"},
        }
        assert report["grade"] in {"silver", "gold"}
        built_in = next(each for each in place.here.catalogue if each.conformance is None)
        assert _shown(built_in)["conformance"] is None


@pytest.mark.parametrize("way", ["retired", "rolled_back_from"])
async def test_a_version_that_was_ended_is_never_asked_again(tmp_path: Path, sqlite_url: str, way: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line()
        await place.agreed()
        second = await place.on_line(another("two"))
        if way == "retired":
            await place.done("POST", f"/adapters/{ADAPTER}/versions/{second}/retire")
            with pytest.raises(NoLink):
                await place.asked()
            return
        await place.done("POST", f"/adapters/{ADAPTER}/rollback")
        await place.asked()
        assert [each["version"] for each in (await place.done("GET", f"/adapters/{ADAPTER}"))["versions"]] == [2, 1]
        assert (await place.version(second))["counts"] == {}


async def test_a_template_of_files_is_taken_from_a_stranger_and_needs_no_program(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        files = {name: content.decode() for name, content in template("file", "night").items()}
        made = await place.done("POST", "/adapters", {"member": MEMBER, "system": PROVIDER, "files": files})
        assert made["needed"] == ["NIGHT_KEY", "NIGHT_URL"]
