"""What is left of a line of results when the decision has changed."""

from datetime import date
from typing import Any

import pytest

from consent import Request
from gateway.delivery.releasing import lessened
from gateway.errors import ExchangeError, RefusedByRules
from gateway.model import Ask, ClaimAsked, Permit, Subject, Withheld

CONSUMER, SERVICE = "LK/GOV/WBB/SRIS", "tax.employment"
ASK = Ask(CONSUMER, SERVICE, "p", Subject(), date(2026, 10, 31), frozenset({"a", "b"}))
REQUEST = Request(CONSUMER, "LK/GOV/IRD/PAYE", SERVICE, "read", "p", ASK.asked, "someone")


def said(**changed: object) -> dict[str, Any]:
    line = {"line": "1", "exchange_id": "x", "salt": "00", "outcome": "answered", "record": {"a": 1, "b": 2}}
    return {**line, "withheld": [], "source": SERVICE, "as_of": "2026-09-30", **changed}


def refusal(*, may_know: bool) -> ExchangeError:
    error = RefusedByRules("no")
    error.may_know_existence = may_know
    return error


def test_a_line_that_is_still_allowed_stays() -> None:
    assert lessened(ASK, REQUEST, Permit(frozenset({"a", "b"}), ()), said()) is None


def test_a_field_that_is_no_longer_granted_is_taken_out_and_named() -> None:
    permit = Permit(frozenset({"a"}), ("why",), (Withheld("b", "objection"),))
    left = lessened(ASK, REQUEST, permit, said())
    assert left is not None
    assert left.told["record"] == {"a": 1}
    assert left.told["withheld"] == (Withheld("b", "objection"),)
    assert (left.outcome, left.fields, left.reasons) == ("answered", ("a",), ("why",))
    assert not {"line", "exchange_id", "salt"} & left.told.keys()


@pytest.mark.parametrize(("may_know", "told"), [(True, "refused_by_rules"), (False, "not_available")])
def test_a_line_that_is_refused_by_now_keeps_nothing(may_know: bool, told: str) -> None:
    left = lessened(ASK, REQUEST, refusal(may_know=may_know), said())
    assert left is not None
    assert left.told["outcome"] == told
    assert left.outcome == "refused_by_rules"
    assert not {"record", "as_of", "withheld"} & left.told.keys()


def test_a_person_the_agency_does_not_know_is_not_told_to_who_is_refused_by_now() -> None:
    unknown = {"line": "1", "outcome": "unknown_person", "detail": "nobody", "source": SERVICE}
    left = lessened(ASK, REQUEST, refusal(may_know=True), unknown)
    assert left is not None
    assert left.told["outcome"] == "refused_by_rules"


def test_what_was_taken_back_before_is_not_taken_back_again() -> None:
    gone = {"line": "1", "outcome": "refused_by_rules", "detail": "no", "source": SERVICE}
    assert lessened(ASK, REQUEST, refusal(may_know=True), gone) is None
    assert lessened(ASK, REQUEST, Permit(ASK.fields, ()), gone) is None


def test_a_granted_claim_stays_whole() -> None:
    asked = Ask(CONSUMER, SERVICE, "p", Subject(), date(2026, 10, 31), claim=ClaimAsked("status"))
    permit = Permit(frozenset({"claim:status"}), ())
    assert lessened(asked, REQUEST, permit, said(claims={"months_since": 3})) is None
