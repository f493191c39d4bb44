"""Every row of the rule page, every reason, and the order of outcomes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from registry.nic import normal
from registry.rule import (
    CIVIL,
    EDUCATION,
    ESS,
    NATIONAL_ID,
    OUTCOMES,
    PENSION,
    TAX,
    Certificate,
    Facts,
    Limits,
    Said,
    duplicates,
    judged,
    settled,
)

DAY = date(2026, 10, 31)
CLOSED = date(2026, 9, 30)
BORN = "1990-05-05"


def answered(as_of: date | None = CLOSED, **content: Any) -> Said:
    return Said("answered", content, as_of)


def fund(since: int | None = 8, *, active: bool = False, pension: bool = False, closed: str = "2026-09") -> Said:
    return answered(closed_month=closed, active=active, months_since_last_contribution=since, old_age_pension=pension)


def office(*, paid: bool = False, self_employed: bool = False, unpaid_job: bool = False) -> Said:
    return answered(
        closed_month="2026-09", paid=paid, self_employed=self_employed, open_employment_without_pay=unpaid_job
    )


def school(level: int | None = 3, *, technical: bool = False, student: bool = False) -> Said:
    return answered(highest_level=level, technical_qualification=technical, full_time_student=student)


def identity(birth: str = BORN, death: str | None = None) -> Said:
    return answered(DAY, confirmed=True, birth_date=birth, death_date=death)


def vital(birth: str | None = BORN, death: str | None = None, by: str | None = None) -> Said:
    return answered(DAY, birth_date=birth, death_date=death, death_matched_by=by)


SAID: Mapping[str, Said] = {
    NATIONAL_ID: identity(),
    CIVIL: vital(),
    PENSION: fund(),
    TAX: office(),
    EDUCATION: school(),
    ESS: answered(DAY, enrolled=False, status="Inactive"),
}
LISTED = Facts(date(1990, 5, 5), SAID, tax_number="held", learner_number="held")
UNKNOWN, AMBIGUOUS = Said("unknown_person"), Said("ambiguous")


def saying(**said: Said) -> Facts:
    return replace(LISTED, said={**SAID, **said})


def born(day: str) -> Facts:
    facts = saying(national_id=identity(day), civil_registration=vital(day))
    return replace(facts, birth_date=date.fromisoformat(day))


def certificate(finding: str, until: date = DAY) -> Certificate:
    return Certificate(finding, date(2026, 1, 1), until)


TABLE: list[tuple[str, Facts, str, str]] = [
    ("nothing speaks against it", LISTED, "listed", "labour_ready"),
    ("a second record", replace(LISTED, duplicate=True), "duplicate", "duplicate"),
    # 2 identity
    ("unknown to national ID", saying(national_id=UNKNOWN), "to_verify", "identity_unconfirmed labour_ready"),
    ("national ID cannot tell", saying(national_id=AMBIGUOUS), "to_verify", "identity_unconfirmed labour_ready"),
    (
        "born too early by one",
        saying(national_id=identity("1960-01-01")),
        "to_verify",
        "birth_date_conflict labour_ready",
    ),
    (
        "born too early by civil registration",
        saying(civil_registration=vital("1960-01-01")),
        "to_verify",
        "birth_date_conflict labour_ready",
    ),
    ("born a month off", saying(national_id=identity("1990-06-05")), "listed", "labour_ready"),
    ("unknown to civil registration", saying(civil_registration=UNKNOWN), "listed", "labour_ready"),
    (
        "civil registration cannot tell",
        saying(civil_registration=AMBIGUOUS),
        "to_verify",
        "ambiguous_match labour_ready",
    ),
    # 3 deceased and held
    ("dead by national ID", saying(national_id=identity(death="2026-10-31")), "deceased", "deceased"),
    ("dead by number", saying(civil_registration=vital(death="2026-03-01", by="identifier")), "deceased", "deceased"),
    ("dead by name and date", saying(civil_registration=vital(death="2026-03-01", by="name_and_date")), "held", "held"),
    (
        "dead after the list date",
        saying(civil_registration=vital(death="2026-11-01", by="identifier")),
        "listed",
        "labour_ready",
    ),
    (
        "dies by name after the list date",
        saying(civil_registration=vital(death="2026-11-01", by="name_and_date")),
        "listed",
        "labour_ready",
    ),
    (
        "paid after the month of death",
        saying(national_id=identity(death="2026-03-31"), pension=fund(5)),
        "held",
        "held",
    ),
    (
        "paid in the month of death",
        saying(national_id=identity(death="2026-03-01"), pension=fund(6)),
        "deceased",
        "deceased",
    ),
    ("dead, never paid", saying(national_id=identity(death="2026-03-01"), pension=fund(None)), "deceased", "deceased"),
    # 4 age
    ("too old by all", born("1966-10-31"), "age", "age"),
    ("59 for one more day", born("1966-11-01"), "listed", "labour_ready"),
    ("18 today", born("2008-10-31"), "listed", "labour_ready"),
    ("18 tomorrow", born("2008-11-01"), "age", "age"),
    (
        "an unconfirmed person's date counts nothing",
        saying(national_id=answered(DAY, confirmed=False, birth_date="1950-01-01")),
        "to_verify",
        "identity_unconfirmed labour_ready",
    ),
    # 5 to 8
    ("old-age pension", saying(pension=fund(pension=True)), "pensioner", "pensioner"),
    ("no capacity", replace(LISTED, certificate=certificate("no_capacity")), "no_capacity", "no_capacity"),
    ("partial capacity", replace(LISTED, certificate=certificate("partial_capacity")), "listed", "labour_ready"),
    (
        "an expired certificate",
        replace(LISTED, certificate=certificate("no_capacity", date(2026, 10, 30))),
        "listed",
        "labour_ready",
    ),
    ("full-time student", saying(education=school(student=True)), "student", "student"),
    ("enrolled", saying(ess=answered(DAY, enrolled=True)), "already_enrolled", "already_enrolled"),
    ("public works", replace(LISTED, public_works=True), "already_enrolled", "already_enrolled"),
    ("unknown to ESS", saying(ess=UNKNOWN), "listed", "labour_ready"),
    # 9 to 11 work
    ("contributes", saying(pension=fund(0, active=True)), "active", "pension_active"),
    ("has pay", saying(tax=office(paid=True)), "active", "tax_active"),
    ("has a business", saying(tax=office(self_employed=True)), "active", "self_employed"),
    (
        "works by all",
        saying(tax=office(paid=True, self_employed=True), pension=fund(0, active=True)),
        "active",
        "pension_active self_employed tax_active",
    ),
    (
        "works, and tax is missing",
        saying(tax=Said("no_link"), pension=fund(0, active=True)),
        "active",
        "pension_active",
    ),
    ("works, and the fund is down", saying(tax=office(paid=True), pension=Said("source_down")), "active", "tax_active"),
    ("the fund has nothing in the period", saying(pension=Said("no_data", {}, CLOSED)), "listed", "labour_ready"),
    ("no fund member", saying(pension=UNKNOWN), "listed", "labour_ready"),
    (
        "never contributed",
        replace(saying(pension=UNKNOWN), tax_number="none"),
        "listed",
        "labour_ready never_contributed",
    ),
    ("the fund cannot tell", saying(pension=AMBIGUOUS), "to_verify", "ambiguous_match labour_ready"),
    ("tax number unknown", replace(LISTED, tax_number="unknown"), "to_verify", "ambiguous_match labour_ready"),
    ("tax number matches nobody", saying(tax=UNKNOWN), "to_verify", "ambiguous_match labour_ready"),
    ("tax number matches badly", saying(tax=AMBIGUOUS), "to_verify", "ambiguous_match labour_ready"),
    (
        "an open job without pay",
        saying(tax=office(unpaid_job=True)),
        "to_verify",
        "employment_without_pay labour_ready",
    ),
    (
        "declared to have no tax number: not asked, so not missed",
        replace(saying(tax=Said("no_link")), tax_number="none"),
        "listed",
        "labour_ready",
    ),
    # 12 readiness
    ("level two", saying(education=school(2)), "listed", "needs_training"),
    ("no level", saying(education=school(None)), "listed", "needs_training"),
    ("level two with a technical qualification", saying(education=school(2, technical=True)), "listed", "labour_ready"),
    ("no learner number", replace(LISTED, learner_number="none"), "listed", "assess_at_outreach"),
    ("no record of the learner", saying(education=UNKNOWN), "listed", "assess_at_outreach"),
    ("a learner without anything", saying(education=Said("no_data", {}, CLOSED)), "listed", "assess_at_outreach"),
    (
        "education is down",
        saying(education=Said("source_down")),
        "to_verify",
        "assess_at_outreach source_down_education",
    ),
    # 13 basis
    ("no consent for the push", replace(LISTED, may_be_pushed=False), "listed", "labour_ready no_basis_for_push"),
    (
        "a part of the answer withheld",
        saying(pension=replace(fund(), complete=False)),
        "to_verify",
        "labour_ready refused_pension",
    ),
]


@pytest.mark.parametrize(("facts", "outcome", "reasons"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_row_has_its_outcome_and_its_reasons(facts: Facts, outcome: str, reasons: str) -> None:
    found = judged(facts, DAY)
    assert (found.outcome, " ".join(found.reasons)) == (outcome, reasons)


@pytest.mark.parametrize("source", [NATIONAL_ID, CIVIL, PENSION, TAX, EDUCATION, ESS])
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("no_link", "no_link"),
        ("source_down", "source_down"),
        ("our_error", "source_down"),
        ("unknown", "source_down"),
        ("a code of tomorrow", "source_down"),
        ("source_stale", "source_stale"),
        ("refused_by_rules", "refused"),
        ("refused_by_source", "refused"),
        ("not_available", "refused"),
    ],
)
def test_an_unavailable_source_is_told_apart_and_verified(source: str, code: str, reason: str) -> None:
    found = judged(saying(**{source: Said(code)}), DAY)
    assert found.outcome == "to_verify"
    assert f"{reason}_{source}" in found.reasons
    assert found.verify == (source,)


def test_a_source_that_was_never_asked_counts_as_down() -> None:
    facts = replace(LISTED, said={name: said for name, said in SAID.items() if name != PENSION})
    assert "source_down_pension" in judged(facts, DAY).reasons


def test_an_answer_older_than_two_months_is_stale_and_no_evidence() -> None:
    old = replace(fund(0, active=True, closed="2026-07"), as_of=date(2026, 7, 31))
    assert judged(saying(pension=old), DAY).reasons == ("labour_ready", "source_stale_pension")
    assert judged(saying(pension=replace(old, as_of=date(2026, 8, 31))), DAY).outcome == "active"


def test_what_was_released_counts_although_a_part_was_withheld() -> None:
    dead = replace(identity(death="2026-03-01"), complete=False)
    assert judged(saying(national_id=dead), DAY).outcome == "deceased"


def test_the_first_outcome_that_applies_wins() -> None:
    everything = replace(
        LISTED,
        birth_date=date(1950, 1, 1),
        duplicate=True,
        certificate=certificate("no_capacity"),
        public_works=True,
        said={
            NATIONAL_ID: identity("1950-01-01", "2026-03-01"),
            CIVIL: vital("1950-01-01", "2026-03-01", "name_and_date"),
            PENSION: fund(0, active=True, pension=True),
            TAX: office(paid=True),
            EDUCATION: school(student=True),
            ESS: answered(DAY, enrolled=True),
        },
    )
    cures: list[dict[str, Any]] = [
        {"duplicate": False},
        {"said": {CIVIL: vital("1950-01-01"), NATIONAL_ID: identity("1950-01-01", "2026-09-30")}},
        {"said": {NATIONAL_ID: identity("1950-01-01")}},
        {"birth_date": date(1990, 5, 5), "said": {NATIONAL_ID: identity(), CIVIL: vital()}},
        {"said": {PENSION: fund(0, active=True)}},
        {"certificate": None},
        {"said": {EDUCATION: school()}},
        {"public_works": False, "said": {ESS: answered(DAY, enrolled=False)}},
        {"tax_number": "unknown", "said": {PENSION: fund()}},
        {"tax_number": "none"},
    ]
    facts, seen = everything, [judged(everything, DAY).outcome]
    for cure in cures:
        said = {**facts.said, **cure.pop("said", {})}
        facts = replace(facts, said=said, **cure)
        seen.append(judged(facts, DAY).outcome)
    assert tuple(seen) == OUTCOMES


def test_nobody_else_is_asked_about_a_person_whose_outcome_is_certain() -> None:
    asked = {name: SAID[name] for name in (NATIONAL_ID, CIVIL, PENSION, TAX)}
    assert not settled(replace(LISTED, said=asked), DAY)
    assert settled(replace(LISTED, said={**asked, PENSION: fund(pension=True)}), DAY)
    assert not settled(replace(LISTED, said={**asked, PENSION: fund(active=True)}), DAY)  # might be a student first


def test_thresholds_are_settings() -> None:
    assert judged(LISTED, DAY, Limits(youngest=40)).outcome == "age"
    assert "needs_training" in judged(LISTED, DAY, Limits(ready_level=4)).reasons


def test_of_two_records_of_one_person_the_lower_id_carries() -> None:
    old, new = "901234567V", "199012304567"
    assert normal(old) == new == normal(new)
    people = [("SR2", normal(old)), ("SR1", normal(new)), ("SR3", "200012304567")]
    assert duplicates(iter(people)) == {"SR2"}
