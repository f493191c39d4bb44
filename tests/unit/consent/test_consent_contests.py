"""A contest marks what would be told about the person: answers of the agency, and what its member hands over."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from consent import Facts, Objection, decide

Made = Callable[..., Any]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SERVICE, MEMBER = "pension.contributions", "LK/GOV/WBB"


def contest(*services: str, **changes: Any) -> Objection:
    return Objection("O1", changes.pop("subject_ref", "p1"), "contest", services=frozenset(services), **changes)


@pytest.mark.parametrize(
    ("action", "services", "marked"),
    [
        ("read", (SERVICE,), True),
        ("read", ("tax.employment",), False),
        ("read", (MEMBER,), False),  # the consumer's own word is not what is answered
        ("push", (MEMBER, "other.service"), True),  # all that this member tells
        ("push", ("LK/GOV/EPF",), False),
        ("push", (SERVICE,), True),
    ],
)
def test_what_is_contested_is_marked_and_nothing_is_subtracted(
    agreement: Made, consent: Made, request_for: Made, action: str, services: tuple[str, ...], marked: bool
) -> None:
    recipients = frozenset({"LK/GOV/WBB", "LK/GOV/EPF"})
    facts = Facts((agreement(),), (consent(recipients=recipients),), (contest(*services),))
    decision = decide(request_for(action=action), facts, NOW)
    assert (decision.allowed, decision.contested) == (True, marked)
    assert decision.fields == decide(request_for(action=action), Facts(facts.agreements, facts.consents), NOW).fields


def test_a_contest_of_other_fields_another_person_or_one_that_was_closed_marks_nothing(
    agreement: Made, consent: Made, request_for: Made
) -> None:
    for each in (
        contest(SERVICE, fields=frozenset({"pensions"})),
        contest(SERVICE, subject_ref="p2"),
        contest(SERVICE, lifted_at=NOW),
    ):
        facts = Facts((agreement(),), (consent(),), (each,))
        assert not decide(request_for(fields=frozenset({"months"})), facts, NOW).contested


def test_an_objection_to_a_member_s_name_is_no_objection_to_what_it_hands_over(
    agreement: Made, consent: Made, request_for: Made
) -> None:
    """Only a contest may name a member; of objections the words stay as narrow as they were recorded."""
    facts = Facts(
        (agreement(),),
        (consent(recipients=frozenset({"LK/GOV/EPF"})),),
        (Objection("O1", "p1", services=frozenset({MEMBER})),),
    )
    assert decide(request_for(action="push"), facts, NOW).allowed


def test_the_granted_fields_are_a_frozen_set_also_after_an_objection(
    agreement: Made, consent: Made, request_for: Made
) -> None:
    against = Objection("O1", "p1", fields=frozenset({"pensions"}))
    decision = decide(request_for(), Facts((agreement(),), (consent(),), (against,)), NOW)
    assert hash(decision.fields) == hash(frozenset(decision.fields))
