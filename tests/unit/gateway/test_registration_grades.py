"""Grades: every rule of a grade and of those below; excuses carry a reason, and bronze has none."""

from dataclasses import replace

import pytest

from gateway.registration.checking import Result, Trial
from gateway.registration.grading import graded
from gateway.registration.probing import Verdict

CHECKS = (
    *("manifest", "mapping", "settings", "golden_found", "a_golden_sample_fails", "answered_offers"),
    *("down_offers", "slow_offers"),
)
GOOD = Trial(tuple(Result(name, None, 1) for name in CHECKS), readme=True)
SECURE = (Verdict("x.offers", "ok", "ok", "ok", "ok", 5),)
REASON = "the register has no test endpoint until March"


def test_everything_good_is_gold() -> None:
    assert graded(GOOD, SECURE).name == "gold"


@pytest.mark.parametrize(
    ("probe", "grade"),
    [
        ((), "bronze"),
        ((replace(SECURE[0], connection="plain_http"),), "silver"),
        ((replace(SECURE[0], auth="invalid_auth"),), "bronze"),
        ((replace(SECURE[0], latency="slow"),), "bronze"),
    ],
    ids=["not probed", "plain http", "refused", "slow"],
)
def test_the_endpoint_decides_above_bronze(probe: tuple[Verdict, ...], grade: str) -> None:
    assert graded(GOOD, probe).name == grade


def test_an_answer_that_came_and_could_not_be_read_leaves_no_grade() -> None:
    unread = replace(SECURE[0], schema="malformed", detail="closed_month: not a month at /upTo")
    found = graded(replace(GOOD, exempt={"answer_read": REASON}), (unread,))
    assert (found.name, found.rules["answer_read"]["missing"]) == ("none", f"x.offers: {unread.detail}")


@pytest.mark.parametrize("broken", ["mapping", "golden_found", "a_golden_sample_fails", "answered_offers"])
def test_what_bronze_asks_has_no_excuse(broken: str) -> None:
    results = tuple(Result(name, "broken" if name == broken else None, 1) for name in CHECKS)
    rules = dict.fromkeys(("declared", "samples", "a_sample_fails", "a_sample_answers"), REASON)
    assert graded(replace(GOOD, results=results, exempt=rules), SECURE).name == "none"


def test_an_excuse_needs_a_reason_and_shows_it() -> None:
    assert graded(replace(GOOD, exempt={"endpoint_answers": "no"}), ()).name == "bronze"
    excused = graded(replace(GOOD, exempt={"endpoint_answers": REASON, "encrypted": REASON}), ())
    assert excused.name == "gold"
    assert excused.rules["endpoint_answers"] == {"grade": "silver", "standing": "exempt", "reason": REASON}


@pytest.mark.parametrize(
    "missing",
    [{"unshown": ("x.offers: office",)}, {"never_failing": ("offers",)}, {"readme": False}],
    ids=["field", "error", "readme"],
)
def test_gold_asks_for_samples_of_everything(missing: dict[str, object]) -> None:
    assert graded(replace(GOOD, **missing), SECURE).name == "silver"


def test_a_draft_with_lines_that_nobody_looked_at_is_not_gold() -> None:
    left = Result("nothing_left_to_change", "README.md:3: CHANGE this page.", 1)
    found = graded(replace(GOOD, results=(*GOOD.results, left)), SECURE)
    assert (found.name, found.rules["finished"]["missing"]) == ("silver", left.fault)
