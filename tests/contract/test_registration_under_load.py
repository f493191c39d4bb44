"""Releases, rollbacks, outages and drift while exchanges are under way: none is lost, each ends in one outcome."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import ExchangeError
from tests.offices_house import ADAPTER, Offices, another, offices

DEMO, NIGHTLY = 60, 2000


@pytest.fixture(params=[DEMO, pytest.param(NIGHTLY, marks=pytest.mark.nightly)])
def exchanges(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


async def ended(place: Offices) -> str:
    """One exchange; how it ended."""
    try:
        return (await place.asked()).outcome
    except ExchangeError as error:
        return f"{error.code} {error.source_code}"


async def under_load(place: Offices, count: int) -> list[str]:
    tasks = []
    for _ in range(count):
        tasks.append(asyncio.create_task(ended(place)))
        await asyncio.sleep(0.002)
    return await asyncio.gather(*tasks)


async def outcomes(place: Offices) -> int:
    return len(await place.house.kinds("exchange.outcome"))


async def test_a_canary_answers_its_share_and_each_exchange_stays_with_its_version(
    tmp_path: Path, sqlite_url: str, exchanges: int
) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line()
        await place.agreed()
        canary = await place.proposed(another("two"))
        await place.graded(canary)
        await place.released(canary, "canary", 50)
        assert set(await under_load(place, exchanges)) == {"answered"}
        await place.here.registration.live.write_counts()
        by = {number: (await place.version(number))["counts"]["asked"] for number in (1, canary)}
        assert sum(by.values()) == exchanges == await outcomes(place)
        assert exchanges * 0.2 < by[canary] < exchanges * 0.8
        await place.done("POST", f"/adapters/{ADAPTER}/versions/{canary}/share", {"share": 1})
        more = await place.call("POST", f"/adapters/{ADAPTER}/versions/{canary}/share", {"share": 5})
        assert more.status_code == 409


async def test_release_and_rollback_under_load_lose_no_exchange(
    tmp_path: Path, database_url: str, exchanges: int
) -> None:
    async with offices(tmp_path, database_url) as place:
        await place.on_line()
        await place.agreed()
        place.agency.delay_s = 0.05
        other = await place.proposed(another("two"))
        await place.graded(other)
        running = asyncio.create_task(under_load(place, exchanges))
        await asyncio.sleep(0.05)
        await place.released(other)
        await place.done("POST", f"/adapters/{ADAPTER}/rollback")
        assert set(await running) == {"answered"}
        assert await outcomes(place) == exchanges == len(place.agency.asked)


async def test_an_outage_under_load_answers_everybody(tmp_path: Path, sqlite_url: str, exchanges: int) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line()
        await place.agreed()
        place.agency.delay_s = 0.05
        running = asyncio.create_task(under_load(place, exchanges))
        await asyncio.sleep(0.05)
        now = place.here.trust.clock()
        body = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=1)).isoformat()}
        await place.done("POST", f"/adapters/{ADAPTER}/outages", body)
        found = [*await running, await ended(place)]
        assert set(found) == {"answered", "source_down planned_outage"}
        assert await outcomes(place) == exchanges + 1
        assert len(place.agency.asked) == found.count("answered")


async def test_drift_raises_one_alarm_and_changes_no_answer(tmp_path: Path, sqlite_url: str, exchanges: int) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line()
        await place.agreed()
        place.agency.answer = {"office": "LK-11", "asOf": "2026-10-31", "offers": [], "surprise": "a value"}
        found = await under_load(place, exchanges)
        assert len(set(found)) == 1
        for _ in range(2):
            await place.here.registration.live.write_counts()
        (alarm,) = await place.house.kinds("alarm.schema_drift")
        assert (alarm["adapter"], alarm["version"]) == (ADAPTER, 1)
        assert "a value" not in str(alarm)
        assert "surprise" not in str(alarm)
        assert (await place.version(1))["counts"]["malformed"] == exchanges


async def test_members_that_the_schema_allows_and_nobody_knows_are_drift_too(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line({**another("loose"), "answer.json": LOOSE})
        await place.agreed()
        assert (await place.asked()).outcome == "answered"
        place.agency.answer = {"office": "LK-11", "asOf": "2026-10-31", "offers": [], "surprise": "a value"}
        assert set(await under_load(place, 30)) == {"answered"}
        await place.here.registration.live.write_counts()
        assert (await place.version(1))["counts"]["unknown_members"] == 30
        assert len(await place.house.kinds("alarm.schema_drift")) == 1


async def test_a_shadow_is_compared_and_releases_nothing(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line()
        await place.agreed()
        mapping = another("")["mapping.toml"].replace('office = { from = "/office" }', 'office = { from = "/asOf" }')
        shadow = await place.proposed(another("two") | {"mapping.toml": mapping})
        await place.graded(shadow)
        await place.released(shadow, "shadow")
        for _ in range(5):
            assert dict((await place.asked()).released)["office"] == "LK-11"
        for adapter in place.here.registration.live.adapters:
            await adapter.settled()
        await place.here.registration.live.write_counts()
        counts = (await place.version(shadow))["counts"]
        assert counts["shadow_failed"] == 5, counts  # a day is no code of an office: the record's own schema says so
        assert "LK-11" not in str(counts)
        assert len(place.agency.asked) == 10


async def test_a_condition_of_a_shadow_is_compared_by_what_it_holds_back(tmp_path: Path, sqlite_url: str) -> None:
    async with offices(tmp_path, sqlite_url) as place:
        await place.on_line()
        await place.agreed()
        files = another("")
        plain = 'each.occupation = { from = "/isco", optional = "yes" }'
        held = 'each.occupation = { from = "/isco", optional = "yes", only_where = { kind = ["training"] } }'
        story = files["samples/two_offers.golden"].replace(', "occupation": "8"', "")
        changed = {"mapping.toml": files["mapping.toml"].replace(plain, held), "samples/two_offers.golden": story}
        assert changed["mapping.toml"] != files["mapping.toml"]
        shadow = await place.proposed(another("two") | changed)
        await place.graded(shadow)
        await place.released(shadow, "shadow")
        offer = {"code": "LK-11-J-0001", "kind": "job", "title": "Machine operator", "places": 4, "isco": "8"}
        place.agency.answer = {"office": "LK-11", "asOf": "2026-10-31", "offers": [offer]}
        for _ in range(5):
            assert any("occupation" in each for each in dict((await place.asked()).released)["offers"])
        for adapter in place.here.registration.live.adapters:
            await adapter.settled()
        await place.here.registration.live.write_counts()
        counts = (await place.version(shadow))["counts"]
        assert (counts["shadow_different"], counts["differs:offers"]) == (5, 5), counts


LOOSE = """{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["office"],
"properties": {"office": {"type": "string"}, "asOf": {"type": "string"}, "offers": {"type": "array"}}}"""
