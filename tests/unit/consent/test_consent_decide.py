"""Every rule of the decision, one at a time: what it refuses or withholds, and in which words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent import Facts, Objection, Relationship, State, decide

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
LATER = datetime(2027, 6, 1, tzinfo=UTC)

Made = Callable[..., Any]
STATUTE = {"kind": "legal_obligation", "reference": "Act No. 9 of 2022, section 5"}


@pytest.fixture
def facts(agreement: Made, consent: Made) -> Facts:
    return Facts((agreement(),), (consent(),))


def test_what_is_asked_agreed_and_consented_is_granted_with_its_reasons(request_for: Made, facts: Facts) -> None:
    decision = decide(request_for(), facts, NOW)
    assert decision.allowed
    assert decision.fields == {"closed_month", "months"}
    assert decision.reasons == ("allow agreement A1 v1: consent C1",)
    assert (decision.agreement, decision.agreement_version) == ("A1", 1)
    assert (decision.basis, decision.consent) == ("consent", "C1")
    assert (decision.may_know_existence, decision.max_age_months) == (True, 2)
    assert (decision.withheld, decision.refusal) == ((), "")


def test_nothing_is_asked_nothing_is_granted(request_for: Made, facts: Facts) -> None:
    decision = decide(request_for(fields=frozenset()), facts, NOW)
    assert (decision.allowed, decision.refusal) == (False, "nothing_asked")


def test_no_agreement_at_all_is_refused_and_says_so(request_for: Made) -> None:
    decision = decide(request_for(), Facts(), NOW)
    assert decision.refusal == "no_agreement"
    assert decision.reasons == ("deny request: no agreement between these systems",)
    assert not decision.may_know_existence
    assert decision.withheld == (("closed_month", "no_agreement"), ("months", "no_agreement"))


AGREEMENT_RULES: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    # change of the request, change of the agreement, refusal, words
    ({"consumer": "LK/GOV/DME/ESS"}, {}, "no_agreement", "other parties"),
    ({"provider": "LK/GOV/IRD/PAYE"}, {}, "no_agreement", "other parties"),
    ({}, {"state": State.PROPOSED}, "no_agreement", "not in force (proposed)"),
    ({}, {"state": State.AGREED}, "no_agreement", "not in force (agreed)"),
    ({}, {"state": State.SUSPENDED}, "no_agreement", "not in force (suspended)"),
    ({}, {"state": State.ENDED}, "no_agreement", "not in force (ended)"),
    ({}, {"replaced_at": NOW}, "no_agreement", "not in force (replaced)"),
    ({}, {"valid_from": LATER}, "no_agreement", "not in force (not yet valid)"),
    ({}, {"valid_until": NOW}, "no_agreement", "not in force (expired)"),
    ({"service": "tax.employment"}, {}, "no_agreement", "service not granted"),
    ({"action": "notify"}, {}, "no_agreement", "action not granted"),
    ({"purpose": "unemployment-benefit.compliance"}, {}, "no_agreement", "other purpose"),
    ({"sent": frozenset({"NIC", "names"})}, {}, "sends_not_granted", "may not send names"),
    ({}, {"requires_case": True}, "case_required", "case reference required"),
    ({"case": ""}, {"requires_case": True}, "case_required", "case reference required"),
    ({"fields": frozenset({"employer"})}, {}, "not_in_agreement", "none of the asked fields"),
    ({}, {"requires_relationship": True}, "no_relationship", "no declared relationship"),
]


@pytest.mark.parametrize(("asked", "agreed", "refusal", "words"), AGREEMENT_RULES)
def test_an_agreement_that_does_not_cover_the_request_says_why(
    request_for: Made,
    agreement: Made,
    consent: Made,
    asked: dict[str, Any],
    agreed: dict[str, Any],
    refusal: str,
    words: str,
) -> None:
    facts = Facts((replace(agreement(), **agreed),), (consent(),))
    decision = decide(request_for(**asked), facts, NOW)
    assert (decision.allowed, decision.refusal, decision.fields) == (False, refusal, frozenset())
    assert decision.reasons == (f"deny agreement A1 v1: {words}",)
    assert {code for _, code in decision.withheld} == {refusal}


@pytest.mark.parametrize(("asked", "agreed", "refusal", "words"), AGREEMENT_RULES)
def test_only_an_agreement_that_fits_parties_and_purpose_lets_the_caller_know_more(
    request_for: Made,
    agreement: Made,
    consent: Made,
    asked: dict[str, Any],
    agreed: dict[str, Any],
    refusal: str,
    words: str,
) -> None:
    facts = Facts((replace(agreement(), **agreed),), (consent(),))
    assert decide(request_for(**asked), facts, NOW).may_know_existence is (refusal != "no_agreement")


CONSENT_RULES: list[tuple[dict[str, Any], str]] = [
    ({"subject_ref": "p2"}, "another person's"),
    ({"withdrawn_at": NOW - timedelta(seconds=1)}, "withdrawn"),
    ({"withdrawn_at": NOW + timedelta(seconds=5)}, "withdrawn"),  # another machine's clock is ahead
    ({"valid_from": NOW + timedelta(seconds=1)}, "not yet valid"),
    ({"valid_until": NOW}, "expired"),
    ({"purposes": frozenset({"employment-support.outreach"})}, "other purpose"),
    ({"services": {"tax.employment": None}}, "other service"),
    ({"recipients": frozenset({"LK/GOV/DME"})}, "other recipient"),
]


@pytest.mark.parametrize(("changed", "words"), CONSENT_RULES)
def test_a_consent_that_does_not_cover_the_request_counts_for_nothing_and_says_so(
    request_for: Made, agreement: Made, consent: Made, changed: dict[str, Any], words: str
) -> None:
    decision = decide(request_for(), Facts((agreement(),), (consent(**changed),)), NOW)
    assert decision.refusal == "no_legal_basis"
    assert decision.reasons == (f"deny consent C1: {words}", "deny agreement A1 v1: no consent in force")
    assert decision.may_know_existence, "the agreement grants it, consent or not"


BY_NUMBER: list[tuple[frozenset[str], frozenset[str], bool]] = [
    # numbers in the question, numbers recorded with the consent
    (frozenset(), frozenset(), True),
    (frozenset(), frozenset({"n1"}), True),
    (frozenset({"n1"}), frozenset({"n1", "n2"}), True),
    (frozenset({"n1"}), frozenset(), False),
    (frozenset({"n1"}), frozenset({"n2"}), False),
    (frozenset({"n1", "n2"}), frozenset({"n1"}), False),
]


@pytest.mark.parametrize(("asked_by", "held", "allowed"), BY_NUMBER)
def test_a_consent_carries_no_question_under_a_number_that_was_not_recorded_with_it(
    request_for: Made, agreement: Made, consent: Made, asked_by: frozenset[str], held: frozenset[str], allowed: bool
) -> None:
    decision = decide(request_for(numbers=asked_by), Facts((agreement(),), (consent(numbers=held),)), NOW)
    assert decision.allowed is allowed
    if not allowed:
        assert decision.refusal == "number_not_bound"
        assert decision.reasons == (
            "deny consent C1: another person's number",
            "deny agreement A1 v1: no consent in force",
        )


@pytest.mark.parametrize(("asked_by", "held", "allowed"), BY_NUMBER)
def test_a_consent_opens_no_thing_whose_number_was_not_recorded_with_it(
    request_for: Made, agreement: Made, consent: Made, asked_by: frozenset[str], held: frozenset[str], allowed: bool
) -> None:
    decision = decide(request_for(things=asked_by), Facts((agreement(),), (consent(numbers=held),)), NOW)
    assert decision.allowed is allowed
    if not allowed:
        assert decision.refusal == "number_not_bound"
        assert decision.reasons[0] == "deny consent C1: other things"


def test_a_statute_carries_the_number_of_a_thing_without_anybodys_word(request_for: Made, agreement: Made) -> None:
    things = request_for(things=frozenset({"n1"}))
    assert decide(things, Facts((agreement(legal_bases=[STATUTE]),)), NOW).allowed


def test_a_number_of_each_of_two_consents_is_bound_by_neither(
    request_for: Made, agreement: Made, consent: Made
) -> None:
    halves = (consent(numbers=frozenset({"n1"})), consent(id="C2", numbers=frozenset({"n2"})))
    decision = decide(request_for(numbers=frozenset({"n1", "n2"})), Facts((agreement(),), halves), NOW)
    assert decision.refusal == "number_not_bound"


def test_without_any_consent_the_refusal_is_the_missing_consent_and_not_the_number(
    request_for: Made, agreement: Made
) -> None:
    assert decide(request_for(numbers=frozenset({"n1"})), Facts((agreement(),)), NOW).refusal == "no_legal_basis"


BOUND_BY: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"services": {"tax.employment": None}, "purposes": frozenset({"employment-support.outreach"})}, True),
    ({"numbers": frozenset()}, False),
    ({"numbers": frozenset({"n2"})}, False),
    ({"subject_ref": "p2"}, False),
    ({"withdrawn_at": NOW}, False),
    ({"valid_until": NOW}, False),
]


@pytest.mark.parametrize(("changed", "allowed"), BOUND_BY)
def test_a_statute_carries_another_number_only_if_a_consent_in_force_of_this_person_holds_it(
    request_for: Made, agreement: Made, consent: Made, changed: dict[str, Any], allowed: bool
) -> None:
    known = consent(**({"numbers": frozenset({"n1"})} | changed))
    facts = Facts((agreement(legal_bases=[STATUTE]),), (known,))
    decision = decide(request_for(numbers=frozenset({"n1"})), facts, NOW)
    assert decision.allowed is allowed
    if not allowed:
        assert decision.refusal == "number_not_bound"
        assert decision.reasons == ("deny agreement A1 v1: number not bound to the person",)


def test_a_consent_recorded_by_a_controller_the_agreement_does_not_name_counts_for_nothing(
    request_for: Made, agreement: Made, consent: Made
) -> None:
    decision = decide(request_for(), Facts((agreement(),), (consent(controller="LK/COM/NOONE"),)), NOW)
    assert decision.reasons == ("deny agreement A1 v1: consent C1 has another controller",)


def test_a_consent_for_single_fields_narrows_and_the_rest_is_withheld(
    request_for: Made, agreement: Made, consent: Made
) -> None:
    narrow = consent(services={"pension.contributions": frozenset({"months"})})
    asked = frozenset({"closed_month", "months", "employer"})
    decision = decide(request_for(fields=asked), Facts((agreement(),), (narrow,)), NOW)
    assert decision.fields == {"months"}
    assert decision.withheld == (("closed_month", "not_in_basis"), ("employer", "not_in_agreement"))


def test_a_consent_without_any_asked_field_is_no_basis(request_for: Made, agreement: Made, consent: Made) -> None:
    narrow = consent(services={"pension.contributions": frozenset({"pensions"})})
    decision = decide(request_for(), Facts((agreement(),), (narrow,)), NOW)
    assert decision.refusal == "no_legal_basis"
    assert decision.reasons == ("deny agreement A1 v1: consent C1 has none of the asked fields",)


def test_a_claim_is_granted_by_its_own_name_and_not_by_the_fields_it_is_made_from(
    request_for: Made, agreement: Made, consent: Made
) -> None:
    claim_only = consent(services={"pension.contributions": frozenset({"claim:contribution_status"})})
    facts = Facts((agreement(),), (claim_only,))
    assert decide(request_for(fields=frozenset({"claim:contribution_status"})), facts, NOW).allowed
    assert not decide(request_for(fields=frozenset({"months"})), facts, NOW).allowed


def test_a_consent_to_a_member_covers_its_systems_and_one_to_a_system_only_that(
    request_for: Made, agreement: Made, consent: Made
) -> None:
    for recipients, allowed in (({"LK/GOV/WBB/SRIS"}, True), ({"LK/GOV/WBB/OTHER"}, False), ({"LK/GOV/WBB"}, True)):
        facts = Facts((agreement(),), (consent(recipients=frozenset(recipients)),))
        assert decide(request_for(), facts, NOW).allowed is allowed


def test_what_is_handed_over_needs_a_consent_to_the_receiver_and_not_to_the_sender(
    request_for: Made, agreement: Made, consent: Made
) -> None:
    for recipients, allowed in (({"LK/GOV/EPF"}, True), ({"LK/GOV/WBB"}, False)):
        facts = Facts((agreement(),), (consent(recipients=frozenset(recipients)),))
        assert decide(request_for(action="push"), facts, NOW).allowed is allowed


def test_a_statute_needs_no_consent_and_consents_do_not_speak(
    request_for: Made, agreement: Made, consent: Made
) -> None:
    facts = Facts((agreement(legal_bases=[STATUTE]),), (consent(withdrawn_at=NOW),))
    decision = decide(request_for(), facts, NOW)
    assert decision.reasons == ("allow agreement A1 v1: legal_obligation Act No. 9 of 2022, section 5",)
    assert (decision.basis, decision.consent) == ("legal_obligation", None)


@pytest.mark.parametrize(
    "kind", ["legal_obligation", "contract", "vital_interest", "public_task", "legitimate_interest"]
)
def test_each_other_legal_basis_carries_by_itself(request_for: Made, agreement: Made, kind: str) -> None:
    facts = Facts((agreement(legal_bases=[{"kind": kind, "reference": "R1"}]),))
    assert decide(request_for(), facts, NOW).basis == kind


def test_a_basis_for_one_purpose_does_not_carry_another(request_for: Made, agreement: Made) -> None:
    statute = STATUTE | {"purposes": ["employment-support.referral"]}
    decision = decide(request_for(), Facts((agreement(legal_bases=[statute]),)), NOW)
    assert decision.reasons == ("deny agreement A1 v1: legal_obligation is not for this purpose",)


def test_a_basis_carries_only_its_own_fields(request_for: Made, agreement: Made) -> None:
    statute = STATUTE | {"services": {"pension.contributions": ["closed_month"]}}
    decision = decide(request_for(), Facts((agreement(legal_bases=[statute]),)), NOW)
    assert (decision.fields, decision.withheld) == ({"closed_month"}, (("months", "not_in_basis"),))


def test_a_basis_without_the_asked_fields_carries_nothing(request_for: Made, agreement: Made) -> None:
    statute = STATUTE | {"services": {"pension.contributions": ["pensions"]}}
    decision = decide(request_for(), Facts((agreement(legal_bases=[statute]),)), NOW)
    assert decision.reasons == ("deny agreement A1 v1: legal_obligation carries none of the asked fields",)


def test_two_bases_are_alternatives_and_never_added_together(request_for: Made, agreement: Made, consent: Made) -> None:
    statute = STATUTE | {"services": {"pension.contributions": ["closed_month"]}}
    by_consent = {"kind": "consent", "controllers": ["LK/GOV/WBB"]}
    narrow = consent(services={"pension.contributions": frozenset({"months", "pensions"})})
    facts = Facts((agreement(legal_bases=[statute, by_consent]),), (narrow,))
    decision = decide(request_for(fields=frozenset({"closed_month", "months", "pensions"})), facts, NOW)
    assert decision.fields == {"months", "pensions"}
    assert decision.reasons == (
        "allow agreement A1 v1: consent C1",
        "allow agreement A1 v1: legal_obligation Act No. 9 of 2022, section 5 (not used)",
    )


def test_of_several_agreements_the_one_that_grants_most_is_taken_then_the_lowest_id(
    request_for: Made, agreement: Made
) -> None:
    less = STATUTE | {"services": {"pension.contributions": ["months"]}}
    agreements = (
        agreement(id="A3", legal_bases=[STATUTE]),
        agreement(id="A2", legal_bases=[STATUTE]),
        agreement(id="A1", legal_bases=[less]),
    )
    decision = decide(request_for(), Facts(agreements), NOW)
    assert decision.agreement == "A2"
    assert decision.reasons[0].startswith("allow agreement A2 v1: ")
    assert [reason.endswith("(not used)") for reason in decision.reasons] == [False, True, True]


def test_the_new_version_decides_and_the_replaced_one_says_so(request_for: Made, agreement: Made) -> None:
    old = replace(agreement(legal_bases=[STATUTE]), replaced_at=NOW)
    decision = decide(request_for(), Facts((old, agreement(version=2, legal_bases=[STATUTE]))), NOW)
    assert decision.agreement_version == 2
    assert "deny agreement A1 v1: not in force (replaced)" in decision.reasons


OBJECTIONS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"purposes": frozenset({"employment-support.eligibility"})}, True),
    ({"purposes": frozenset({"employment-support.outreach"})}, False),
    ({"services": frozenset({"pension.contributions"})}, True),
    ({"services": frozenset({"tax.employment"})}, False),
    ({"recipients": frozenset({"LK/GOV/WBB"})}, True),
    ({"recipients": frozenset({"LK/GOV/WBB/SRIS"})}, True),
    ({"recipients": frozenset({"LK/GOV/DME"})}, False),
    ({"fields": frozenset({"pensions"})}, False),
    ({"lifted_at": NOW}, False),
    ({"subject_ref": "p2"}, False),
]


@pytest.mark.parametrize(("changed", "hits"), OBJECTIONS)
def test_an_objection_takes_off_what_it_names_whatever_the_basis(
    request_for: Made, agreement: Made, changed: dict[str, Any], hits: bool
) -> None:
    objection = replace(Objection("O1", "p1"), **changed)
    facts = Facts((agreement(legal_bases=[STATUTE]),), objections=(objection,))
    decision = decide(request_for(), facts, NOW)
    assert decision.allowed is not hits
    assert decision.refusal == ("objection" if hits else "")
    assert ("deny objection O1: closed_month, months" in decision.reasons) is hits


def test_a_restriction_of_one_field_withholds_that_field(request_for: Made, facts: Facts) -> None:
    restricted = replace(facts, objections=(Objection("R1", "p1", "restriction", fields=frozenset({"months"})),))
    decision = decide(request_for(), restricted, NOW)
    assert (decision.fields, decision.withheld) == ({"closed_month"}, (("months", "restriction"),))
    assert decision.reasons[-1] == "deny restriction R1: months"


RELATIONSHIPS: list[tuple[dict[str, Any], str | None, bool]] = [
    ({}, None, True),
    ({"holder": "LK/GOV/WBB/SRIS"}, None, True),
    ({"holder": "LK/GOV/DME"}, None, False),
    ({"subject_ref": "p2"}, None, False),
    ({"valid_until": NOW}, None, False),
    ({"valid_from": LATER}, None, False),
    ({"ended_at": NOW}, None, False),
    ({"case": "K-7"}, "K-7", True),
    ({"case": "K-7"}, "K-8", False),
    ({"case": "K-7"}, None, False),
]


@pytest.mark.parametrize(("changed", "case", "allowed"), RELATIONSHIPS)
def test_where_a_relationship_is_required_only_a_standing_one_of_the_consumer_counts(
    request_for: Made, agreement: Made, consent: Made, changed: dict[str, Any], case: str | None, allowed: bool
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    declared = Relationship("L1", "p1", "LK/GOV/WBB", "household_registered", None, start, LATER)
    facts = Facts((agreement(requires_relationship=True),), (consent(),), relationships=(replace(declared, **changed),))
    assert decide(request_for(case=case), facts, NOW).allowed is allowed


def test_a_case_is_enough_where_a_case_is_required(request_for: Made, agreement: Made, consent: Made) -> None:
    facts = Facts((agreement(requires_case=True),), (consent(),))
    assert decide(request_for(case="K-7"), facts, NOW).allowed


def test_the_same_facts_give_last_years_decision_again(request_for: Made, facts: Facts) -> None:
    assert decide(request_for(), facts, NOW) == decide(request_for(), replace(facts, as_of=LATER), NOW)


def test_a_clock_without_a_zone_is_a_fault(request_for: Made, facts: Facts) -> None:
    with pytest.raises(TypeError):
        decide(request_for(), facts, NOW.replace(tzinfo=None))


def test_reasons_never_name_the_person(request_for: Made, agreement: Made, consent: Made) -> None:
    ref = "a" * 64
    facts = Facts((agreement(),), (consent(subject_ref="b" * 64),), (Objection("O1", ref),))
    assert ref not in repr(decide(request_for(subject_ref=ref), facts, NOW))
