"""What the decision promises for any agreements, consents, objections and requests whatsoever."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from consent import (
    Agreement,
    Consent,
    Decision,
    Facts,
    Grant,
    LegalBasis,
    Objection,
    Party,
    Relationship,
    Request,
    State,
    decide,
    decide_many,
)
from consent.model import ASSURANCES

NOW = datetime(2026, 10, 31, tzinfo=UTC)
NAMES = ("a", "b", "c", "claim:d")
PURPOSES = ("p.one", "p.two")
SERVICES = ("s.one", "s.two")
SYSTEMS = ("LK/GOV/ONE/A", "LK/GOV/TWO/B")
MEMBERS = ("LK/GOV/ONE", "LK/GOV/TWO")
PEOPLE = ("x", "y")
NUMBERS = ("n1", "n2")

fields = st.frozensets(st.sampled_from(NAMES), min_size=1)
purposes = st.frozensets(st.sampled_from(PURPOSES), min_size=1)
some_purposes = st.frozensets(st.sampled_from(PURPOSES))
moments = st.integers(-2, 2).map(lambda days: NOW + timedelta(days=days))
maybe = st.none() | moments
ids = st.sampled_from(["1", "2", "3"])


@st.composite
def agreements(draw: st.DrawFn) -> Agreement:
    services = draw(st.sets(st.sampled_from(SERVICES), min_size=1))
    actions = st.frozensets(st.sampled_from(["read", "push"]), min_size=1)
    sends = st.frozensets(st.sampled_from(["NIC", "names"]))
    grants = {each: Grant(each, draw(actions), draw(fields), draw(sends)) for each in services}
    return Agreement(
        id=draw(ids),
        version=draw(st.integers(1, 2)),
        provider=Party(MEMBERS[1], draw(st.frozensets(st.sampled_from(SYSTEMS)))),
        consumer=Party(MEMBERS[0], draw(st.frozensets(st.sampled_from(SYSTEMS)))),
        grants=grants,
        purposes=draw(purposes),
        bases=tuple(draw(st.lists(bases(), min_size=1, max_size=3))),
        valid_from=draw(moments),
        valid_until=draw(moments),
        state=draw(st.sampled_from([State.IN_FORCE, State.IN_FORCE, State.IN_FORCE, State.SUSPENDED, State.ENDED])),
        requires_case=draw(st.booleans()),
        requires_relationship=draw(st.booleans()),
        may_know_existence=draw(st.booleans()),
        replaced_at=draw(maybe),
    )


@st.composite
def bases(draw: st.DrawFn) -> LegalBasis:
    narrowed = draw(st.dictionaries(st.sampled_from(SERVICES), fields))
    for_some = draw(some_purposes)
    if draw(st.booleans()):
        controllers = draw(st.frozensets(st.sampled_from(MEMBERS), min_size=1))
        return LegalBasis("consent", controllers=controllers, services=narrowed, purposes=for_some)
    return LegalBasis("public_task", "an act", services=narrowed, purposes=for_some)


consents = st.builds(
    Consent,
    id=ids,
    subject_ref=st.sampled_from(PEOPLE),
    controller=st.sampled_from(MEMBERS),
    recipients=st.frozensets(st.sampled_from(MEMBERS + SYSTEMS)),
    purposes=purposes,
    services=st.dictionaries(st.sampled_from(SERVICES), st.none() | fields),
    valid_from=moments,
    valid_until=moments,
    given_how=st.just("self"),
    evidence=st.just(""),
    withdrawn_at=maybe,
    numbers=st.frozensets(st.sampled_from(NUMBERS)),
)
objections = st.builds(
    Objection,
    id=ids,
    subject_ref=st.sampled_from(PEOPLE),
    kind=st.sampled_from(["objection", "restriction"]),
    purposes=some_purposes,
    services=st.frozensets(st.sampled_from(SERVICES)),
    fields=st.frozensets(st.sampled_from(NAMES)),
    recipients=st.frozensets(st.sampled_from(MEMBERS + SYSTEMS)),
    lifted_at=maybe,
)
relationships = st.builds(
    Relationship,
    id=ids,
    subject_ref=st.sampled_from(PEOPLE),
    holder=st.sampled_from(MEMBERS + SYSTEMS),
    kind=st.just("household_registered"),
    case=st.none() | st.just("k"),
    valid_from=moments,
    valid_until=moments,
    ended_at=maybe,
)
requests = st.builds(
    Request,
    consumer=st.sampled_from(SYSTEMS),
    provider=st.sampled_from(SYSTEMS),
    service=st.sampled_from(SERVICES),
    action=st.sampled_from(["read", "push"]),
    purpose=st.sampled_from(PURPOSES),
    fields=st.frozensets(st.sampled_from(NAMES)),
    subject_ref=st.sampled_from(PEOPLE),
    sent=st.frozensets(st.sampled_from(["NIC", "names"])),
    case=st.none() | st.just("k"),
    numbers=st.just(frozenset()) | st.frozensets(st.sampled_from(NUMBERS)),
    things=st.just(frozenset()) | st.frozensets(st.sampled_from(NUMBERS)),
)


facts = st.builds(
    Facts,
    agreements=st.lists(agreements(), max_size=3, unique_by=lambda each: (each.id, each.version)).map(tuple),
    consents=st.lists(consents, max_size=3, unique_by=lambda each: each.id).map(tuple),
    objections=st.lists(objections, max_size=2, unique_by=lambda each: each.id).map(tuple),
    relationships=st.lists(relationships, max_size=2, unique_by=lambda each: each.id).map(tuple),
)


def fitting(request: Request, known: Facts) -> Facts:
    """Nudges drawn facts towards the request, so that half of the decisions allow something."""
    return Facts(
        tuple(
            replace(
                each,
                consumer=Party(each.consumer.member, each.consumer.systems | {request.consumer}),
                provider=Party(each.provider.member, each.provider.systems | {request.provider}),
                grants={request.service: next(iter(each.grants.values()))} | dict(each.grants),
                purposes=each.purposes | {request.purpose},
                valid_from=min(each.valid_from, NOW),
                valid_until=max(each.valid_until, NOW + timedelta(days=1)),
                replaced_at=None,
                requires_case=False,
            )
            for each in known.agreements
        ),
        tuple(replace(each, subject_ref=request.subject_ref) for each in known.consents),
        known.objections,
        known.relationships,
    )


cases = st.tuples(requests, facts, st.booleans()).map(
    lambda case: (case[0], fitting(case[0], case[1]) if case[2] else case[1])
)


def ceiling(request: Request, known: Facts, decision: Decision) -> frozenset[str]:
    """asked ∩ agreement ∩ the one basis, written down independently of `decide`."""
    (agreement,) = [
        each for each in known.agreements if (each.id, each.version) == (decision.agreement, decision.agreement_version)
    ]
    granted = request.fields & agreement.grants[request.service].fields
    allowed: frozenset[str] = frozenset()
    if decision.consent:
        (consent,) = [each for each in known.consents if each.id == decision.consent]
        consented = consent.services[request.service]
        return granted if consented is None else granted & consented
    for basis in agreement.bases:
        if basis.kind == decision.basis:
            allowed |= granted & basis.services.get(request.service, frozenset()) if basis.services else granted
    return allowed


@settings(max_examples=200)
@given(cases)
def test_granted_is_asked_within_agreement_within_basis_and_outside_objections(case: tuple[Request, Facts]) -> None:
    request, known = case
    decision = decide(request, known, NOW)
    assert decision.allowed is bool(decision.fields)
    assert decision.allowed is not bool(decision.refusal)
    assert {name for name, _ in decision.withheld} == request.fields - decision.fields
    assert decision.reasons
    if decision.allowed:
        assert decision.fields <= ceiling(request, known, decision)
        assert [each for each in decision.reasons if each.startswith("allow") and not each.endswith("(not used)")]


@given(cases, objections)
def test_one_more_objection_never_widens(case: tuple[Request, Facts], objection: Objection) -> None:
    request, known = case
    more = replace(known, objections=(*known.objections, replace(objection, id="9")))
    assert decide(request, more, NOW).fields <= decide(request, known, NOW).fields


@given(cases)
def test_the_order_of_facts_does_not_matter(case: tuple[Request, Facts]) -> None:
    request, known = case
    turned = Facts(known.agreements[::-1], known.consents[::-1], known.objections[::-1], known.relationships[::-1])
    first, second = decide(request, known, NOW), decide(request, turned, NOW)
    assert first == second


@given(cases)
def test_a_withdrawn_consent_carries_nothing_any_more(case: tuple[Request, Facts]) -> None:
    request, known = case
    decision = decide(request, known, NOW)
    if decision.consent is None:
        return
    gone = tuple(replace(each, withdrawn_at=NOW) if each.id == decision.consent else each for each in known.consents)
    assert decide(request, replace(known, consents=gone), NOW).consent != decision.consent
    none_left = tuple(replace(each, withdrawn_at=NOW) for each in known.consents)
    assert decide(request, replace(known, consents=none_left), NOW).basis in {None, "public_task"}


@given(cases)
def test_nothing_is_granted_under_a_number_that_no_consent_in_force_of_this_person_holds(
    case: tuple[Request, Facts],
) -> None:
    request, known = case
    decision = decide(request, known, NOW)
    standing = [
        each
        for each in known.consents
        if each.subject_ref == request.subject_ref
        and each.withdrawn_at is None
        and each.valid_from <= NOW < each.valid_until
    ]
    if decision.allowed and request.numbers:
        holding = {each.id for each in standing if each.numbers >= request.numbers}
        assert holding
        assert decision.consent is None or decision.consent in holding
    strange = replace(request, numbers=request.numbers | {"n9"})
    assert not decide(strange, known, NOW).allowed


@given(cases)
def test_no_consent_opens_a_thing_that_it_does_not_hold_and_a_statute_opens_it_as_before(
    case: tuple[Request, Facts],
) -> None:
    request, known = case
    decision = decide(request, known, NOW)
    if decision.consent is not None:
        (chosen,) = [each for each in known.consents if each.id == decision.consent]
        assert request.things <= chosen.numbers
    strange = decide(replace(request, things=request.things | {"n9"}), known, NOW)
    assert strange.consent is None
    if decision.basis not in {None, "consent"}:
        assert strange.allowed


@given(cases)
def test_facts_about_somebody_else_change_nothing_but_the_reasons(case: tuple[Request, Facts]) -> None:
    request, known = case
    own = replace(
        known,
        consents=tuple(each for each in known.consents if each.subject_ref == request.subject_ref),
        objections=tuple(each for each in known.objections if each.subject_ref == request.subject_ref),
        relationships=tuple(each for each in known.relationships if each.subject_ref == request.subject_ref),
    )
    assert replace(decide(request, known, NOW), reasons=()) == replace(decide(request, own, NOW), reasons=())


@given(cases)
def test_a_field_that_is_objected_to_is_not_had_by_asking_for_it_alone(case: tuple[Request, Facts]) -> None:
    request, known = case
    withheld = {name for name, code in decide(request, known, NOW).withheld if code == "objection"}
    for name in withheld:
        alone = decide(replace(request, fields=frozenset({name})), known, NOW)
        assert name not in alone.fields


def somebody_else(request: Request, known: Facts, name: str) -> tuple[Request, Facts]:
    """The same case of another person, whose consents have other names in the same order."""

    def of(ref: str) -> str:
        return f"{ref}{name}"

    consents = tuple(replace(each, id=f"{each.id}.{name}", subject_ref=of(each.subject_ref)) for each in known.consents)
    objections = tuple(replace(each, subject_ref=of(each.subject_ref)) for each in known.objections)
    relationships = tuple(replace(each, subject_ref=of(each.subject_ref)) for each in known.relationships)
    return (
        replace(request, subject_ref=of(request.subject_ref)),
        Facts(known.agreements, consents, objections, relationships),
    )


changes = st.fixed_dictionaries(
    {},
    optional={
        "withdrawn_at": maybe,
        "valid_until": moments,
        "controller": st.sampled_from(MEMBERS),
        "purposes": purposes,
        "numbers": st.frozensets(st.sampled_from(NUMBERS)),
        "assurance": st.sampled_from(ASSURANCES),
    },
)


@settings(max_examples=200)
@given(st.lists(cases, min_size=1, max_size=3), changes)
def test_many_decisions_at_once_are_those_of_each_alone(
    some: list[tuple[Request, Facts]], change: dict[str, Any]
) -> None:
    some = [somebody_else(*case, name) for case in some for name in ("", "x", "y")]  # alike: they share their terms
    for request, each in some[::2]:
        other = tuple(replace(consent, **change) for consent in each.consents)
        some.append((request, replace(each, consents=other)))
    requests, known = [request for request, _ in some], [facts for _, facts in some]
    assert decide_many(requests, known, NOW) == [decide(request, each, NOW) for request, each in some]
