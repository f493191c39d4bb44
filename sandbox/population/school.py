"""What the education registry has written down: enrolments and qualifications by ISCED 2011 level.

Primary is level 1, secondary level 2, ordinary and advanced level 3, a degree level 6; a vocational certificate is
level 4 and technical. The school year is the calendar year.
"""

from datetime import date
from random import Random

from ..person import EducationRecord, Enrolment, Qualification
from .households import Outline

# Level, age at the start and at the end, by what the census says somebody has attained.
PRIMARY, SECONDARY, ORDINARY = (1, 6, 10), (2, 11, 15), (3, 16, 17)
ADVANCED, DEGREE = (3, 18, 19), (6, 20, 23)
STAGES = {
    "no_schooling": (),
    "primary": (PRIMARY,),
    "secondary": (PRIMARY, SECONDARY),
    "gce_ordinary_level": (PRIMARY, SECONDARY, ORDINARY),
    "gce_advanced_level": (PRIMARY, SECONDARY, ORDINARY, ADVANCED),
    "degree_and_above": (PRIMARY, SECONDARY, ORDINARY, ADVANCED, DEGREE),
}
KNOWN = ((40, 0.92), (56, 0.45), (200, 0.05))  # share with a learner number, below this age
STUDENTS = 0.45  # of 19 to 24 with an advanced level and out of the labour force
TECHNICAL = 0.10  # of 19 to 49 with secondary or more, but no degree
LEFT_EARLY = 0.5  # of those with secondary: began the ordinary level and left


def studies(outline: Outline, random: Random) -> bool:
    """Whether somebody is in full-time education."""
    if 5 <= outline.age < 16:
        return True
    if outline.age < 19:
        return outline.activity == "economically_not_active"
    draw = random.random() < STUDENTS
    free = outline.activity == "economically_not_active" and outline.schooling == "gce_advanced_level"
    return draw and free and outline.age < 25


def education_record(
    outline: Outline, learner: str, day: date, random: Random, *, studying: bool, plain: bool
) -> EducationRecord | None:
    """What the education registry holds; always something about plain people."""
    known = random.random() < next(share for below, share in KNOWN if outline.age < below)
    if not outline.schooling or not (known or plain):
        return None
    done = [_completed(stage, outline.birth_date.year, day) for stage in STAGES[outline.schooling]]
    enrolments = [enrolment for enrolment in done if enrolment] or [_left(1, outline.birth_date.year + 6)]
    if studying:
        enrolments = [*(each for each in enrolments if each.end and each.end < day), _open(outline, day)]
    elif outline.schooling == "secondary" and outline.age > 18 and random.random() < LEFT_EARLY:
        enrolments.append(_left(3, outline.birth_date.year + 16))
    return EducationRecord(learner, tuple(enrolments), _qualifications(outline, day, random))


def _completed(stage: tuple[int, int, int], born: int, day: date) -> Enrolment | None:
    level, start, end = stage
    if born + start >= day.year:
        return None
    last = date(min(born + end, day.year - 1), 12, 10)
    return Enrolment(level, "full_time", date(born + start, 1, 1), last, "completed")


def _left(level: int, year: int) -> Enrolment:
    return Enrolment(level, "full_time", date(year, 1, 1), date(year, 9, 1), "left")


def _open(outline: Outline, day: date) -> Enrolment:
    """The course somebody attends now. Whoever turns 6 only later this year began early, at 5.

    In January the new year's courses are not in the data yet: agencies have closed December.
    """
    born, latest = outline.birth_date.year, day.year - (day.month == 1)
    stages = (PRIMARY, SECONDARY, ORDINARY, ADVANCED, DEGREE)
    level, start, _ = next((stage for stage in stages if day.year - born <= stage[2]), DEGREE)
    return Enrolment(level, "full_time", date(min(born + start, latest), 1, 1), None)


def _qualifications(outline: Outline, day: date, random: Random) -> tuple[Qualification, ...]:
    technical = random.random() < TECHNICAL and 20 <= outline.age < 50
    awarded = date(outline.birth_date.year + 19, 8, 15)
    if technical and outline.schooling in {"secondary", "gce_ordinary_level", "gce_advanced_level"} and awarded < day:
        return (Qualification(4, technical=True, awarded=awarded),)
    if outline.schooling == "degree_and_above":
        return (
            Qualification(6, technical=False, awarded=date(min(outline.birth_date.year + 23, day.year - 1), 12, 20)),
        )
    return ()
