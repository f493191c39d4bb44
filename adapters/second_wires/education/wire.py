"""OpenEMIS's rows, and the studies they come to. Pure functions on JSON values.

A study is many rows: one for each grade and academic period. Source: `schemas/agency/openemis/`; meanings of
statuses and what is assumed in `schemas/codes/openemis-student-status.json`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlencode

import schemas
from adapters.kit.converters import ConverterError, date_iso
from adapters.kit.mapping import MappingError

API = "/api/restful/v2"
LEVELS = "EducationGrades.EducationProgrammes.EducationCycles.EducationLevels.EducationLevelIsced"
ROW = (
    *("student_id", "start_date", "end_date", "StudentStatuses.code"),
    *("EducationGrades.education_programme_id", "EducationLevelIsced.isced_level"),
)
_ENDS = {"completed", "left"}

Row = Mapping[str, Any]


def user_path(learner: str) -> str:
    """Who has this number. The interface searches by GET only, so the number is in the address."""
    return f"{API}/Users.json?{urlencode({'openemis_no': learner, '_fields': 'id,openemis_no', '_limit': 2})}"


def rows_path(user: int) -> str:
    """All rows of one student, under OpenEMIS's own id."""
    contained = f"StudentStatuses,{LEVELS}"
    query = {"student_id": user, "_contain": contained, "_fields": ",".join(ROW), "_limit": 0}
    return f"{API}/Institution-Students.json?{urlencode(query, safe=',.')}"


def used(row: Row) -> dict[str, object]:
    """No more of a row than a record is made of."""
    return {
        "start": row["start_date"],
        "end": row["end_date"],
        "status": row["StudentStatuses"]["code"],
        "programme": row["EducationGrades"]["education_programme_id"],
        "level": row["EducationLevelIsced"]["isced_level"],
    }


def studies(rows: Iterable[Row], start: str, end: str) -> list[dict[str, object]]:
    """Canonical enrolments that touch a period of days, oldest first, from rows as `used` leaves them.

    Raises:
        MappingError: a status that is in no table, a date or level that is none, or a completion without its day.
    """
    dated = [_dated(row, at) for at, row in enumerate(rows)]
    found = [_study(spell) for spell in _spells(sorted(dated, key=lambda row: (row["start"], row["end"] or "9999")))]
    return [each for each in found if each["start"] <= end and (each["end"] is None or each["end"] >= start)]


def _spells(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of one programme up to the one that ends it; a row after that begins another study of it."""
    spells: list[list[Row]] = []
    going: dict[object, list[Row]] = {}
    for row in rows:
        spell = going.get(row["programme"])
        if spell is None:
            spell = going[row["programme"]] = []
            spells.append(spell)
        spell.append(row)
        if row["means"] in _ENDS:
            del going[row["programme"]]
    return spells


def _study(spell: Sequence[Row]) -> dict[str, Any]:
    """The first row's start, the last one's end. `mode` is not provided: OpenEMIS has no form of study."""
    last = spell[-1]
    return {
        "level": last["level"],
        "start": spell[0]["start"],
        "end": None if last["means"] == "open" else last["end"],
        "end_reason": last["means"] if last["means"] in _ENDS else None,
    }


def _dated(row: Row, at: int) -> Row:
    """The row with its dates read and its status understood. `at` is its place, for error texts."""
    means = _statuses().get(row["status"])
    if means is None:
        where = f"/data/{at}/StudentStatuses/code"
        raise MappingError(f"enrolments[].end_reason: not a code of codes/openemis-student-status.json at {where}")
    end = _date("end", row["end"], at)
    if end is None and means != "open":
        raise MappingError(f"enrolments[].end: nothing at /data/{at}/end_date")
    return {**row, "means": means, "start": _date("start", row["start"], at), "end": end}


def _date(name: str, value: object, at: int) -> str | None:
    """`2024-01-08`, or the same with a time after it, as CakePHP writes dates; null: no date."""
    if value is None:
        return None
    try:
        return date_iso(str(value).partition("T")[0])
    except ConverterError as error:
        raise MappingError(f"enrolments[].{name}: {error} at /data/{at}/{name}_date") from None


@cache
def _statuses() -> Mapping[str, str]:
    rows: Any = schemas.load("codes/openemis-student-status.json")["codes"]
    return {row["code"]: row["means"] for row in rows}
