"""What `docs/matching.md` promises of the one matching rule: no false matches, the recall, and its figures."""

from pathlib import Path

import pytest
from matching_pairs import LOOK_ALIKES, VARIANTS, judged, pairs, report

from adapters.kit.matching import matched

DOCUMENT = Path(__file__).parents[2] / "docs" / "matching.md"
LEAST_RECALL = 0.98


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.nightly)])
def test_no_two_people_are_taken_for_one(count: int) -> None:
    found = judged(count, one=False)
    assert sum(each.pairs for each in found) == count
    assert {each.kind: each.matched for each in found} == dict.fromkeys(LOOK_ALIKES, 0)


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.nightly)])
def test_one_person_written_in_two_ways_is_found_whatever_the_way(count: int) -> None:
    found = judged(count, one=True)
    assert [each.kind for each in found] == list(VARIANTS)
    assert [each for each in found if each.matched < LEAST_RECALL * each.pairs] == []


def test_matching_is_the_same_either_way_round() -> None:
    both = [*pairs(600, one=True), *pairs(600, one=False)]
    assert [each for each in both if matched(each.ours, each.theirs) is not matched(each.theirs, each.ours)] == []


@pytest.mark.nightly
def test_the_figures_on_the_page_are_those_that_are_measured() -> None:
    assert report(100_000).strip() in DOCUMENT.read_text(encoding="utf-8")
