"""Register truth, row by row of the rule page, over one hand-made person whom the rule lists as labour-ready."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from sandbox import nic
from sandbox.person import (
    CapacityCertificate,
    CivilRecord,
    ConsentGiven,
    Contribution,
    EducationRecord,
    Enrolment,
    EssRecord,
    NationalIdRecord,
    PensionInPayment,
    PensionRecord,
    Person,
    Qualification,
    SelfEmployment,
    Spelling,
    SrRecord,
    TaxEmployment,
    TaxRecord,
    World,
)
from sandbox.truth import Line, truth
from sandbox.world import Registers

T = date(2026, 10, 31)  # windows: contributions and pay from 2026-04 to 2026-09; closed tax year 2025-26
BORN = date(1990, 3, 1)
NIC = "199006101234"
NAMES = (Spelling("eng", "Latn", "Nimal", "Perera"), Spelling("sin", "Sinh", "නිමල්", "පෙරේරා"))
OTHER_NAMES = (Spelling("eng", "Latn", "Kamal", "Perera"), Spelling("sin", "Sinh", "කමල්", "පෙරේරා"))
CHECKS = (
    "national_id.identity",
    "civil_registration.vital_events",
    "tax.employment",
    "pension.contributions",
    "education.attainment",
    "ess.enrolment",
)
CONSENTS = (
    ConsentGiven(("employment-support.eligibility",), CHECKS),
    ConsentGiven(("employment-support.referral",), ("ess.referral",)),
)
RECORD = SrRecord(
    member_id="SR000000100",
    household_id="HH0000001",
    head=True,
    nic=NIC,
    names=NAMES,
    sex="male",
    birth_date=BORN,
    employment_status=2,
    language="sin",
    phone=None,
    gn_division="LK-1103005",
    tin="AB123456C",
    tin_state="held",
    learner_number="10000000001",
    learner_state="held",
    consents=CONSENTS,
)
JOB = TaxEmployment(date(2020, 1, 1), date(2024, 5, 28), "Nil Oya Stores", "100/SL1", ((date(2024, 5, 25), 100),))
UPPER = Enrolment(3, "full_time", date(2006, 1, 1), date(2007, 12, 10), "completed")
PERSON = Person(
    index=1,
    household="HH0000001",
    nic=NIC,
    names=NAMES,
    sex="male",
    birth_date=BORN,
    gn_division="LK-1103005",
    ds_division="LK-1103",
    district="LK-11",
    world=World(working=False),
    national_id=NationalIdRecord(NIC, BORN, NAMES, "male"),
    civil=CivilRecord("B-1", NIC, BORN, NAMES, "male", "LK-11"),
    tax=TaxRecord("AB123456C", "Nimal", "Perera", BORN, (JOB,)),
    pension=PensionRecord(NIC, "000001", "PERERA", "N", "2026-09", ()),
    education=EducationRecord("10000000001", (UPPER,)),
    registrations=(RECORD,),
)


def lines(*people: Person, without: Sequence[str] = ()) -> list[Line]:
    registers = Registers(1, 0, T, lambda _: iter(people))
    return truth(registers, T, frozenset(without))


def verdict(person: Person, without: Sequence[str] = ()) -> tuple[str, list[str]]:
    (line,) = lines(person, without=without)
    return line["outcome"], line["reasons"]


def changed(**records: object) -> Person:
    """The person with changed parts of records: `tax={...}`; a record itself (or none) replaces the old one."""
    parts: dict[str, Any] = {}
    for name, change in records.items():
        if name == "record":
            assert isinstance(change, dict)
            parts["registrations"] = (replace(RECORD, **change),)
        elif isinstance(change, dict):
            parts[name] = replace(getattr(PERSON, name), **change)
        else:
            parts[name] = change
    return replace(PERSON, **parts)


def paid(*months: tuple[str, int]) -> dict[str, object]:
    lines = tuple(Contribution(month, cents, cents, 0, cents, "B", "000001") for month, cents in months)
    return {"contributions": lines}


def job(end: date | None, *payments: tuple[date, int]) -> dict[str, object]:
    return {"employments": (replace(JOB, end=end, payments=payments),)}


def business(tax_year: str = "2025-26", end: date | None = None, turnover: int = 5_000_000) -> dict[str, object]:
    return {"self_employments": (SelfEmployment(tax_year, date(2020, 1, 1), end, turnover),)}


def pension(kind: str, start: str, end: str | None) -> dict[str, object]:
    return {"pensions": (PensionInPayment(kind, start, end, 100),)}


def course(mode: str, end: date | None) -> dict[str, object]:
    return {"enrolments": (UPPER, Enrolment(6, mode, date(2025, 1, 1), end))}


def certificate(finding: str, until: date) -> dict[str, object]:
    return {"disabled": True, "certificate": CapacityCertificate(finding, date(2025, 1, 1), until)}


def without_service(service: str) -> dict[str, object]:
    kept = (replace(each, services=tuple(name for name in each.services if name != service)) for each in CONSENTS)
    return {"consents": tuple(kept)}


READY = ["labour_ready"]
DEATH = date(2026, 5, 10)

ROWS: dict[str, tuple[Person, str, list[str]]] = {
    "the person as made": (PERSON, "listed", READY),
    # 2 identity
    "unknown to national ID": (changed(national_id=None), "to_verify", ["identity_unconfirmed", *READY]),
    "another name": (changed(national_id={"names": OTHER_NAMES}), "to_verify", ["identity_unconfirmed", *READY]),
    "one of two names differs": (
        changed(national_id={"names": (NAMES[0], OTHER_NAMES[1])}),
        "to_verify",
        ["identity_unconfirmed", *READY],
    ),
    "the name in capitals": (
        changed(record={"names": (Spelling("eng", "Latn", "NIMAL", " PERERA"),)}),
        "listed",
        READY,
    ),
    "deactivated": (changed(national_id={"deactivated": True}), "to_verify", ["labour_ready", "refused_national_id"]),
    "deactivated after death": (
        changed(national_id={"deactivated": True, "death_date": DEATH}),
        "deceased",
        ["deceased"],
    ),
    "no birth registered": (changed(civil=None), "listed", READY),
    # 3 death
    "death in national ID": (changed(national_id={"death_date": DEATH}), "deceased", ["deceased"]),
    "death of somebody national ID does not confirm": (
        changed(national_id={"death_date": DEATH, "names": OTHER_NAMES}),
        "to_verify",
        ["identity_unconfirmed", *READY],
    ),
    "death in civil registration": (changed(civil={"death_date": DEATH}), "deceased", ["deceased"]),
    "death by name and date": (
        changed(civil={"death_date": DEATH, "death_has_nic": False}),
        "held",
        ["held"],
    ),
    "death of a namesake born on another day": (
        changed(civil={"death_date": DEATH, "death_has_nic": False, "birth_date": date(1990, 3, 2)}),
        "listed",
        READY,
    ),
    "contribution after death": (
        changed(civil={"death_date": DEATH}, pension=paid(("2026-06", 100))),
        "held",
        ["held"],
    ),
    "contribution after death, reversed": (
        changed(civil={"death_date": DEATH}, pension=paid(("2026-06", 100), ("2026-06", -100))),
        "deceased",
        ["deceased"],
    ),
    "contribution for the month of death": (
        changed(civil={"death_date": DEATH}, pension=paid(("2026-05", 100))),
        "deceased",
        ["deceased"],
    ),
    "death after the list date": (changed(civil={"death_date": date(2026, 11, 1)}), "listed", READY),
    # 4 age
    "birth dates disagree across a bound": (
        changed(record={"birth_date": date(1960, 3, 1), "tin": None, "tin_state": "none"}),
        "to_verify",
        ["birth_date_conflict", *READY],
    ),
    "only civil registration puts the person outside": (
        changed(civil={"birth_date": date(1960, 3, 1)}),
        "to_verify",
        ["birth_date_conflict", *READY],
    ),
    # 5 pensioner
    "old-age pension": (changed(pension=pension("old_age", "2026-10", None)), "pensioner", ["pensioner"]),
    "old-age pension ends in the list date's month": (
        changed(pension=pension("old_age", "2020-01", "2026-10")),
        "pensioner",
        ["pensioner"],
    ),
    "old-age pension ended before": (changed(pension=pension("old_age", "2020-01", "2026-09")), "listed", READY),
    "old-age pension begins after": (changed(pension=pension("old_age", "2026-11", None)), "listed", READY),
    "survivor pension": (changed(pension=pension("survivor", "2020-01", None)), "listed", READY),
    "lump sum": (changed(pension=pension("lump_sum", "2026-10", "2026-10")), "listed", READY),
    # 6 capacity
    "disabled, no certificate": (changed(record={"disabled": True}), "listed", READY),
    "no work capacity": (changed(record=certificate("no_capacity", T)), "no_capacity", ["no_capacity"]),
    "certificate expired": (changed(record=certificate("no_capacity", date(2026, 10, 30))), "listed", READY),
    "partial capacity": (changed(record=certificate("partial_capacity", T)), "listed", READY),
    # 7 student
    "full-time course": (changed(education=course("full_time", None)), "student", ["student"]),
    "full-time course ends later": (changed(education=course("full_time", date(2026, 11, 1))), "student", ["student"]),
    "full-time course ended": (changed(education=course("full_time", T)), "listed", READY),
    "part-time course": (changed(education=course("part_time", None)), "listed", READY),
    "distance course": (changed(education=course("distance", None)), "listed", READY),
    # 8 already enrolled
    "active in ESS": (changed(ess=EssRecord("Active", T)), "already_enrolled", ["already_enrolled"]),
    "inactive in ESS": (changed(ess=EssRecord("Inactive", T)), "listed", READY),
    "in public works": (changed(record={"public_works": True}), "already_enrolled", ["already_enrolled"]),
    # 9 pension fund
    "contribution in the first month of the window": (
        changed(pension=paid(("2026-04", 100))),
        "active",
        ["pension_active"],
    ),
    "contribution just before the window": (changed(pension=paid(("2026-03", 100))), "listed", READY),
    "reversals net to zero": (changed(pension=paid(("2026-08", 100), ("2026-08", -100))), "listed", READY),
    "the fund holds the old number": (
        changed(pension={"nic": nic.old_form(NIC), **paid(("2026-08", 100))}),
        "active",
        ["pension_active"],
    ),
    "SR holds the old number": (
        changed(record={"nic": nic.old_form(NIC)}, pension=paid(("2026-08", 100))),
        "active",
        ["pension_active"],
    ),
    "closed two months before is not stale": (
        changed(pension={"closed_month": "2026-08", **paid(("2026-03", 100))}),
        "active",
        ["pension_active"],
    ),
    "stale, whatever is inside": (
        changed(pension={"closed_month": "2026-07", **paid(("2026-07", 100)), **pension("old_age", "2020-01", None)}),
        "to_verify",
        ["labour_ready", "source_stale_pension"],
    ),
    # 10 tax
    "pay in the window": (changed(tax=job(None, (date(2026, 4, 25), 100))), "active", ["tax_active"]),
    "pay in the list date's month": (changed(tax=job(T, (date(2026, 10, 25), 100))), "listed", READY),
    "open job without pay": (
        changed(tax=job(None, (date(2026, 3, 25), 100))),
        "to_verify",
        ["employment_without_pay", *READY],
    ),
    "self-employed": (changed(tax=business()), "active", ["self_employed"]),
    "self-employment ended": (changed(tax=business(end=T)), "listed", READY),
    "self-employment without turnover": (changed(tax=business(turnover=0)), "listed", READY),
    "self-employed the year before": (changed(tax=business(tax_year="2024-25")), "listed", READY),
    "tax number unknown": (
        changed(record={"tin": None, "tin_state": "unknown"}),
        "to_verify",
        ["ambiguous_match", *READY],
    ),
    "tax number declared none": (changed(record={"tin": None, "tin_state": "none"}), "listed", READY),
    "tax number of nobody": (changed(tax=None), "to_verify", ["ambiguous_match", *READY]),
    "first letter differs": (changed(tax={"first_name": "Amal"}), "to_verify", ["ambiguous_match", *READY]),
    "third letter of the last name differs": (
        changed(tax={"last_name": "Peiris"}),
        "to_verify",
        ["ambiguous_match", *READY],
    ),
    "only later letters differ": (changed(tax={"first_name": "nihal", "last_name": "PERE"}), "listed", READY),
    "birth date differs": (changed(tax={"birth_date": date(1990, 3, 2)}), "to_verify", ["ambiguous_match", *READY]),
    # 11 combine
    "both active": (
        changed(pension=paid(("2026-08", 100)), tax={**job(None, (date(2026, 9, 25), 100)), **business()}),
        "active",
        ["pension_active", "self_employed", "tax_active"],
    ),
    "active beats every doubt": (
        changed(pension=paid(("2026-08", 100)), tax=None, national_id=None),
        "active",
        ["pension_active"],
    ),
    "known to neither": (
        changed(pension=None, record={"tin": None, "tin_state": "none"}),
        "listed",
        ["labour_ready", "never_contributed"],
    ),
    "no fund member, tax unknown": (
        changed(pension=None, record={"tin": None, "tin_state": "unknown"}),
        "to_verify",
        ["ambiguous_match", *READY],
    ),
    # 12 readiness
    "lower secondary": (
        changed(education={"enrolments": (replace(UPPER, level=2),)}),
        "listed",
        ["needs_training"],
    ),
    "upper secondary, left": (
        changed(education={"enrolments": (replace(UPPER, end_reason="left"),)}),
        "listed",
        ["needs_training"],
    ),
    "technical qualification": (
        changed(education=EducationRecord("10000000001", (), (Qualification(2, technical=True, awarded=BORN),))),
        "listed",
        READY,
    ),
    "no record": (changed(education=None), "listed", ["assess_at_outreach"]),
    "learner number unknown": (
        changed(record={"learner_number": None, "learner_state": "unknown"}),
        "listed",
        ["assess_at_outreach"],
    ),
    # 13 basis
    "no consent to tax": (
        changed(record=without_service("tax.employment")),
        "to_verify",
        ["labour_ready", "refused_tax"],
    ),
    "no consent to education": (
        changed(record=without_service("education.attainment")),
        "to_verify",
        ["assess_at_outreach", "refused_education"],
    ),
    "no consent to ESS": (
        changed(record=without_service("ess.enrolment")),
        "to_verify",
        ["labour_ready", "refused_ess"],
    ),
    "no consent to the referral": (
        changed(record=without_service("ess.referral")),
        "listed",
        ["labour_ready", "no_basis_for_push"],
    ),
    "no consent at all": (
        changed(record={"consents": ()}),
        "to_verify",
        [
            "assess_at_outreach",
            "no_basis_for_push",
            "refused_civil_registration",
            "refused_education",
            "refused_ess",
            "refused_national_id",
            "refused_pension",
            "refused_tax",
        ],
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_the_rule_row_by_row(row: str) -> None:
    person, outcome, reasons = ROWS[row]
    assert verdict(person) == (outcome, reasons)


@pytest.mark.parametrize(
    ("born", "outcome"),
    [
        (date(2008, 10, 31), "listed"),
        (date(2008, 11, 1), "age"),
        (date(1966, 11, 1), "listed"),
        (date(1966, 10, 31), "age"),
    ],
)
def test_age_is_18_to_59_completed_years(born: date, outcome: str) -> None:
    records = {name: {"birth_date": born} for name in ("national_id", "civil", "tax", "record")}
    assert verdict(changed(**records))[0] == outcome


ORDER: list[tuple[str, dict[str, dict[str, object]]]] = [
    ("held", {"civil": {"death_date": DEATH, "death_has_nic": False}}),
    ("deceased", {"national_id": {"death_date": date(2026, 9, 10)}}),
    ("age", {name: {"birth_date": date(1950, 1, 1)} for name in ("national_id", "civil", "record", "tax")}),
    ("pensioner", {"pension": pension("old_age", "2020-01", None)}),
    ("no_capacity", {"record": certificate("no_capacity", T)}),
    ("student", {"education": course("full_time", None)}),
    ("already_enrolled", {"record": {"public_works": True}}),
    ("active", {"pension": paid(("2026-08", 100))}),
    ("to_verify", {"record": {"tin": None, "tin_state": "unknown"}}),
]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_first_outcome_that_applies_wins(first: int) -> None:
    parts: dict[str, dict[str, object]] = {}
    for _, change in ORDER[first:]:
        for name, part in change.items():
            parts[name] = {**parts.get(name, {}), **part}
    assert verdict(changed(**parts))[0] == ORDER[first][0]


@pytest.mark.parametrize(
    ("source", "reasons"),
    [
        ("national_id", ["labour_ready", "no_link_national_id"]),
        ("civil_registration", ["labour_ready", "no_link_civil_registration"]),
        ("tax", ["labour_ready", "no_link_tax"]),
        ("pension", ["labour_ready", "no_link_pension"]),
        ("education", ["assess_at_outreach", "no_link_education"]),
        ("ess", ["labour_ready", "no_link_ess"]),
    ],
)
def test_a_source_that_is_not_linked_is_a_reason_to_verify(source: str, reasons: list[str]) -> None:
    assert verdict(PERSON, without=[source]) == ("to_verify", reasons)


def test_messages_have_no_part_in_the_rule() -> None:
    assert verdict(PERSON, without=["messaging"]) == ("listed", READY)


@pytest.mark.parametrize(
    ("person", "source", "expected"),
    [
        (changed(record={"tin": None, "tin_state": "none"}), "tax", ("listed", READY)),
        (changed(record={"tin": None, "tin_state": "unknown"}), "tax", ("to_verify", ["ambiguous_match", *READY])),
        (
            changed(record={"learner_number": None, "learner_state": "none"}),
            "education",
            ("listed", ["assess_at_outreach"]),
        ),
        (changed(national_id={"death_date": DEATH}), "pension", ("deceased", ["deceased"])),
        (changed(pension=paid(("2026-08", 100))), "tax", ("active", ["pension_active"])),
        (changed(national_id=None), "national_id", ("to_verify", ["labour_ready", "no_link_national_id"])),
        (changed(record={"public_works": True}), "ess", ("already_enrolled", ["already_enrolled"])),
    ],
)
def test_what_needs_no_call_needs_no_link(person: Person, source: str, expected: tuple[str, list[str]]) -> None:
    assert verdict(person, without=[source]) == expected


def test_a_second_record_of_a_person_is_a_duplicate_of_the_lower_id() -> None:
    again = replace(RECORD, member_id="SR000000020", nic=nic.old_form(NIC))
    found = lines(replace(PERSON, registrations=(RECORD, again)))
    assert found == [
        {"id": "SR000000020", "outcome": "listed", "reasons": READY},
        {"id": "SR000000100", "outcome": "duplicate", "reasons": ["duplicate"]},
    ]


def test_a_record_that_is_not_flagged_has_no_line_and_carries_nobody() -> None:
    employed = replace(RECORD, member_id="SR000000020", employment_status=1)
    found = lines(replace(PERSON, registrations=(RECORD, employed)))
    assert [line["id"] for line in found] == ["SR000000100"]


def test_a_look_alike_s_death_counts_only_without_a_number_of_its_own() -> None:
    def look_alike(*, numbered: bool) -> Person:
        civil = CivilRecord("B-2", "199006109999", BORN, NAMES, "male", "LK-11", DEATH, "D-2", death_has_nic=numbered)
        return replace(
            PERSON,
            index=2,
            nic="199006109999",
            civil=civil,
            registrations=(),
            national_id=None,
            tax=None,
            pension=None,
            education=None,
        )

    assert [line["outcome"] for line in lines(PERSON, look_alike(numbered=True))] == ["listed"]
    assert [line["outcome"] for line in lines(PERSON, look_alike(numbered=False))] == ["held"]
