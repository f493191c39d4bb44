"""Looking into the birth and death registers: queries as DCI writes them, records as DCI persons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from sandbox.person import CivilRecord

from .errors import RejectedItem

BIRTH, DEATH = "ocrvs:registry_type:birth", "ocrvs:registry_type:death"
_ID_TYPES = {BIRTH: {"NID", "BRN"}, DEATH: {"NID", "DRN"}}
_DEFAULT_PAGE, _LARGEST_PAGE = 20, 1000
_WIDEST_DAYS = 31
_COMPARE: dict[str, Callable[[date, date], bool]] = {
    "eq": lambda held, asked: held == asked,
    "ge": lambda held, asked: held >= asked,
    "gt": lambda held, asked: held > asked,
    "le": lambda held, asked: held <= asked,
    "lt": lambda held, asked: held < asked,
}


class Records(Protocol):
    """The part of the population's registers this agency reads. A record is one person's birth and, if any, death."""

    def civil_by_nic(self, nic: str) -> Sequence[CivilRecord]:
        """Records whose birth registration carries this 12-digit number."""

    def civil_by_birth_registration(self, number: str) -> CivilRecord | None:
        """The record with this birth registration number."""

    def civil_by_death_registration(self, number: str) -> CivilRecord | None:
        """The record with this death registration number."""

    def civil_by_birth_date(self, day: date) -> Sequence[CivilRecord]:
        """Records of people born on this day."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of what was found; `total` counts all pages."""

    records: list[dict[str, object]]
    number: int
    size: int
    total: int


def search(records: Records, criteria: Mapping[str, object]) -> Page:
    """Answer one `search_criteria`, already valid against the DCI schema.

    Raises:
        RejectedItem: the criteria or the page is not what this register can answer.
    """
    reg_type = criteria.get("reg_type")
    if reg_type not in {BIRTH, DEATH}:
        raise _criteria("reg_type is ocrvs:registry_type:birth or ocrvs:registry_type:death")
    match criteria["query_type"]:
        case "idtype-value":
            found = _by_identifier(records, str(reg_type), criteria["query"])
        case "predicate":
            found = _by_predicate(records, criteria["query"])
        case _:
            raise _criteria("query_type is idtype-value or predicate")
    if reg_type == DEATH:
        found = [record for record in found if record.death_registration is not None]
    return _page(found, str(reg_type), criteria.get("pagination"))


def _by_identifier(records: Records, reg_type: str, query: object) -> list[CivilRecord]:
    kind, value = (query.get("type"), query.get("value")) if isinstance(query, dict) else (None, None)
    if kind not in _ID_TYPES[reg_type] or not isinstance(value, str):
        raise _criteria("query is {type, value}: NID with BRN (birth) or DRN (death), value a string")
    if kind == "NID":
        found = list(records.civil_by_nic(value))
        return [one for one in found if one.death_has_nic] if reg_type == DEATH else found
    by_number = records.civil_by_birth_registration if kind == "BRN" else records.civil_by_death_registration
    one = by_number(value)
    return [one] if one is not None else []


def _by_predicate(records: Records, query: object) -> list[CivilRecord]:
    if not isinstance(query, list) or not query:
        raise _criteria("query is a list of {expression1, condition, expression2}")
    tests = [test for entry in query for test in _tests(entry)]
    bounds = [(operator, value) for name, operator, value in tests if name == "birthdate" and isinstance(value, date)]
    places = {value for name, _, value in tests if name == "birthplace"}
    return [
        record
        for day in _days(bounds)
        if all(_COMPARE[operator](day, value) for operator, value in bounds)
        for record in records.civil_by_birth_date(day)
        if places <= {record.birth_place}
    ]


def _days(bounds: Sequence[tuple[str, date]]) -> list[date]:
    """The days the bounds leave; a search has to be bounded on both sides, and narrow."""
    starts = [value for operator, value in bounds if operator in {"eq", "ge", "gt"}]
    ends = [value for operator, value in bounds if operator in {"eq", "le", "lt"}]
    if not starts or not ends:
        raise _criteria("birthdate is required, as one day or with a bound on each side")
    start, end = max(starts), min(ends)
    if (end - start).days > _WIDEST_DAYS:
        raise RejectedItem("rjct.search.too_many_records_found", f"ask for at most {_WIDEST_DAYS} days of birth")
    return [start + timedelta(days=offset) for offset in range((end - start).days + 1)]


def _tests(entry: Mapping[str, object]) -> list[tuple[str, str, date | str]]:
    if entry.get("condition", "and") != "and" or ("expression2" in entry and "condition" not in entry):
        raise _criteria("the only condition is and")
    return [_test(entry[name]) for name in ("expression1", "expression2") if name in entry]


def _test(expression: object) -> tuple[str, str, date | str]:
    assert isinstance(expression, dict)  # the schema says so
    name, operator, value = (expression[key] for key in ("attribute_name", "operator", "attribute_value"))
    if not isinstance(value, str):
        raise _criteria("attribute_value is a string")
    if name == "birthplace" and operator == "eq":
        return name, operator, value
    if name != "birthdate" or operator not in _COMPARE:
        raise _criteria("attributes are birthdate (eq, ge, gt, le, lt) and birthplace (eq)")
    try:
        return name, operator, date.fromisoformat(value)
    except ValueError:
        raise _criteria("birthdate is a date YYYY-MM-DD") from None


def _page(found: Sequence[CivilRecord], reg_type: str, pagination: object) -> Page:
    asked = pagination if isinstance(pagination, dict) else {}
    size, number = asked.get("page_size", _DEFAULT_PAGE), asked.get("page_number", 1)
    if not _counts(size) or not _counts(number) or size > _LARGEST_PAGE:
        raise RejectedItem("rjct.pagination.invalid", "page_size is 1 to 1000, page_number counts from 1")
    ordered = sorted(found, key=lambda record: record.birth_registration)
    shown = ordered[(number - 1) * size : number * size]
    return Page([_person(record, reg_type) for record in shown], number, size, len(ordered))


def _counts(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _person(record: CivilRecord, reg_type: str) -> dict[str, object]:
    """A DCI CRVS person. Source: spdci/schemas, `CRVSPerson`, `Person`, `Name`, `Identifier`, `Place`."""
    numbers = [("BRN", record.birth_registration)] if reg_type == BIRTH else [("DRN", str(record.death_registration))]
    if record.nic is not None and (reg_type == BIRTH or record.death_has_nic):
        numbers.append(("NID", record.nic))
    latin = next((spelling for spelling in record.names if spelling.script == "Latn"), record.names[0])
    person: dict[str, object] = {
        "identifier": [{"identifier_type": kind, "identifier_value": value} for kind, value in numbers],
        "name": {"given_name": latin.given, "surname": latin.family},
        "sex": record.sex,
        "birth_date": record.birth_date.isoformat(),
        "birth_place": {"identifier": f"ocrvs:{record.birth_place}"},
    }
    if reg_type == DEATH and record.death_date is not None:
        person["death_date"] = record.death_date.isoformat()
    return person


def _criteria(message: str) -> RejectedItem:
    return RejectedItem("rjct.search_criteria.invalid", message)
