"""Derived answers: what a purpose needs to know instead of the record it is computed from.

Pure functions on canonical records. Days are Asia/Colombo days as the records carry them; months are `YYYY-MM`
strings; the window of N months ends with the record's closed month. "Open at a day" means begun by that day
and not ended by it: an end on the day itself has ended.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import schemas
from adapters.kit import months
from adapters.kit.contract import Name
from adapters.kit.names import likeness

Record = Mapping[str, Any]
LONGEST_WINDOW = 24  # months; adapters read at least this far back

_NOTHING: dict[str, object] = {"type": "object", "additionalProperties": False, "properties": {}}
_DAY: dict[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"as_at": {"type": "string", "format": "date"}},
}
_WINDOW: dict[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["months"],
    "properties": {"months": {"type": "integer", "minimum": 1, "maximum": LONGEST_WINDOW}},
}


_LEVEL: dict[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["level"],
    "properties": {"level": {"type": "integer", "minimum": 0, "maximum": 8}},
}
_LEAST: dict[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["least"],
    "properties": {"least": {"type": "number", "minimum": 0.5, "maximum": 1}},
}


class ClaimError(Exception):
    """The claim does not exist, or its parameters are wrong; the text says what is expected."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question says beside the parameters: the day, and the names that the caller knows the person by."""

    as_at: date
    names: Sequence[Name] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """One derived answer.

    Attributes:
        summary: what it tells, in a few words, for the catalogue.
        record: the canonical schema it is computed from.
        needs: canonical fields the adapter must be asked for.
        parameters: JSON Schema of the parameters.
        answers: the members of the answer.
        derive: (parameters, record, asked) -> answer.
        compares: it compares the names of the subject, so a question without names makes no sense.
    """

    name: str
    summary: str
    record: str
    needs: frozenset[str]
    parameters: Mapping[str, object]
    answers: frozenset[str]
    derive: Callable[[Record, Record, Asked], dict[str, object]]
    compares: bool = False


def derive(name: str, parameters: Record, record: Record, as_at: date, names: Sequence[Name] = ()) -> dict[str, object]:
    """Compute one claim from a canonical record.

    Args:
        names: by which the question named the person.

    Raises:
        ClaimError: no such claim, or parameters that do not fit it.
    """
    check(name, parameters)
    return CLAIMS[name].derive(parameters, record, Asked(as_at, names))


def check(name: str, parameters: Record) -> Claim:
    """The claim, if it exists and the parameters fit; before anything is asked of an agency.

    Raises:
        ClaimError: as in `derive`.
    """
    if name not in CLAIMS:
        raise ClaimError(f"no such claim; there are {', '.join(sorted(CLAIMS))}")
    claim = CLAIMS[name]
    if (fault := schemas.first_fault(_CHECKERS[name], dict(parameters))) is not None:
        raise ClaimError(f"parameters of {name} are wrong at {fault}")
    return claim


def alive(parameters: Record, record: Record, asked: Asked) -> dict[str, object]:
    """Whether the person is alive at the end of the day. `matched_by` tells how a death was found, null if none."""
    at = date.fromisoformat(parameters["as_at"]) if "as_at" in parameters else asked.as_at
    death = _day(record.get("death_date"))
    if death is None or death > at:
        return {"alive": True, "matched_by": None}
    return {"alive": False, "matched_by": record.get("death_matched_by")}


def employment_status(parameters: Record, record: Record, asked: Asked) -> dict[str, object]:
    """Pay and self-employment as the tax register has them.

    `paid`: net taxable pay above zero in any month of the window. `self_employed`: not ceased by `as_at`, with
    turnover above zero in the latest tax year that is closed. `open_employment_without_pay`: an employment open at
    `as_at` that paid nothing in the window.
    """
    as_at = asked.as_at
    window = set(months.until(record["closed_month"], parameters["months"]))
    jobs = record["employments"]
    pay = _by_month(payment for job in jobs for payment in job["payments"])
    year = months.closed_tax_year(as_at)
    return {
        "closed_month": record["closed_month"],
        "paid": _above_zero(pay, window),
        "self_employed": any(
            own["tax_year"] == year and Decimal(own["turnover"]) > 0 and not _ended(own["end_date"], as_at)
            for own in record["self_employments"]
        ),
        "open_employment_without_pay": any(
            _open(job["start_date"], job["end_date"], as_at) and not _above_zero(_by_month(job["payments"]), window)
            for job in jobs
        ),
    }


def contribution_status(parameters: Record, record: Record, asked: Asked) -> dict[str, object]:
    """Contributions net of reversals. `months_since_last_contribution` counts from the closed month (0 = in it;
    null = never); `old_age_pension` means in payment in `as_at`'s month."""
    closed = record["closed_month"]
    paid = sorted(row["month"] for row in record["months"] if Decimal(row["amount"]) > 0 and row["month"] <= closed)
    this_month = asked.as_at.isoformat()[:7]
    return {
        "closed_month": closed,
        "active": not set(months.until(closed, parameters["months"])).isdisjoint(paid),
        "months_since_last_contribution": months.number(closed) - months.number(paid[-1]) if paid else None,
        "old_age_pension": any(
            pension["kind"] == "old_age"
            and pension["start"] <= this_month
            and (pension["end"] is None or pension["end"] >= this_month)
            for pension in record["pensions"]
        ),
    }


