"""What an amendment widens and narrows; when its end is announced; what a draft would change."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent import Facts, sentences
from consent.amendment import NARROWED, REWORDED, WIDENED, difference, widens
from consent.expiry import notices
from consent.simulate import requests_of, simulate

Made = Callable[..., Any]
NOW = datetime(2026, 10, 31, tzinfo=UTC)
GRANT: dict[str, Any] = {
    "service": "pension.contributions",
    "actions": ["read", "bulk", "push"],
    "fields": ["closed_month", "months", "pensions", "claim:contribution_status"],
    "sends": ["NIC"],
}
CONSENT: dict[str, Any] = {"kind": "consent", "controllers": ["LK/GOV/WBB"]}
STATUTE: dict[str, Any] = {"kind": "public_task", "reference": "Act 9 of 2022"}

CHANGES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"consumer": {"member": "LK/GOV/WBB", "systems": ["LK/GOV/WBB/SRIS", "LK/GOV/WBB/APP"]}}, WIDENED),
    ({}, {"services": [GRANT, GRANT | {"service": "pension.other"}]}, WIDENED),
    ({}, {"services": [GRANT | {"fields": [*GRANT["fields"], "name"]}]}, WIDENED),
    ({}, {"services": [GRANT | {"actions": ["read"]}]}, NARROWED),
    ({}, {"services": [GRANT | {"sends": ["NIC", "names"]}]}, WIDENED),
    ({}, {"services": [GRANT | {"sensitivity": {"months": "special"}}]}, NARROWED),
    ({}, {"services": [GRANT | {"sensitivity": {"months": "open"}}]}, WIDENED),
    ({}, {"purposes": ["employment-support.eligibility"]}, NARROWED),
    ({}, {"legal_bases": [CONSENT, STATUTE]}, WIDENED),
    ({"legal_bases": [CONSENT, STATUTE]}, {}, NARROWED),
    ({}, {"legal_bases": [CONSENT | {"controllers": ["LK/GOV/WBB", "LK/GOV/DME"]}]}, WIDENED),
    ({}, {"legal_bases": [CONSENT | {"services": {"pension.contributions": ["months"]}}]}, NARROWED),
    ({}, {"legal_bases": [CONSENT | {"purposes": ["employment-support.eligibility"]}]}, NARROWED),
    ({"legal_bases": [STATUTE | {"emergency": True}]}, {"legal_bases": [STATUTE]}, WIDENED),
    ({"legal_bases": [STATUTE]}, {"legal_bases": [STATUTE | {"emergency": True}]}, NARROWED),
    ({}, {"valid_until": "2028-01-01T00:00:00Z"}, WIDENED),
    ({}, {"valid_until": "2026-12-01T00:00:00Z"}, NARROWED),
    ({}, {"requires_case": True}, NARROWED),
    ({"requires_relationship": True}, {}, WIDENED),
    ({}, {"may_know_existence": False}, NARROWED),
    ({"may_know_existence": False}, {}, WIDENED),
    ({"assurance": {"employment-support.eligibility": "high"}}, {}, WIDENED),
    ({}, {"quota": {"calls_per_day": 5}}, NARROWED),
    ({"quota": {"calls_per_day": 5}}, {"quota": {"calls_per_day": 6}}, WIDENED),
    ({"data_life_days": 30}, {"data_life_days": 60}, WIDENED),
    ({"data_life_days": 30}, {"data_life_days": None}, WIDENED),
    ({}, {"max_age_months": 1}, NARROWED),
    ({}, {"disclosure_delay_days": 30, "disclosure_delay_reason": "an investigation"}, WIDENED),
    ({}, {"title": "Other words"}, REWORDED),
    ({}, {"dpia": "DPIA-7", "review_at": "2026-12-01T00:00:00Z"}, REWORDED),
]


@pytest.mark.parametrize(("before", "after", "effect"), CHANGES)
def test_each_change_is_told_with_its_effect(
    agreement: Made, before: dict[str, Any], after: dict[str, Any], effect: str
) -> None:
    changes = difference(agreement(**before), agreement(**after))
    assert effect in {each.effect for each in changes}
    assert widens(changes) == (effect == WIDENED)
    assert all(each.words and each.place for each in changes)


def test_nothing_changed_is_no_difference(agreement: Made) -> None:
    assert difference(agreement(), agreement(version=2)) == ()


def test_what_was_widened_is_narrowed_on_the_way_back(agreement: Made) -> None:
    for before, after, effect in CHANGES:
        back = {each.effect for each in difference(agreement(**after), agreement(**before))}
        assert {WIDENED: NARROWED, NARROWED: WIDENED, REWORDED: REWORDED}[effect] in back


def test_officers_are_told_sixty_thirty_and_seven_days_before_the_end(agreement: Made) -> None:
    ends = agreement(valid_until="2027-01-01T00:00:00Z")
    told = {
        days: [each.days for each in notices([ends], ends.valid_until - timedelta(days=days))]
        for days in (61, 60, 31, 30, 8, 7, 1, 0)
    }
    assert told == {61: [], 60: [60], 31: [60], 30: [30], 8: [30], 7: [7], 1: [7], 0: [0]}


def test_a_notice_is_sent_once_and_none_where_an_amendment_follows(agreement: Made) -> None:
    first, second = (
        agreement(),
        agreement(version=2, valid_from="2027-01-01T00:00:00Z", valid_until="2028-01-01T00:00:00Z"),
    )
    (notice,) = notices([first], NOW + timedelta(days=10))
    assert notices([first], NOW + timedelta(days=11), sent={notice.name}) == []
    assert notices([first, second], NOW + timedelta(days=10)) == []


def test_a_review_is_announced_too(agreement: Made) -> None:
    (notice,) = notices([agreement(review_at="2026-11-05T00:00:00Z")], NOW)
    assert (notice.about, notice.days) == ("review", 7)


def test_a_draft_shows_what_it_would_newly_disclose_and_what_no_longer(
    agreement: Made, consent: Made, request_for: Made
) -> None:
    facts = Facts((agreement(),), (consent(),), as_of=NOW)
    asked = request_for(fields=frozenset({"months", "name"}))
    draft = agreement(version=2, services=[GRANT | {"fields": ["name"]}])
    (verdict,) = simulate(draft, [(asked, facts, NOW)])
    assert (verdict.gained, verdict.lost, verdict.differs) == ({"name"}, {"months"}, True)


def test_every_way_of_asking_that_a_draft_opens_can_be_tried(agreement: Made, consent: Made) -> None:
    draft = agreement()
    asked = [(each, Facts((), (consent(),), as_of=NOW), NOW) for each in requests_of(draft, "p1")]
    verdicts = simulate(draft, asked)
    assert len(verdicts) == 3 * 2  # three actions, two purposes
    assert {each.request.purpose for each in verdicts if each.gained} == {"employment-support.eligibility"}


def test_the_sentences_say_everything_that_the_document_adds(agreement: Made) -> None:
    said = " ".join(
        sentences(
            agreement(
                services=[GRANT | {"sensitivity": {"months": "special"}}],
                quota={"calls_per_day": 500, "subjects_per_hour": 20},
                subject_category="members of registered households",
                purpose_terms={"employment-support.eligibility": "dpv:SocialBenefits"},
                assurance={"employment-support.eligibility": "substantial"},
                review_at="2026-12-01T00:00:00Z",
                officers=[{"member": "LK/GOV/WBB", "role": "data_protection", "contact": "dpo@wbb.example"}],
                dpia="DPIA-7",
                disclosure_delay_days=30,
                disclosure_delay_reason="an investigation may be under way",
                legal_bases=[STATUTE | {"emergency": True}],
            )
        )
    )
    for words in (
        "special category",
        "500 calls a day, 20 different people an hour",
        "members of registered households",
        "dpv:SocialBenefits",
        "assurance substantial or better",
        "01 December 2026",
        "dpo@wbb.example",
        "DPIA-7",
        "30 days after it happened",
        "states an emergency",
    ):
        assert words in said
