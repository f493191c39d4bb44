"""What a newer consent allows otherwise than the one before it."""

from dataclasses import replace
from datetime import UTC, datetime

from consent import Consent
from consent.amendment import NARROWED, REWORDED, WIDENED
from consent.renewal import renewed

FIRST = Consent(
    id="C-1",
    subject_ref="ab" * 32,
    controller="LK/GOV/WBB",
    recipients=frozenset({"LK/GOV/WBB"}),
    purposes=frozenset({"employment-support.eligibility"}),
    services={"pension.contributions": frozenset({"months"})},
    valid_from=datetime(2026, 1, 1, tzinfo=UTC),
    valid_until=datetime(2027, 1, 1, tzinfo=UTC),
    given_how="assisted",
    evidence="sha-256:" + "0" * 64,
)


def test_the_same_said_again_changes_nothing() -> None:
    assert renewed(FIRST, replace(FIRST, id="C-2")) == ()


def test_every_term_that_differs_is_told_with_its_effect() -> None:
    second = replace(
        FIRST,
        recipients=frozenset({"LK/GOV/WBB", "LK/GOV/DME"}),
        purposes=frozenset({"employment-support.referral"}),
        services={"pension.contributions": None},
        valid_until=datetime(2026, 6, 1, tzinfo=UTC),
        times_per_day=3,
        given_how="self",
    )
    assert [(each.effect, each.words) for each in renewed(FIRST, second)] == [
        (WIDENED, "recipient added: LK/GOV/DME"),
        (WIDENED, "purpose added: employment-support.referral"),
        (NARROWED, "purpose removed: employment-support.eligibility"),
        (WIDENED, "data added: pension.contributions"),
        (NARROWED, "data removed: pension.contributions months"),
        (NARROWED, "holds until 31 May 2026 instead of 31 December 2026"),
        (NARROWED, "times per day: 3 instead of no limit"),
        (REWORDED, "given how: self instead of assisted"),
    ]
