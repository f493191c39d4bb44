"""One person: the outline of a household member becomes what every register holds."""

from dataclasses import replace
from datetime import date
from random import Random

from ..months import month_of
from ..person import CivilRecord, EducationRecord, EssRecord, NationalIdRecord, PensionRecord, Person, TaxRecord, World
from .households import Outline
from .numbers import Numbers
from .registration import household_id, registration
from .school import education_record, studies
from .work import FORMER, NEVER, pension_record, tax_record, work

MONTHS_KEPT = {True: 24, False: 8}  # of pay and contributions, by whether the person is registered
CIVIL_KNOWN = ((1960, 0.80), (2100, 0.97))  # share with a registered birth, by year of birth
BIRTH_WITHOUT_NIC = 0.05
DEAD_OTHERS = 0.03  # of the people from 50 whom only agencies know
DEATH_WITHOUT_NIC = 0.2
ENROLLED = 0.02  # of the unemployed: already in employment support


def person(outline: Outline, numbers: Numbers, day: date, random: Random, *, plain: bool = False) -> Person:
    """What is so, and what each register holds.

    Plain people are registered, flagged, known to every register and without any sign of work: the ground
    on which a flaw shows as itself and nothing else.
    """
    closed, months = month_of(day) - 1, MONTHS_KEPT[outline.registered]
    studying = studies(outline, random) and not plain
    job = work(outline, closed, random, plain=plain or studying)
    tax = tax_record(outline, job, numbers.tin(outline.number), day, months)
    pension = pension_record(outline, job, closed, months, random=random, plain=plain)
    education = education_record(outline, numbers.learner(outline.number), day, random, studying=studying, plain=plain)
    dead = not outline.registered and outline.age >= 50 and random.random() < DEAD_OTHERS
    death = date.fromordinal(day.toordinal() - random.randrange(400, 4000)) if dead else None
    enrolled = not plain and outline.activity == "unemployed" and random.random() < ENROLLED
    record = None
    if outline.registered:
        record = registration(outline, numbers, tax, education, day=day, random=random, plain=plain)
    return replace(
        _bare(outline, death),
        world=World(
            working=job.kind not in {FORMER, NEVER} and not dead,
            alive=not dead,
            job_ready=ready(education),
            studying=studying,
            pensioner=drawing(pension),
            enrolled=enrolled,
            activity=outline.activity,
            schooling=outline.schooling,
        ),
        civil=_civil(outline, death, random, plain=plain),
        tax=None if dead else tax,
        pension=None if dead else pension,
        education=education,
        ess=EssRecord("Active", date(day.year - 1, 3, 1)) if enrolled else None,
        registrations=(record,) if record else (),
    )


def ready(education: EducationRecord | None) -> bool:
    """Upper secondary completed, or a technical qualification."""
    if education is None:
        return False
    levels = [each.level for each in education.enrolments if each.end_reason == "completed"]
    levels += [each.level for each in education.qualifications]
    return max(levels, default=0) >= 3 or any(each.technical for each in education.qualifications)


def drawing(pension: PensionRecord | None) -> bool:
    return pension is not None and any(each.kind == "old_age" and each.end is None for each in pension.pensions)


def with_tax(whom: Person, numbers: Numbers) -> TaxRecord:
    """The person's tax record, or an empty one for somebody who had none."""
    english = whom.names[0]
    return whom.tax or TaxRecord(numbers.tin(whom.index), english.given, english.family, whom.birth_date)


def with_pension(whom: Person, closed: str) -> PensionRecord:
    """The person's record at the fund, or an empty one for somebody who was no member; under the new NIC number."""
    english = whom.names[0]
    return whom.pension or PensionRecord(
        whom.nic, f"{whom.index % 1_000_000:06d}", english.family.upper(), english.given[0], closed
    )


def _bare(outline: Outline, death: date | None) -> Person:
    """Somebody whom only national ID knows."""
    return Person(
        index=outline.number,
        household=household_id(outline.household) if outline.registered else f"OT{outline.household:07d}",
        nic=outline.nic,
        names=outline.names,
        sex=outline.sex,
        birth_date=outline.birth_date,
        gn_division=outline.gn_division,
        ds_division=outline.division.code,
        district=outline.division.district,
        world=World(working=False),
        national_id=NationalIdRecord(outline.nic, outline.birth_date, outline.names, outline.sex, death),
    )


def _civil(outline: Outline, death: date | None, random: Random, *, plain: bool) -> CivilRecord | None:
    born = outline.birth_date.year
    known = random.random() < next(share for before, share in CIVIL_KNOWN if born < before)
    without_nic = random.random() < BIRTH_WITHOUT_NIC and not plain
    death_has_nic = random.random() >= DEATH_WITHOUT_NIC
    if not (known or plain):
        return None
    district = outline.division.district
    return CivilRecord(
        birth_registration=f"B-{district[3:]}-{born}-{outline.number:08d}",
        nic=None if without_nic else outline.nic,
        birth_date=outline.birth_date,
        names=outline.names,
        sex=outline.sex,
        birth_place=district,
        death_date=death,
        death_registration=death_registration(district, death, outline.number) if death else None,
        death_has_nic=death_has_nic and not without_nic,
    )


def death_registration(district: str, death: date, number: int) -> str:
    return f"D-{district[3:]}-{death.year}-{number:08d}"
