"""The overview counts each exchange once, in its day, on both databases; and says how the log is."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.review.overview import Counting
from tests.reviewing import PROVIDER, House, a_house


def days_ago(house: House, days: int) -> datetime:
    """Noon of a day before today, by the clocks of the country."""
    profile = house.services.profile
    today = profile.today(house.services.people.clock())
    return datetime.combine(today - timedelta(days=days), time(12), profile.zone).astimezone(UTC)


async def test_each_exchange_is_counted_once_in_its_day(tmp_path: Path, database_url: str) -> None:
    async with a_house(tmp_path, database_url) as house:
        _, desk = await house.officer("compliance", "compliance_officer")
        empty = await desk.json("GET", "/overview?days=7")
        assert (empty["outcomes"], len(empty["days"])) == ([], 7)
        await house.played(3, days_ago(house, 2))
        await house.played(2, days_ago(house, 40))
        first = await desk.json("GET", "/overview?days=7")
        await house.played(4, days_ago(house, 0), outcome="refused_by_rules")
        second = await desk.json("GET", "/overview?days=7")
        longer = await desk.json("GET", "/overview?days=60")
    assert [each["exchanges"] for each in first["days"]] == [0, 0, 0, 0, 3, 0, 0]
    assert [each["exchanges"] for each in second["days"]] == [0, 0, 0, 0, 3, 0, 4]
    assert second["outcomes"] == [
        {"name": "refused_by_rules", "exchanges": 4, "days": [0, 0, 0, 0, 0, 0, 4]},
        {"name": "answered", "exchanges": 3, "days": [0, 0, 0, 0, 3, 0, 0]},
    ]
    assert second["sources"] == [{"name": PROVIDER, "exchanges": 7, "days": [0, 0, 0, 0, 3, 0, 4]}]
    assert {each["name"]: each["exchanges"] for each in longer["outcomes"]} == {"refused_by_rules": 4, "answered": 5}


async def test_counting_begins_where_the_period_begins(tmp_path: Path, database_url: str) -> None:
    async with a_house(tmp_path, database_url) as house:
        for days in (30, 20, 10, 1):
            await house.played(5, days_ago(house, days))
        today = house.services.people.clock().date()
        counting = Counting()
        store = house.services.log.store
        short = await store.read(lambda connection: counting.over(connection, today, 15))
        again = await store.read(lambda connection: counting.over(connection, today, 15))
        whole = await store.read(lambda connection: counting.over(connection, today, 90))
    assert short == again
    assert [sum(count for _, count in each.days) for each in (short, whole)] == [10, 20]


async def test_the_state_of_the_log_is_told(tmp_path: Path, sqlite_url: str) -> None:
    async with a_house(tmp_path, sqlite_url) as house:
        _, desk = await house.officer("compliance", "compliance_officer")
        await house.played(1, days_ago(house, 0))
        await house.services.log.checkpoint()
        told = (await desk.json("GET", "/overview"))["log"]
        size = await house.services.log.size()
    assert (told["size"], told["signed_size"], told["stopped"], told["open_intents"]) == (size, size, None, 0)
    assert told["signed_at"]
    assert 0 <= told["signed_age_s"] < 600
    assert (told["cosigned_age_s"], told["witnesses"], told["anchors"]) == (None, [], [])


@pytest.mark.parametrize("zone", ["Asia/Colombo", "Europe/Berlin", "Pacific/Apia", "UTC"])
async def test_an_exchange_counts_on_the_day_that_the_clocks_of_the_country_showed(
    tmp_path: Path, sqlite_url: str, zone: str
) -> None:
    """Around midnight, and through the night in which clocks are put back (Berlin, 25 October 2026)."""
    here = ZoneInfo(zone)
    moments = [datetime(2026, 10, 24, 12, tzinfo=UTC) + timedelta(minutes=30 * n) for n in range(100)]
    async with a_house(tmp_path, sqlite_url) as house:
        for at in moments:
            await house.played(1, at)
        counting, store = Counting(here), house.services.log.store
        found = await store.read(lambda connection: counting.over(connection, date(2026, 10, 28), 7))
    expected = Counter(at.astimezone(here).date() for at in moments)
    assert {day: count for day, count in found.days if count} == expected


async def test_an_administrator_of_an_agency_sees_no_overview(tmp_path: Path, sqlite_url: str) -> None:
    async with a_house(tmp_path, sqlite_url) as house:
        _, desk = await house.officer("admin", "agency_administrator")
        assert (await desk.json("GET", "/overview", status=403))["code"] == "forbidden"
