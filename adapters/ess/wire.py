"""Canonical records to DCI `Member` objects and back. Pure functions; the shapes are in README.md.

Source: DCI ESS API 1.0.0 (`NotifyEventRequest`, `reg_records` = Member), spdci/schemas core and ESS `Member`.
DCI has no place for a referral's location codes, open checks and evidence, nor for what became of it: those
stand in `additional_attributes`, which is a list of objects with one key each, as in DCI's own example.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import schemas
from adapters.kit.contract import AgencyAnswerMalformed, AgencyRejectedMessage, Identifier, Subject, Told
from adapters.kit.fitting import check_fits

REG_TYPE = "ns:org:RegistryType:ESS"
NATIONAL, MEMBER = "UIN", "SR"  # identifier types on the wire: national number, social registry member id
NOT_EMPLOYED = "2"  # DCI EmploymentStatusEnum

ENROLMENT, STATUS_CHANGE = "enrolment", "enrolment_status_change"  # the only two event types ESS knows


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing that travels in a notify item."""

    event_type: str
    record_type: str
    schema: str


REFERRAL = Kind(ENROLMENT, "Member", "canonical/referral.v1.json")
UPDATE = Kind(STATUS_CHANGE, "ProgrammeUpdate", "canonical/programme-update.v1.json")
FINDING = Kind(STATUS_CHANGE, "Finding", "canonical/finding.v1.json")
# What ESS tells about a person we referred; it uses both event types: accepted or rejected, then changes.
OUTCOME = Kind(ENROLMENT, "Member", "canonical/enrolment-event.v1.json")

PUSHED: Mapping[str, Kind] = {"ess.referral": REFERRAL, "ess.update": UPDATE, "ess.finding": FINDING}
_TOLD: Mapping[str, tuple[str, Kind]] = {  # reg_record_type -> name of the event, kind
    "Member": ("enrolment", OUTCOME),
    "ProgrammeUpdate": ("progress", UPDATE),
    "Finding": ("finding", FINDING),
}


def to_wire(service: str, record: Mapping[str, Any], subject: Subject | None) -> dict[str, object]:
    """The DCI Member that carries one pushed record.

    Args:
        service: ess.referral | ess.update | ess.finding.
        record: fits the service's canonical schema.
        subject: gives the national number; without one only the member id is sent.

    Raises:
        AgencyRejectedMessage: no such push service.
    """
    if service not in PUSHED:
        raise AgencyRejectedMessage(f"{service} is not a push service of this adapter", code="service")
    identifiers = [_identifier(MEMBER, str(record["member_id"]))]
    if subject is not None and (number := subject.identifier("NIC")) is not None:
        identifiers.insert(0, _identifier(NATIONAL, number))
    member: dict[str, object] = {"@type": "spdci:Member", "member_identifier": identifiers}
    if PUSHED[service] is REFERRAL:
        return member | _referral(record)
    return member | {"additional_attributes": _attributes(record, leave_out={"member_id"})}


def from_wire(kind: Kind, member: object) -> tuple[dict[str, object], Subject]:
    """A canonical record and its subject out of a DCI Member.

    Raises:
        AgencyAnswerMalformed: no member id, or what comes out does not fit the canonical schema.
    """
    if not isinstance(member, Mapping):
        raise AgencyAnswerMalformed("reg_records is not an object", code="reg_records")
    numbers = dict(_identifiers(member.get("member_identifier")))
    extras = _extras(member.get("additional_attributes"))
    known: Any = schemas.load(kind.schema)["properties"]
    record = {name: value for name, value in extras.items() if name in known}  # others are not ours to pass on
    if MEMBER in numbers:
        record["member_id"] = numbers[MEMBER]
    if kind is REFERRAL:
        record |= _person(member, extras.get("names"))
    check_fits(record, schemas.validator(kind.schema), f"does not fit {kind.schema}", code="record")
    number = numbers.get(NATIONAL)
    return record, Subject(identifiers=(Identifier("NIC", number),) if number else ())


