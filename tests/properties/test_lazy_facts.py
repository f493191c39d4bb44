"""What is concluded from rows, without making values of them, is what `decide` says of the values."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent import Agreement, Consent, Facts, Request, decide, decide_many
from consent.lazy_facts import LazyFacts, Row
from consent.moments import micros
from consent.rows import consent_terms, objection_terms, relationship_terms
from gateway.errors import RefusedByRules
from gateway.model import Permit
from gateway.permits import permitting
from tests.properties.test_consent_properties import NOW, PEOPLE, cases, changes, somebody_else

DAYS = st.integers(-3, 3).map(lambda days: NOW + timedelta(days=days))
Case = tuple[Request, Facts]
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # how fast is not the promise here


def rows_of(facts: Facts) -> list[Row]:
    """As `lookup_connection.LOOKUP` gives them."""
    rows: list[Row] = []
    for each in facts.consents:
        period = micros(each.valid_from), micros(each.valid_until), _or_none(each.withdrawn_at)
        numbers = " ".join(sorted(each.numbers))
        rows.append(("consent", each.id, each.subject_ref, consent_terms(each), each.evidence, *period, numbers))
    for objection in facts.objections:
        said = objection.id, objection.subject_ref, objection_terms(objection), "", 0, 0
        rows.append(("objection", *said, _or_none(objection.lifted_at), ""))
    for held in facts.relationships:
        period = micros(held.valid_from), micros(held.valid_until), _or_none(held.ended_at)
        rows.append(("relationship", held.id, held.subject_ref, relationship_terms(held), held.case, *period, ""))
    return rows


def _or_none(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def facts_at(some: Sequence[Case], agreements: tuple[Agreement, ...], at: datetime) -> LazyFacts:
    rows = [row for _, facts in some for row in rows_of(facts)]
    return LazyFacts(
        [request for request, _ in some],
        [("generation", "", "", "", "", 1, 0, None, ""), *rows],
        lambda _: (agreements, ()),
        at,
    )


def people(some: Sequence[Case]) -> list[Case]:
    """Each case for three people who say the same; what is known is of the person who is asked about, as in a table."""
    found = []
    for number, case in enumerate(some):
        for name in ("a", "b", "c"):
            request, facts = somebody_else(*case, f"{number}{name}")
            mine: list[Any] = [
                tuple(each for each in said if each.subject_ref == request.subject_ref) for said in _said(facts)
            ]
            found.append((request, replace(facts, consents=mine[0], objections=mine[1], relationships=mine[2])))
    return found


def _said(facts: Facts) -> tuple[tuple[Any, ...], ...]:
    return facts.consents, facts.objections, facts.relationships


def sorted_by_id(facts: Facts) -> Facts:
    said: dict[str, Any] = {
        name: tuple(sorted(getattr(facts, name), key=lambda each: each.id))
        for name in ("consents", "objections", "relationships")
    }
    return replace(facts, **said)


@settings(UNHURRIED, max_examples=40)
@given(st.lists(cases, min_size=1, max_size=2))
def test_facts_are_those_of_the_rows_and_decisions_on_rows_are_those_on_facts(some: list[Case]) -> None:
    agreements, persons = some[0][1].agreements, people(some)
    found_facts = facts_at(persons, agreements, NOW)
    for found, (_, facts) in zip(found_facts, persons, strict=True):
        assert sorted_by_id(found) == sorted_by_id(replace(facts, agreements=agreements, as_of=NOW))
    requests = [request for request, _ in persons]
    assert decide_many(requests, found_facts, NOW) == [
        decide(request, each, NOW) for request, each in zip(requests, found_facts, strict=True)
    ]


@settings(UNHURRIED, max_examples=40)
@given(st.lists(cases, min_size=1, max_size=2))
def test_the_permits_of_a_batch_are_those_of_each_line_alone(some: list[Case]) -> None:
    agreements, persons = tuple(map(_for_many, some[0][1].agreements)), people(some)
    requests, found_facts = [request for request, _ in persons], facts_at(persons, agreements, NOW)
    of_batch = permitting(requests, found_facts, NOW)
    for place, request in enumerate(requests):
        assert _told(of_batch(place)) == _told(permitting([request], [found_facts[place]], NOW)(0))


def _for_many(agreement: Agreement) -> Agreement:
    """The first version may be used for batches too."""
    if agreement.version > 1:
        return agreement
    grants = {name: replace(each, actions=each.actions | {"bulk"}) for name, each in agreement.grants.items()}
    return replace(agreement, grants=grants)


def _told(verdict: Permit | RefusedByRules) -> object:
    return (verdict.reasons, verdict.may_know_existence) if isinstance(verdict, RefusedByRules) else verdict


@settings(UNHURRIED, max_examples=60)
@given(st.lists(cases, min_size=1, max_size=2), changes, DAYS, DAYS, st.booleans())
def test_who_stands_as_before_is_decided_as_before(
    some: list[Case], change: dict[str, Any], then: datetime, now: datetime, changed: bool
) -> None:
    agreements, persons = some[0][1].agreements, people(some)
    before = facts_at(persons, agreements, then)
    later = [
        (request, _changed(facts, change) if place % 2 else facts) for place, (request, facts) in enumerate(persons)
    ]
    others = tuple(replace(each, purposes=frozenset({"p.two"})) for each in agreements) if changed else agreements
    again = facts_at(later, others, now)
    same = again.standing_as(before, then, now)
    for place, (request, _) in enumerate(persons):
        if same(place):
            assert decide(request, again[place], now) == decide(request, before[place], then)


def _changed(facts: Facts, change: dict[str, Any]) -> Facts:
    return replace(facts, consents=tuple(replace(each, **change) for each in facts.consents))


@settings(UNHURRIED, max_examples=25)
@given(cases)
def test_whoever_is_found_as_before_need_not_be_decided_anew(case: Case) -> None:
    persons = people([case])
    before, again = (facts_at(persons, case[1].agreements, at) for at in (NOW, NOW + timedelta(seconds=1)))
    same = again.standing_as(before, NOW, NOW + timedelta(seconds=1))
    assert all(same(place) for place in range(len(persons)))


@settings(UNHURRIED, max_examples=25)
@given(cases)
def test_an_earlier_look_of_a_later_moment_says_nothing(case: Case) -> None:
    persons = people([case])
    before, again = (facts_at(persons, case[1].agreements, at) for at in (NOW, NOW))
    assert not again.standing_as(before, NOW, NOW - timedelta(seconds=1))(0)
    assert not again.standing_as(list(before), NOW, NOW)(0)


def test_a_withdrawal_between_two_looks_is_seen_and_concerns_nobody_else() -> None:
    case = _consenting()
    persons = people([case])
    before = facts_at(persons, case[1].agreements, NOW)
    request, facts = persons[1]
    withdrawn = request, replace(facts, consents=tuple(replace(each, withdrawn_at=NOW) for each in facts.consents))
    again = facts_at([persons[0], withdrawn, persons[2]], case[1].agreements, NOW)
    same = again.standing_as(before, NOW, NOW)
    assert [same(place) for place in range(3)] == [True, False, True]


def test_a_consent_that_ends_between_two_looks_is_decided_anew() -> None:
    case = _consenting()
    persons = people([case])
    end = max(each.valid_until for each in case[1].consents)
    before, again = facts_at(persons, (), NOW), facts_at(persons, (), end)
    assert not again.standing_as(before, NOW, end)(0)
    assert again.standing_as(before, NOW, end - timedelta(microseconds=1))(0)


def _consenting() -> Case:
    consent = Consent(
        "1",
        PEOPLE[0],
        "LK/GOV/ONE",
        frozenset(),
        frozenset({"p.one"}),
        {"s.one": None},
        NOW - timedelta(days=1),
        NOW + timedelta(days=1),
        "self",
        "",
    )
    request = Request("LK/GOV/ONE/A", "LK/GOV/TWO/B", "s.one", "read", "p.one", frozenset({"a"}), PEOPLE[0])
    return request, Facts((), (consent,))
