"""What holds for all facts: one outcome each, and no answer or silence makes a working person unemployed."""

from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from registry.rule import CIVIL, EDUCATION, ESS, NATIONAL_ID, OUTCOMES, PENSION, TAX, Certificate, Facts, Said, judged

DAY = date(2026, 10, 31)
CODES = [
    "answered",
    "no_data",
    "unknown_person",
    "ambiguous",
    "refused_by_rules",
    "refused_by_source",
    "our_error",
    "source_down",
    "source_stale",
    "no_link",
    "unknown",
    "not_available",
]
DAYS = st.dates(date(1940, 1, 1), date(2026, 12, 31))
DAY_TEXTS = st.none() | DAYS.map(date.isoformat)
MEMBERS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    NATIONAL_ID: {"confirmed": st.booleans(), "birth_date": DAY_TEXTS, "death_date": DAY_TEXTS},
    CIVIL: {
        "birth_date": DAY_TEXTS,
        "death_date": DAY_TEXTS,
        "death_matched_by": st.sampled_from([None, "identifier", "name_and_date"]),
    },
    PENSION: {
        "closed_month": st.just("2026-09"),
        "active": st.booleans(),
        "months_since_last_contribution": st.none() | st.integers(0, 60),
        "old_age_pension": st.booleans(),
    },
    TAX: {
        "closed_month": st.just("2026-09"),
        "paid": st.booleans(),
        "self_employed": st.booleans(),
        "open_employment_without_pay": st.booleans(),
    },
    EDUCATION: {
        "highest_level": st.none() | st.integers(0, 8),
        "technical_qualification": st.booleans(),
        "full_time_student": st.booleans(),
    },
    ESS: {"enrolled": st.booleans()},
}


@st.composite
def sayings(draw: st.DrawFn, source: str) -> Said:
    outcome = draw(st.sampled_from(CODES))
    if outcome not in {"answered", "no_data"}:
        return Said(outcome)
    as_of = draw(st.dates(date(2026, 5, 1), DAY))
    return Said(outcome, draw(st.fixed_dictionaries(MEMBERS[source])), as_of, draw(st.booleans()))


KNOWN = st.sampled_from(["held", "none", "unknown"])
FACTS = st.builds(
    Facts,
    birth_date=DAYS,
    said=st.fixed_dictionaries({}, optional={source: sayings(source) for source in MEMBERS}),
    duplicate=st.booleans(),
    tax_number=KNOWN,
    learner_number=KNOWN,
    certificate=st.none() | st.builds(Certificate, st.sampled_from(["no_capacity", "partial_capacity"]), DAYS, DAYS),
    public_works=st.booleans(),
    may_be_pushed=st.booleans(),
)


@given(FACTS)
def test_everyone_has_exactly_one_outcome_and_sorted_reasons(facts: Facts) -> None:
    found = judged(facts, DAY)
    assert found.outcome in OUTCOMES
    assert found.reasons
    assert list(found.reasons) == sorted(set(found.reasons))


@given(FACTS)
def test_who_is_on_the_list_has_one_readiness_and_who_is_not_has_the_outcomes_own_word(facts: Facts) -> None:
    found = judged(facts, DAY)
    readiness = {"labour_ready", "needs_training", "assess_at_outreach"} & set(found.reasons)
    if found.outcome in {"to_verify", "listed"}:
        assert len(readiness) == 1
        assert bool(found.verify) == (found.outcome == "to_verify")
    elif found.outcome == "active":
        assert set(found.reasons) <= {"pension_active", "tax_active", "self_employed"}
    else:
        assert found.reasons == (found.outcome,)


@given(FACTS, st.sampled_from(sorted(MEMBERS)), st.data())
def test_more_or_less_information_from_elsewhere_never_puts_a_working_person_on_the_list(
    facts: Facts, source: str, data: st.DataObject
) -> None:
    working = {"pension_active": PENSION, "tax_active": TAX, "self_employed": TAX}
    found = judged(facts, DAY)
    if found.outcome != "active" or all(working[reason] == source for reason in found.reasons):
        return
    other = replace(facts, said={**facts.said, source: data.draw(sayings(source))})
    assert judged(other, DAY).outcome not in {"to_verify", "listed"}


@given(FACTS)
def test_silence_excludes_nobody(facts: Facts) -> None:
    own = {"duplicate", "age", "no_capacity", "already_enrolled"}  # the registry's own records say so
    silent = replace(facts, said={source: Said("source_down") for source in MEMBERS})
    assert judged(silent, DAY).outcome in own | {"to_verify"}