def readiness(_: Record, record: Record, asked: Asked) -> dict[str, object]:
    """Schooling as far as readiness for work needs it: completed levels (ISCED 2011) and technical qualifications.
    `full_time_student` is null where a study is open and the register has no forms of study."""
    as_at = asked.as_at
    modes = {each.get("mode") for each in record["enrolments"] if _open(each["start"], each["end"], as_at)}
    completed = [
        each["level"]
        for each in record["enrolments"]
        if each["end_reason"] == "completed" and _ended(each["end"], as_at)
    ]
    earned = [each for each in record["qualifications"] if date.fromisoformat(each["awarded"]) <= as_at]
    return {
        "highest_level": max((*completed, *(each["level"] for each in earned)), default=None),
        "technical_qualification": any(each["technical"] for each in earned),
        "full_time_student": None if None in modes and "full_time" not in modes else "full_time" in modes,
    }


def no_contribution_for(parameters: Record, record: Record, asked: Asked) -> dict[str, object]:
    """Whether nothing was contributed in the window; not when, not how much."""
    return {"no_contribution": not contribution_status(parameters, record, asked)["active"]}


def highest_level_at_least(parameters: Record, record: Record, asked: Asked) -> dict[str, object]:
    """Whether a level (ISCED 2011) or a higher one was completed or awarded; not which."""
    highest = readiness({}, record, asked)["highest_level"]
    return {"level_reached": isinstance(highest, int) and highest >= parameters["level"]}


def names_match(parameters: Record, record: Record, asked: Asked) -> dict[str, object]:
    """Whether a name the question gave is as like one of the register's as `least` says; null: nothing to compare.

    Likeness is 1 for the same letters whatever their case, spacing and order of words, and is only taken between
    names in one script (`names.likeness`).
    """
    pairs = _in_one_script(asked.names, record.get("names", ()))
    best = max((likeness(ours, theirs) for ours, theirs in pairs), default=None)
    return {"names_match": None if best is None else best >= parameters["least"]}


def _in_one_script(asked: Iterable[Name], known: Iterable[Record]) -> list[tuple[str, str]]:
    registered = list(known)
    return [(name.value, each["value"]) for name in asked for each in registered if each["script"] == name.script]


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _ended(end: str | None, at: date) -> bool:
    return end is not None and date.fromisoformat(end) <= at


def _open(start: str, end: str | None, at: date) -> bool:
    return date.fromisoformat(start) <= at and not _ended(end, at)


def _by_month(payments: Any) -> dict[str, Decimal]:
    net: dict[str, Decimal] = {}
    for payment in payments:
        month = payment["date"][:7]
        net[month] = net.get(month, Decimal(0)) + Decimal(payment["taxable_pay"])
    return net


def _above_zero(net: Mapping[str, Decimal], window: set[str]) -> bool:
    return any(amount > 0 for month, amount in net.items() if month in window)


CLAIMS: Mapping[str, Claim] = {
    claim.name: claim
    for claim in (
        Claim(
            "alive",
            "Whether the person is alive at the end of a day.",
            "canonical/vital-events.v1.json",
            frozenset({"death_date", "death_matched_by"}),
            _DAY,
            frozenset({"alive", "matched_by"}),
            alive,
        ),
        Claim(
            "employment_status",
            "Pay and self-employment in a window of months.",
            "canonical/employment-income.v1.json",
            frozenset({"closed_month", "employments", "self_employments"}),
            _WINDOW,
            frozenset({"closed_month", "paid", "self_employed", "open_employment_without_pay"}),
            employment_status,
        ),
        Claim(
            "contribution_status",
            "Contributions in a window of months, and an old-age pension.",
            "canonical/contributions.v1.json",
            frozenset({"closed_month", "months", "pensions"}),
            _WINDOW,
            frozenset({"closed_month", "active", "months_since_last_contribution", "old_age_pension"}),
            contribution_status,
        ),
        Claim(
            "readiness",
            "Highest level of schooling, technical qualification, full-time study.",
            "canonical/attainment.v1.json",
            frozenset({"closed_month", "enrolments", "qualifications"}),
            _NOTHING,
            frozenset({"highest_level", "technical_qualification", "full_time_student"}),
            readiness,
        ),
        Claim(
            "no_contribution_for",
            "Whether nothing was contributed for so many months: yes or no.",
            "canonical/contributions.v1.json",
            frozenset({"closed_month", "months", "pensions"}),
            _WINDOW,
            frozenset({"no_contribution"}),
            no_contribution_for,
        ),
        Claim(
            "highest_level_at_least",
            "Whether a level of schooling (ISCED 2011) or a higher one was reached: yes or no.",
            "canonical/attainment.v1.json",
            frozenset({"closed_month", "enrolments", "qualifications"}),
            _LEVEL,
            frozenset({"level_reached"}),
            highest_level_at_least,
        ),
        Claim(
            "names_match",
            "Whether the name in the question is like the register's, from 0.5 to 1: yes, no, or nothing to compare.",
            "canonical/identity.v1.json",
            frozenset({"confirmed", "names"}),
            _LEAST,
            frozenset({"names_match"}),
            names_match,
            compares=True,
        ),
    )
}
_CHECKERS = {claim.name: schemas.compiled(claim.parameters, f"claim {claim.name}") for claim in CLAIMS.values()}
