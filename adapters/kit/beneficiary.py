"""DCI's Beneficiary and our canonical records: what a programme tells of a person, and what it is told.

Pure functions. `enrollment_status` has four codes and none for an exit, so an exit carries none and stands among the
additional attributes, which IBR makes a list of strings (`event=exited`); graduation has a code, and the two never
mix. Source: spdci/schemas `extensions/ibr/v1` (Beneficiary, EnrollmentStatusEnum), `core/v1/code/AssistanceUnit`.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import schemas
from adapters.kit import dci_events
from adapters.kit.contract import AgencyAnswerMalformed, Told
from adapters.kit.fitting import check_fits

STATUS = {"1": "Active", "2": "Deceased", "3": "Graduated", "4": "Suspended"}
UNIT = {"1": "individual", "2": "household", "3": "family"}
CODES: Mapping[str, tuple[str | None, ...]] = {  # statuses that an event may leave behind; None: DCI has no code for it
    "enrolled": ("1",),
    "updated": ("1", "4"),
    "reinstated": ("1",),
    "grievance": ("1", "2", "3", "4", None),
    "deceased": ("2",),
    "graduated": ("3",),
    "suspended": ("4",),
    "exited": (None,),
}
_SCHEMAS = {
    "Beneficiary": ("beneficiary", "canonical/beneficiary-event.v1.json"),
    "Vacancy": ("vacancy", "canonical/vacancy.v1.json"),
    "BeneficiaryNotice": ("notice", "canonical/beneficiary-notice.v1.json"),
}

Node = Mapping[str, Any]


def enrolment(raw: Node) -> dict[str, object]:
    """The canonical `programme-enrolment` of one Beneficiary; the agency's own code is kept beside the word.

    Raises:
        AgencyAnswerMalformed: a status, unit or date that DCI does not name.
    """
    code = str(raw.get("enrollment_status", ""))
    if code not in STATUS:
        raise AgencyAnswerMalformed("no code of EnrollmentStatusEnum at /enrollment_status", code=code[:20])
    record: dict[str, object] = {
        "enrolled": code == "1",
        "status": STATUS[code],
        "status_told": code,
        "programme": _programme(raw),
        "enrolled_on": _day(raw.get("enrollment_date"), "/enrollment_date"),
    }
    changes = raw.get("status_change_date")
    if isinstance(changes, list) and changes:
        record["changed_on"] = max(_day(each, "/status_change_date") for each in changes)
    if (unit := UNIT.get(str(raw.get("assistance_unit", "")))) is not None:
        record["unit"] = unit
    return record


def told(item: Node) -> Told:
    """One notify item as an event.

    Raises:
        AgencyAnswerMalformed: of no kind we know, or not what its canonical schema says.
    """
    data = item["data"]
    known = _SCHEMAS.get(str(data.get("reg_record_type")))
    if known is None:
        raise AgencyAnswerMalformed(f"reg_record_type is none of {', '.join(sorted(_SCHEMAS))}", code="reg_record_type")
    name, schema = known
    raw = data["reg_records"]
    numbers = dci_events.read_identifiers(_object(raw.get("member")).get("member_identifier"))
    fields: Any = schemas.load(schema)["properties"]
    record = {key: each for key, each in _extras(raw.get("additional_attributes")).items() if key in fields}
    if name == "beneficiary":
        record = _event(raw, record, numbers)
    record = {"programme": _programme(raw), **record}
    check_fits(record, schemas.validator(schema), f"does not fit {schema}", code="record")
    return Told(str(item["reference_id"]), name, record, dci_events.subject_of(numbers))


def _event(raw: Node, record: Mapping[str, str], numbers: Mapping[str, str]) -> dict[str, str]:
    """What happened to a beneficiary. Word and code must agree: graduated is not exited, and nobody guesses."""
    event = record.get("event", "")
    if event not in CODES:
        raise AgencyAnswerMalformed("no event that we know among the additional attributes", code="event")
    if raw.get("enrollment_status") not in CODES[event]:
        raise AgencyAnswerMalformed("enrollment_status contradicts the event", code=event)
    return {**record, "member_id": numbers.get(dci_events.MEMBER, "")}


def _programme(raw: Node) -> str:
    """The one programme the record is about: a Programme object or, as the mock-up has it, its identifier."""
    listed = raw.get("programme_identifier")
    first = listed[0] if isinstance(listed, list) and len(listed) == 1 else None
    value = first.get("programme_identifier") if isinstance(first, Mapping) else first
    if not isinstance(value, str) or not value:
        raise AgencyAnswerMalformed("not one programme at /programme_identifier", code="programme")
    return value


def _extras(listed: object) -> dict[str, str]:
    """`["event=exited", "reason=moved"]` as one object; a string without `=` is not ours."""
    strings = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    return {name: value for name, mark, value in (each.partition("=") for each in strings) if mark}


def _day(value: object, at: str) -> str:
    """The day of a DCI DateTime, as it is written there."""
    try:
        return date.fromisoformat(value[:10] if isinstance(value, str) else "").isoformat()
    except ValueError:
        raise AgencyAnswerMalformed(f"not a date at {at}", code="date") from None


def _object(value: object) -> Node:
    return value if isinstance(value, Mapping) else {}
