"""Budgets count the hours and days of the clocks by which the time is told, however those are changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.model import Quota
from consent.quota import LONGEST, Window, windows

ALL = Quota(calls_per_hour=1, calls_per_day=2, subjects_per_hour=3, subjects_per_day=4)
ZONES = ("Asia/Colombo", "Europe/Sofia", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia", "UTC")


def of(zone: str, at: datetime) -> dict[str, Window]:
    return {each.kind: each for each in windows(ALL, at.astimezone(ZoneInfo(zone)))}


def test_a_day_is_one_of_the_country() -> None:
    found = of("Asia/Colombo", datetime(2026, 10, 31, 20, 45, tzinfo=UTC))  # 02:15 on 1 November
    day, hour = found["calls_per_day"], found["calls_per_hour"]
    assert (day.since, day.until) == (
        datetime(2026, 10, 31, 18, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 18, 30, tzinfo=UTC),
    )
    assert (hour.since, hour.until) == (
        datetime(2026, 10, 31, 20, 30, tzinfo=UTC),
        datetime(2026, 10, 31, 21, 30, tzinfo=UTC),
    )
    assert {kind: each.most for kind, each in found.items()} == {
        "calls_per_hour": 1,
        "calls_per_day": 2,
        "subjects_per_hour": 3,
        "subjects_per_day": 4,
    }


@pytest.mark.parametrize(("noon", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)])
def test_a_day_on_which_clocks_are_changed_is_one_day(noon: tuple[int, int, int], hours: int) -> None:
    day = of("Europe/Sofia", datetime(*noon, 12, tzinfo=UTC))["calls_per_day"]
    assert day.until - day.since == timedelta(hours=hours)


@given(st.sampled_from(ZONES), st.integers(1_293_840_000, 1_798_761_600))  # 2011 to 2026
def test_now_lies_in_each_window_and_the_next_one_begins_where_it_ends(zone: str, second: int) -> None:
    at = datetime.fromtimestamp(second, UTC)
    for kind, window in of(zone, at).items():
        assert window.since <= at < window.until
        assert window.until - window.since <= LONGEST
        if kind.endswith("day"):
            assert of(zone, window.until)[kind].since == window.until
            assert of(zone, window.until - timedelta(microseconds=1))[kind] == window
