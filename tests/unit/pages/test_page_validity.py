"""A validity is told in whole days of the place: never a clock that nobody meant, never a day on which it is over."""

from zoneinfo import ZoneInfo

import pytest

from pages.languages import LANGUAGES, NOW, Spoken
from pages.moments import begins, ends
from pages.rendering import environment

COLOMBO, LIMA = ZoneInfo("Asia/Colombo"), ZoneInfo("America/Lima")


@pytest.mark.parametrize(
    ("until", "zone", "told"),
    [
        ("2027-01-01T00:00:00Z", COLOMBO, "31 December 2026"),  # a midnight of UTC is 05:30 there
        ("2027-01-01T00:00:00", COLOMBO, "31 December 2026"),  # UTC where no offset is named
        ("2026-12-31T18:30:00+00:00", COLOMBO, "31 December 2026"),  # the midnight there
        ("2027-01-01T00:00:00+05:30", COLOMBO, "31 December 2026"),
        ("2024-03-01T00:00:00Z", COLOMBO, "29 February 2024"),
        ("2027-01-01T00:00:00Z", LIMA, "30 December 2026"),  # 19:00 of the 31st: that day is not whole
        ("2027-01-01T05:00:00Z", LIMA, "31 December 2026"),
        ("2026-12-31T23:59:59Z", COLOMBO, "1 January 2027, 05:29"),
        ("2027-01-01T00:00:01Z", COLOMBO, "1 January 2027, 05:30"),
        ("2026-12-31T10:00:00Z", COLOMBO, "31 December 2026, 15:30"),
        ("never", COLOMBO, "never"),
    ],
)
def test_the_end_is_the_last_whole_day_or_the_moment(until: str, zone: ZoneInfo, told: str) -> None:
    assert ends(until, str, zone) == told


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("2026-01-01T00:00:00Z", "1 January 2026"),
        ("2025-12-31T18:30:00Z", "1 January 2026"),
        ("2025-12-31T18:30:01Z", "1 January 2026, 00:00"),
        ("2026-01-01T04:30:00Z", "1 January 2026, 10:00"),
    ],
)
def test_the_beginning_is_the_day_or_the_moment(first: str, told: str) -> None:
    assert begins(first, str, COLOMBO) == told


def test_one_day_begins_and_ends_on_itself() -> None:
    assert begins("2026-03-01T00:00:00Z", str, COLOMBO) == ends("2026-03-02T00:00:00Z", str, COLOMBO)


@pytest.mark.parametrize("code", LANGUAGES)
def test_pages_tell_the_end_by_the_clocks_of_the_place_in_their_language(code: str) -> None:
    token = NOW.set(Spoken(LANGUAGES[code], zone=COLOMBO))
    try:
        page = environment(code).from_string("{{ _until(at) }}").render(at="2027-01-01T00:00:00Z")
    finally:
        NOW.reset(token)
    assert page == ends("2027-01-01T00:00:00Z", LANGUAGES[code].said, COLOMBO)
    assert LANGUAGES[code].said("December") in page
    assert "05:30" not in page
