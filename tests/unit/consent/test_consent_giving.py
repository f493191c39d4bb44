"""Who may consent for whom, with which assurance, in which emergency; and the receipt a person gets."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from consent import Facts, consent_of, decide
from consent.authority import GiverRule, age, refusals
from consent.errors import DocumentInvalid, WrongSigner
from consent.receipt import Surroundings, receipt, sign_receipt, verify_receipt

Made = Callable[..., Any]
NOW = datetime(2026, 10, 31, tzinfo=UTC)
PURPOSE = "employment-support.eligibility"
STATUTE: dict[str, Any] = {"kind": "vital_interest", "reference": "Act 9 of 2022, section 5", "emergency": True}
HOUSEHOLD = {PURPOSE: GiverRule(others=frozenset({"household_head"}), after_death=frozenset({"next_of_kin"}))}
LINE: dict[str, Any] = {
    "recipients": ["LK/GOV/WBB"],
    "purposes": [PURPOSE],
    "services": ["pension.contributions"],
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": "2027-01-01T00:00:00Z",
    "given_how": "assisted",
    "evidence": "sha-256:" + "0" * 64,
}


@pytest.mark.parametrize(
    ("given_by", "born", "died", "allowed"),
    [
        ("self", date(1990, 1, 1), False, True),
        ("self", date(2008, 11, 1), False, False),  # seventeen
        ("self", date(2008, 10, 31), False, True),  # eighteen today
        ("guardian", date(2010, 1, 1), False, True),
        ("guardian", date(1990, 1, 1), False, False),
        ("household_head", date(1990, 1, 1), False, True),
        ("household_head", date(2010, 1, 1), False, False),
        ("self", None, False, True),
        ("self", date(1950, 1, 1), True, False),
        ("next_of_kin", date(1950, 1, 1), True, True),
        ("next_of_kin", date(1950, 1, 1), False, False),
    ],
)
def test_who_may_consent_for_whom(consent: Made, given_by: str, born: date | None, died: bool, allowed: bool) -> None:
    found = refusals(consent(given_by=given_by), HOUSEHOLD, birth_date=born, died=died, today=NOW.date())
    assert (found == []) == allowed


def test_a_purpose_without_a_rule_has_the_strict_one(consent: Made) -> None:
    (said,) = refusals(consent(given_by="household_head"), {}, birth_date=None, died=False, today=NOW.date())
    assert said == f"{PURPOSE}: household_head may not consent for this person, only self"


def test_a_birthday_on_the_29th_of_february_comes_on_the_1st_of_march() -> None:
    assert [age(date(2008, 2, 29), date(2026, 2, 28)), age(date(2008, 2, 29), date(2026, 3, 1))] == [17, 18]


def test_a_consent_of_too_little_assurance_does_not_count(agreement: Made, consent: Made, request_for: Made) -> None:
    strict = agreement(assurance={PURPOSE: "substantial"})
    low = decide(request_for(), Facts((strict,), (consent(),)), NOW)
    high = decide(request_for(), Facts((strict,), (consent(assurance="high"),)), NOW)
    assert (low.allowed, low.refusal, high.allowed) == (False, "no_legal_basis", True)
    assert any("assurance low only" in each for each in low.reasons)


def test_break_glass_counts_only_where_an_emergency_is_stated(agreement: Made, request_for: Made) -> None:
    facts = Facts((agreement(legal_bases=[STATUTE]),))
    assert decide(request_for(), facts, NOW).refusal == "no_legal_basis"
    stated = decide(request_for(emergency=True), facts, NOW)
    assert (stated.allowed, stated.basis) == (True, "vital_interest")


def test_a_line_says_who_gave_it_and_how_surely() -> None:
    said = {"given_how": "guardian", "given_by": "household_head", "assurance": "high", "language": "tam"}
    made = consent_of(LINE | said, id_="C1", subject_ref="p1", controller="LK/GOV/WBB")
    assert (made.given_by, made.assurance, made.language) == ("household_head", "high", "tam")
    by_default = consent_of(LINE | {"given_how": "guardian"}, id_="C1", subject_ref="p1", controller="LK/GOV/WBB")
    assert by_default.given_by == "guardian"


@pytest.mark.parametrize("said", [{"given_by": "guardian"}, {"given_how": "guardian", "given_by": "self"}])
def test_a_line_cannot_contradict_itself_about_the_giver(said: dict[str, str]) -> None:
    with pytest.raises(DocumentInvalid, match="/given_by"):
        consent_of(LINE | said, id_="C1", subject_ref="p1", controller="LK/GOV/WBB")


ABOUT = Surroundings(
    principal="pseudonym",
    issuer="LK/GOV/SANDHI/GATEWAY",
    withdraw_at="https://gateway.example/my-data",
    purpose_terms={PURPOSE: "dpv:SocialBenefits"},
    authority="the Data Protection Authority",
)
KEY = {name: str(value) for name, value in OKPKey.generate_key("Ed25519").as_dict(private=True).items()} | {"kid": "k1"}


def test_a_receipt_can_be_checked_with_the_published_key_and_names_no_person(consent: Made) -> None:
    made = receipt(consent(times_per_day=3, data_life_days=30), ABOUT, NOW)
    public = {name: value for name, value in KEY.items() if name != "d"}
    assert verify_receipt(sign_receipt(made, KEY), public) == made
    assert "p1" not in str(made)
    assert made["purposes"] == [
        {
            "purpose": PURPOSE,
            "purpose_type": "dpv:SocialBenefits",
            "lawful_basis": "consent",
            "pii_information": [{"service": "pension.contributions", "attributes": "all"}],
            "retention_days": 30,
            "times_per_day": 3,
        }
    ]


def test_a_receipt_tells_that_the_consent_was_withdrawn(consent: Made) -> None:
    made = receipt(consent(withdrawn_at=datetime(2026, 5, 1, tzinfo=UTC)), ABOUT, NOW)
    assert made["event_state"] == "withdrawn"
    events = made["events"]
    assert isinstance(events, list)
    assert events[-1] == {"event_type": "withdrawn", "event_time": "2026-05-01T00:00:00Z"}


def test_a_receipt_by_another_key_or_altered_is_refused(consent: Made) -> None:
    signed = sign_receipt(receipt(consent(), ABOUT, NOW), KEY)
    other = {name: str(value) for name, value in OKPKey.generate_key("Ed25519").as_dict(private=False).items()}
    header, payload, signature = signed.split(".")
    public = {name: value for name, value in KEY.items() if name != "d"}
    for text, key in ((signed, other), (f"{header}.{payload[:-4]}AAAA.{signature}", public), ("nonsense", public)):
        with pytest.raises(WrongSigner):
            verify_receipt(text, key)
