"""Planted in what somebody lives on or does: tax, pension fund, education, programmes."""

from dataclasses import replace
from datetime import date

from ...months import closed_tax_year, day_in, month_text
from ...person import (
    Enrolment,
    EssRecord,
    PensionInPayment,
    Person,
    SelfEmployment,
)
from .. import scene as on
from ..people import with_pension, with_tax
from ..scene import Scene
from ..work import EMPLOYERS, contribution

# Tax.


def tax_number_unknown(whom: Person, _scene: Scene) -> Person:
    return on.registered(whom, replace(whom.registrations[0], tin=None, tin_state="unknown"))


def tax_number_declared_none(whom: Person, _scene: Scene) -> Person:
    return on.registered(replace(whom, tax=None), replace(whom.registrations[0], tin=None, tin_state="none"))


def open_job_without_pay(whom: Person, scene: Scene) -> Person:
    return on.taxed(whom, scene, scene.closed - 24, scene.closed - 9, open_job=True)


def paid_just_before_window(whom: Person, scene: Scene) -> Person:
    paid = on.contributing(whom, scene, scene.closed - 20, scene.closed - 6)
    return on.taxed(paid, scene, scene.closed - 20, scene.closed - 6, open_job=False)


def paid_in_first_month_of_window(whom: Person, scene: Scene) -> Person:
    return on.taxed(whom, scene, scene.closed - 20, scene.closed - 5, open_job=False)


def self_employed(whom: Person, scene: Scene) -> Person:
    return on.working(_business(whom, scene, end=None, turnover=90_000_000))


def self_employment_closed(whom: Person, scene: Scene) -> Person:
    return _business(whom, scene, end=scene.months_ago(4), turnover=90_000_000)


def self_employment_without_turnover(whom: Person, scene: Scene) -> Person:
    return _business(whom, scene, end=None, turnover=0)


# Pension fund.


def fund_answer_stale(whom: Person, scene: Scene) -> Person:
    last = scene.closed - 4
    paid = on.contributing(whom, scene, last - 9, last)
    assert paid.pension
    return replace(paid, pension=replace(paid.pension, closed_month=month_text(last)))


def reversals_net_to_zero(whom: Person, scene: Scene) -> Person:
    employer = EMPLOYERS[whom.index % len(EMPLOYERS)]
    months = range(scene.closed - 5, scene.closed + 1)
    lines = tuple(contribution(month, wage, employer) for month in months for wage in (on.WAGE, -on.WAGE))
    paid = with_pension(whom, month_text(scene.closed))
    return replace(whom, pension=replace(paid, contributions=lines))


def never_contributed(whom: Person, scene: Scene) -> Person:
    return tax_number_declared_none(replace(whom, pension=None), scene)


def survivor_pension(whom: Person, scene: Scene) -> Person:
    return _drawing(whom, scene, "survivor", start=30, end=None)


def lump_sum(whom: Person, scene: Scene) -> Person:
    return _drawing(whom, scene, "lump_sum", start=5, end=5)


def old_age_pension(whom: Person, scene: Scene) -> Person:
    drawn = _drawing(whom, scene, "old_age", start=14, end=None)
    return replace(drawn, world=replace(drawn.world, pensioner=True))


def old_age_pension_ended(whom: Person, scene: Scene) -> Person:
    return _drawing(whom, scene, "old_age", start=40, end=1)


# Education.


def learner_number_unknown(whom: Person, _scene: Scene) -> Person:
    return on.registered(whom, replace(whom.registrations[0], learner_number=None, learner_state="unknown"))


def learner_number_declared_none(whom: Person, _scene: Scene) -> Person:
    return on.registered(whom, replace(whom.registrations[0], learner_number=None, learner_state="none"))


def no_record_for_learner(whom: Person, _scene: Scene) -> Person:
    return replace(whom, education=None)


def full_time_student(whom: Person, scene: Scene) -> Person:
    student = _enrolled(whom, scene, "full_time")
    return replace(student, world=replace(student.world, studying=True))


def part_time_student(whom: Person, scene: Scene) -> Person:
    return _enrolled(whom, scene, "part_time")


def distance_student(whom: Person, scene: Scene) -> Person:
    return _enrolled(whom, scene, "distance")


# Programmes.


def active_in_ess(whom: Person, scene: Scene) -> Person:
    enrolled = replace(whom, ess=EssRecord("Active", scene.months_ago(8)))
    return replace(enrolled, world=replace(enrolled.world, enrolled=True))


def inactive_in_ess(whom: Person, scene: Scene) -> Person:
    return replace(whom, ess=EssRecord("Inactive", scene.months_ago(30)))


def in_public_works(whom: Person, _scene: Scene) -> Person:
    enrolled = on.registered(whom, replace(whom.registrations[0], public_works=True))
    return replace(enrolled, world=replace(enrolled.world, enrolled=True))


def _business(whom: Person, scene: Scene, *, end: date | None, turnover: int) -> Person:
    start = day_in(scene.closed - 40, 1)
    business = SelfEmployment(closed_tax_year(scene.day), start, end, turnover)
    record = replace(with_tax(whom, scene.numbers), employments=(), self_employments=(business,))
    return on.knows_tin(replace(whom, tax=record))


def _drawing(whom: Person, scene: Scene, kind: str, *, start: int, end: int | None) -> Person:
    now = scene.closed + 1
    last = None if end is None else month_text(now - end)
    pension = PensionInPayment(kind, month_text(now - start), last, 2_400_000)
    return replace(whom, pension=replace(with_pension(whom, month_text(scene.closed)), pensions=(pension,)))


def _enrolled(whom: Person, scene: Scene, mode: str) -> Person:
    assert whom.education
    course = Enrolment(4, mode, day_in(scene.closed - 8, 1), None)
    return replace(whom, education=replace(whom.education, enrolments=(*whom.education.enrolments, course)))
