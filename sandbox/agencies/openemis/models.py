"""Learners as OpenEMIS has them: a user, and one row for each grade and academic period of a study."""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from sandbox.person import EducationRecord, Enrolment
from sandbox.strict_xml import SCHEMAS

_STATUSES: Final = json.loads((SCHEMAS / "codes/openemis-student-status.json").read_text("utf-8"))["codes"]
_CODES: Final = {each["means"]: each["code"] for each in _STATUSES[::-1]}  # the first row of a meaning is sent
_MODES: Final = ("full_time", "part_time", "distance")

USERS: Final = ("id", "openemis_no", "first_name", "last_name", "date_of_birth", "gender_id", "identity_number")
STUDENTS: Final = ("id", "student_id", "start_date", "end_date", "education_grade_id", "institution_id", "previous")
CONTAINED: Final = {  # model -> its columns; nothing of it is sent unless `_contain` reaches it
    "StudentStatuses": ("id", "code", "name"),
    "EducationGrades": ("id", "code", "name", "education_programme_id"),
    "EducationProgrammes": ("id", "code", "name", "education_cycle_id"),
    "EducationCycles": ("id", "name", "education_level_id"),
    "EducationLevels": ("id", "name", "education_level_isced_id"),
    "EducationLevelIsced": ("id", "name", "isced_level"),
}


def user(record: EducationRecord) -> dict[str, Any]:
    """Ids are the learner numbers themselves: the sandbox has no others."""
    number = record.learner_number
    told: dict[str, Any] = {"id": int(number), "openemis_no": number, "first_name": "A", "last_name": "Learner"}
    return told | {"date_of_birth": "2000-01-01", "gender_id": 1, "identity_number": None}


def rows(record: EducationRecord, today: date) -> Iterator[dict[str, Any]]:
    """Every row, with all models that can be contained."""
    at = 0
    for study in sorted(record.enrolments, key=lambda each: each.start):
        for start, end, means in _years(study, today):
            at += 1
            yield {
                "id": f"{record.learner_number}-{at}",
                "student_id": int(record.learner_number),
                "start_date": start.isoformat(),
                "end_date": end.isoformat(),
                "institution_id": 1,
                "previous": None,
                **_grade(study, start.year - study.start.year),
                "StudentStatuses": {"id": at, "code": _CODES[means], "name": _CODES[means].title()},
            }


def _years(study: Enrolment, today: date) -> Iterator[tuple[date, date, str]]:
    """Academic periods are calendar years. One that goes on ends, as planned, with its period."""
    last = (study.end or max(today, study.start)).year
    for year in range(study.start.year, last + 1):
        start = max(study.start, date(year, 1, 1))
        if year < last:
            yield start, date(year, 12, 31), "goes_on"
        elif study.end is None:
            yield start, date(year, 12, 31), "open"
        else:
            yield start, study.end, study.end_reason or "goes_on"


def _grade(study: Enrolment, year: int) -> Mapping[str, Any]:
    programme = study.level * 10 + _MODES.index(study.mode)
    return {
        "education_grade_id": programme * 100 + year,
        "EducationGrades": {
            "id": programme * 100 + year,
            "code": f"P{programme}-{year + 1}",
            "name": f"Year {year + 1}",
            "education_programme_id": programme,
        },
        "EducationProgrammes": {
            "id": programme,
            "code": f"P{programme}",
            "name": "",
            "education_cycle_id": study.level,
        },
        "EducationCycles": {"id": study.level, "name": "", "education_level_id": study.level},
        "EducationLevels": {"id": study.level, "name": "", "education_level_isced_id": study.level},
        "EducationLevelIsced": {"id": study.level, "name": f"ISCED {study.level}", "isced_level": study.level},
    }
