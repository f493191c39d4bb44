"""What a request must look like before anybody is looked up."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from starlette.datastructures import QueryParams

from .errors import invalid

_CORRELATION = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_NINO = re.compile(r"[A-Z]{2}[0-9]{6}[A-D]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEAR = re.compile(r"([0-9]{4})-([0-9]{2})")
_PAYE_REFERENCE = re.compile(r"[^ ].{1,13}")
_NAME_MARKS = frozenset(" `-'^.")


@dataclass(frozen=True, slots=True)
class Candidate:
    """The body of a match request."""

    first_name: str
    last_name: str
    nino: str
    birth_date: date


def is_correlation_id(text: str) -> bool:
    """The pattern of the contract."""
    return _CORRELATION.fullmatch(text) is not None


def candidate(body: object) -> Candidate:
    """Read the match request.

    Raises:
        Refused: 400.
    """
    if not isinstance(body, dict):
        raise invalid("send one JSON object")
    members: dict[str, str] = {}
    for member in ("firstName", "lastName", "nino", "dateOfBirth"):
        value = body.get(member)
        if not isinstance(value, str):
            raise invalid(f"{member} is required and is a string")
        members[member] = value
    for member in ("firstName", "lastName"):
        if not _is_name(members[member]):
            raise invalid(f"{member} does not fit the pattern")
    if not _NINO.fullmatch(members["nino"]):
        raise invalid("nino does not fit the pattern")
    born = day("dateOfBirth", members["dateOfBirth"])
    return Candidate(members["firstName"], members["lastName"], members["nino"], born)


def _is_name(text: str) -> bool:
    r"""`^[\p{L} `\-\'^.]{1,35}$`: categories L*, so no vowel signs (M*)."""
    return 1 <= len(text) <= 35 and all(
        mark in _NAME_MARKS or unicodedata.category(mark).startswith("L") for mark in text
    )


def match_id(query: QueryParams) -> str:
    """The match id of a query, in the form it was given out."""
    return normal_match_id(_one(query, "matchId"))


def normal_match_id(text: str) -> str:
    """Lower-case UUID.

    Raises:
        Refused: 400.
    """
    if not is_correlation_id(text):
        raise invalid("matchId is not a UUID")
    return str(UUID(text))


def days(query: QueryParams, today: date) -> tuple[date, date]:
    """`fromDate` and `toDate`, both included; the second defaults to today."""
    start = day("fromDate", _one(query, "fromDate"))
    end = day("toDate", query["toDate"]) if "toDate" in query else today
    if start > end:
        raise invalid("fromDate is after toDate")
    return start, end


def tax_years(query: QueryParams, today: date) -> tuple[int, int]:
    """`fromTaxYear` and `toTaxYear` as the years they start in, both included; the second defaults to the current."""
    start = _tax_year("fromTaxYear", _one(query, "fromTaxYear"))
    end = _tax_year("toTaxYear", query["toTaxYear"]) if "toTaxYear" in query else starting_year(today)
    if start > end:
        raise invalid("fromTaxYear is after toTaxYear")
    return start, end


def paye_reference(query: QueryParams) -> str | None:
    """The optional filter."""
    asked = query.get("payeReference")
    if asked is not None and not _PAYE_REFERENCE.fullmatch(asked):
        raise invalid("payeReference does not fit the pattern")
    return asked


def day(member: str, text: str) -> date:
    """`YYYY-MM-DD` and nothing else."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise invalid(f"{member} is not a date YYYY-MM-DD") from None


def starting_year(of: date) -> int:
    """The calendar year in which the tax year of a day starts (1 April)."""
    return of.year if of.month >= 4 else of.year - 1


def _tax_year(member: str, text: str) -> int:
    found = _YEAR.fullmatch(text)
    if not found or (int(found[1]) + 1) % 100 != int(found[2]):
        raise invalid(f"{member} is not a tax year YYYY-YY")
    return int(found[1])


def _one(query: QueryParams, name: str) -> str:
    values = query.getlist(name)
    if len(values) != 1:
        raise invalid(f"{name} is required once")
    return values[0]
