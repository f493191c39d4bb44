"""The letters of a breach: days as people of the country count them, each agreement on a line of its own."""

from datetime import datetime

import pytest

from gateway.profile import load_profile
from gateway.review.breach_letters import drafts

KNOWN = datetime.fromisoformat("2026-11-03T09:30+05:30")
FIGURES = {
    "exchanges": 2,
    "people": 3,
    "fields": {"months": 3},
    "recipients": {"LK/GOV/WBB/SRIS": 2},
    "agreements": {"A1": 1, "A2": 1},
    "last": "2026-11-02T18:00:00+00:00",
}


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("2026-11-01T18:00:00+00:00", "between 01 November 2026 and 02 November 2026."),
        ("2026-11-01T20:00:00+00:00", "on 02 November 2026."),
    ],
)
def test_one_day_of_the_country_is_told_as_one(first: str, told: str) -> None:
    for letter in drafts("b-1", KNOWN, FIGURES | {"first": first}, load_profile("lk")).values():
        assert f"It was told {told}" in map(str, letter)


def test_titles_with_commas_stay_apart() -> None:
    letters = drafts("b-1", KNOWN, FIGURES | {"first": FIGURES["last"]}, load_profile("lk"))
    under = [each for each in map(str, letters["authority"]) if each.startswith("- under")]
    assert under == ["- under the agreement: A1;", "- under the agreement: A2;"]
