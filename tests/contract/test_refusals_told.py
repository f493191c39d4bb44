"""Every refusal names what was withheld and why in the log; the caller learns as much of it as its right allows."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consent import Agreement, Consent, Control, Facts, Grant, LegalBasis, Objection, Party, Request, decide
from gateway.errors import RefusedByRules, shown_as
from gateway.permits import permitted

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CONSUMER, PROVIDER, PERSON = "LK/GOV/WBB/SRIS", "LK/GOV/EPF/MEMBERS", "person-ref-of-somebody"
CONSENT = Consent(
    "C1",
    PERSON,
    "LK/GOV/WBB",
    frozenset({CONSUMER}),
    frozenset({"p"}),
    {"fund.status": None},
    NOW - DAY,
    NOW + DAY,
    "self",
    "sha-256:" + "0" * 64,
    numbers=frozenset({"n1"}),
)
AGREEMENT = Agreement(
    id="A1",
    version=1,
    provider=Party("LK/GOV/EPF", frozenset({PROVIDER})),
    consumer=Party("LK/GOV/WBB", frozenset({CONSUMER})),
    grants={"fund.status": Grant("fund.status", frozenset({"read"}), frozenset("ab"), frozenset({"NIC"}))},
    purposes=frozenset({"p"}),
    bases=(LegalBasis("consent", controllers=frozenset({"LK/GOV/WBB"})),),
    valid_from=NOW - DAY,
    valid_until=NOW + DAY,
)
ASKED = Request(CONSUMER, PROVIDER, "fund.status", "read", "p", frozenset("ab"), PERSON, frozenset({"NIC"}))
WHOLE = Facts((AGREEMENT,), (CONSENT,))
STOP = Control("S1", "stop", PROVIDER, CONSUMER)
APPROVE_EACH = Control("S2", "approve_each", PROVIDER)
REFUSALS: dict[str, tuple[Request, Facts]] = {
    "nothing_asked": (replace(ASKED, fields=frozenset()), WHOLE),
    "no_agreement": (replace(ASKED, purpose="other"), WHOLE),
    "sends_not_granted": (replace(ASKED, sent=frozenset({"NIC", "names"})), WHOLE),
    "stopped": (ASKED, replace(WHOLE, controls=(STOP,))),
    "not_approved": (ASKED, replace(WHOLE, controls=(APPROVE_EACH,))),
    "case_required": (ASKED, replace(WHOLE, agreements=(replace(AGREEMENT, requires_case=True),))),
    "no_relationship": (ASKED, replace(WHOLE, agreements=(replace(AGREEMENT, requires_relationship=True),))),
    "not_in_agreement": (replace(ASKED, fields=frozenset("x")), WHOLE),
    "no_legal_basis": (ASKED, replace(WHOLE, consents=())),
    "number_not_bound": (replace(ASKED, numbers=frozenset({"n2"})), WHOLE),
    "objection": (ASKED, replace(WHOLE, objections=(Objection("O1", PERSON),))),
}
PERSON_FREE = ("nothing_asked", "no_agreement")
"""Refused before any agreement that could give a right to know."""


def refusal(code: str, may_know: bool) -> RefusedByRules:
    request, facts = REFUSALS[code]
    facts = replace(facts, agreements=tuple(replace(each, may_know_existence=may_know) for each in facts.agreements))
    decision = decide(request, facts, NOW)
    assert decision.refusal == code
    assert decision.withheld == tuple((name, code) for name in sorted(request.fields))
    with pytest.raises(RefusedByRules) as caught:
        permitted(decision)
    return caught.value


def test_every_code_of_the_decision_is_here() -> None:
    told = str(sys.modules[decide.__module__].__doc__).partition("Refusal codes")[2].partition("Codes of")[0]
    named = [line.split()[0] for line in told.splitlines() if line.startswith("    ") and line.strip()]
    assert set(named) == set(REFUSALS)


@pytest.mark.parametrize("code", REFUSALS)
def test_who_may_not_know_hears_the_same_of_every_reason(code: str) -> None:
    error = refusal(code, may_know=False)
    assert error.told == (404, "not_available", "No answer is available for this request.")
    assert shown_as(error.code, error.may_know_existence) == "not_available"
    assert error.reasons  # the log has them


@pytest.mark.parametrize("code", REFUSALS)
def test_who_may_know_hears_that_rules_refused_and_never_of_whom(code: str) -> None:
    status, told, detail = refusal(code, may_know=True).told
    assert told == ("not_available" if code in PERSON_FREE else "refused_by_rules")
    assert status == (404 if code in PERSON_FREE else 403)
    assert not any(secret in detail for secret in (PERSON, "C1", "O1", "n2"))


@pytest.mark.parametrize("may_know", [True, False])
def test_an_answer_names_each_withheld_field_with_its_reason(may_know: bool) -> None:
    basis = LegalBasis("consent", controllers=frozenset({"LK/GOV/WBB"}), services={"fund.status": frozenset("bc")})
    grant = Grant("fund.status", frozenset({"read"}), frozenset("abc"), frozenset({"NIC"}))
    agreement = replace(AGREEMENT, bases=(basis,), grants={grant.service: grant}, may_know_existence=may_know)
    objection = Objection("O1", PERSON, kind="restriction", fields=frozenset("c"))
    permit = permitted(
        decide(replace(ASKED, fields=frozenset("abcx")), Facts((agreement,), (CONSENT,), (objection,)), NOW)
    )
    assert permit.fields == frozenset("b")
    assert {each.field: each.reason for each in permit.withheld} == {
        "a": "not_in_basis",
        "c": "restriction",
        "x": "not_in_agreement",
    }
