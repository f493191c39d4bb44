"""What providers say about consumers only ever takes away, and what people contest only ever marks."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from consent import Control, Facts, Objection, Request, decide, decide_many
from consent.model import CONTROLS
from tests.properties.test_consent_properties import (
    MEMBERS,
    NAMES,
    NOW,
    PEOPLE,
    SERVICES,
    SYSTEMS,
    cases,
    ids,
    some_purposes,
)

controls = st.lists(
    st.builds(
        Control,
        id=ids,
        kind=st.sampled_from(sorted(CONTROLS)),
        provider=st.sampled_from(MEMBERS + SYSTEMS),
        consumer=st.sampled_from(("", *MEMBERS, *SYSTEMS)),
        service=st.sampled_from(("", *SERVICES)),
        ended_at=st.none() | st.just(NOW),
    ),
    max_size=4,
).map(tuple)
contests = st.lists(
    st.builds(
        Objection,
        id=ids,
        subject_ref=st.sampled_from(PEOPLE),
        kind=st.just("contest"),
        purposes=some_purposes,
        services=st.frozensets(st.sampled_from(SERVICES)),
        fields=st.frozensets(st.sampled_from(NAMES)),
        lifted_at=st.none() | st.just(NOW),
    ),
    max_size=3,
).map(tuple)


@given(cases, controls)
def test_controls_only_take_away(case: tuple[Request, Facts], said: tuple[Control, ...]) -> None:
    asked, known = case
    without = decide(asked, known, NOW)
    decision = decide(asked, replace(known, controls=said), NOW)
    assert decision.fields <= without.fields
    if decision.allowed:
        assert decision == without
    elif without.allowed:
        assert decision.refusal in {"stopped", "not_approved"}


@given(cases, controls)
def test_a_stop_that_counts_lets_nothing_through(case: tuple[Request, Facts], said: tuple[Control, ...]) -> None:
    asked, known = case
    stop = Control("S", "stop", asked.provider, asked.consumer, asked.service)
    assert not decide(asked, replace(known, controls=(*said, stop)), NOW).allowed


@given(cases, contests)
def test_a_contest_changes_no_field_and_marks_only_what_is_released(
    case: tuple[Request, Facts], said: tuple[Objection, ...]
) -> None:
    asked, known = case
    without = decide(asked, known, NOW)
    decision = decide(asked, replace(known, objections=(*known.objections, *said)), NOW)
    assert replace(decision, contested=False) == without
    standing = [each for each in said if each.lifted_at is None and each.subject_ref == asked.subject_ref]
    assert not decision.contested or (decision.allowed and standing)


@given(st.lists(st.tuples(cases, controls, contests), max_size=3))
def test_many_decisions_are_those_of_each_alone(
    lines: list[tuple[tuple[Request, Facts], tuple[Control, ...], tuple[Objection, ...]]],
) -> None:
    asked = [request for (request, _), _, _ in lines]
    known = [replace(each, controls=said, objections=each.objections + marks) for (_, each), said, marks in lines]
    assert decide_many(asked, known, NOW) == [decide(*pair, NOW) for pair in zip(asked, known, strict=True)]