def parse_notify(envelope: Mapping[str, Any]) -> list[Told]:
    """The events of a notify envelope that already fits `dci/ess.json` and whose signature was checked.

    Raises:
        AgencyAnswerMalformed: an item is of no kind we know, or does not fit its canonical schema. Nothing of the
            envelope is used then: the sender repeats all of it.
    """
    return [_event(item) for item in envelope["message"]["notify_event"]]


def _event(item: Mapping[str, Any]) -> Told:
    told = _TOLD.get(str(item["data"].get("reg_record_type")))
    if told is None:
        raise AgencyAnswerMalformed(f"reg_record_type is none of {', '.join(sorted(_TOLD))}", code="reg_record_type")
    name, kind = told
    record, subject = from_wire(kind, item["data"]["reg_records"])
    return Told(str(item["reference_id"]), name, record, subject)


def _referral(record: Mapping[str, Any]) -> dict[str, object]:
    person, place = record["person"], record["location"]
    phone = {"phone_number": [person["phone"]]} if "phone" in person else {}
    member: dict[str, object] = {
        "demographic_info": {
            "@type": "ESSPerson",
            "name": split(person["names"]),
            "sex": person["sex"],
            "birth_date": person["birth_date"],
            **phone,
            "address": [
                {
                    "country_code": place["district"][:2],
                    "region_code": place["district"],
                    "sub_region_code": place["ds_division"],
                    "locality": place["gn_division"],
                }
            ],
        },
        "employment_status": NOT_EMPLOYED,
        "additional_attributes": [
            {"names": person["names"]},
            *_attributes(record, leave_out={"member_id", "person", "highest_level"}),
        ],
    }
    if "language" in person:
        member["language_code"] = [person["language"]]
    if record.get("highest_level") is not None:
        member["education_level"] = str(record["highest_level"])
    return member


def _person(member: Mapping[str, Any], names: object) -> dict[str, object]:
    """The parts of a referral that DCI's Member has a place for."""
    info = _object(member.get("demographic_info"))
    person = {"names": names, "sex": info.get("sex"), "birth_date": info.get("birth_date")}
    person |= _first("phone", info.get("phone_number")) | _first("language", member.get("language_code"))
    level = member.get("education_level")
    return {"person": person} | ({"highest_level": int(level)} if isinstance(level, str) and level.isdecimal() else {})


def split(names: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """DCI's `Name` of the Latin spelling (else the first): the last word is the surname, a display form only.

    All spellings travel unsplit in `additional_attributes`, since not every name has a family part.
    """
    chosen = next((name for name in names if name["script"] == "Latn"), names[0])
    given, _, surname = chosen["value"].rpartition(" ")
    return {"given_name": given, "surname": surname} if given else {"given_name": surname}


def _attributes(record: Mapping[str, Any], leave_out: set[str]) -> list[dict[str, object]]:
    return [{key: record[key]} for key in sorted(record) if key not in leave_out]


def _extras(attributes: object) -> dict[str, object]:
    """`additional_attributes` as one object; takes `{"name": .., "value": ..}` too (DCI AttributeNameValue)."""
    found: dict[str, object] = {}
    for each in attributes if isinstance(attributes, list) else ():
        if isinstance(each, Mapping):
            found |= {str(each["name"]): each["value"]} if set(each) == {"name", "value"} else each
    return found


def _identifiers(listed: object) -> Iterator[tuple[str, str]]:
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("identifier_value"), str):
            yield str(each.get("identifier_type")), each["identifier_value"]


def _identifier(kind: str, value: str) -> dict[str, str]:
    return {"@type": "Identifier", "identifier_type": kind, "identifier_value": value}


def _first(name: str, listed: object) -> dict[str, object]:
    return {name: listed[0]} if isinstance(listed, list) and listed else {}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
