"""What a programme reads out of a DCI Member, and the Beneficiary it writes. Our own reading of `dci/ibr.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import schemas
from sandbox.dci import Refused
from sandbox.nic import NEW, OLD, normal

from .book import Person
from .settings import Programme

NATIONAL, REGISTRY = "UIN", "SR"  # identifier types: national number, social registry member id
STATUS = {"active": "1", "deceased": "2", "graduated": "3", "suspended": "4"}  # an exit has no code in DCI


@dataclass(frozen=True, slots=True)
class Told:
    """One item about one person: canonical record, and the national number in its new form or nothing."""

    member_id: str
    nic: str
    record: dict[str, Any]


def told(kind: str, member: object) -> Told:
    """Read one Member.

    Args:
        kind: canonical record it must make: `candidate`, `programme-update`, `beneficiary-confirmation`.

    Raises:
        Refused: no member id, or what it says is not such a record.
    """
    if not isinstance(member, Mapping):
        raise _bad("reg_records is an object")
    numbers = read_numbers(member.get("member_identifier"))
    record = {"member_id": numbers.get(REGISTRY), **_attributes(member.get("additional_attributes"))}
    if (fault := schemas.first_fault(schemas.validator(f"canonical/{kind}.v1.json"), record)) is not None:
        raise _bad(f"the member makes no {kind} at {fault}")
    nic = numbers.get(NATIONAL, "")
    if nic and not (OLD.fullmatch(nic) or NEW.fullmatch(nic)):
        raise _bad("the identifier of type UIN is no national number")
    return Told(str(record["member_id"]), normal(nic) if nic else "", record)


def read_numbers(listed: object) -> dict[str, str]:
    """Identifier type -> value."""
    entries = listed if isinstance(listed, list) else []
    return {
        str(entry.get("identifier_type")): entry["identifier_value"]
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("identifier_value"), str)
    }


def beneficiary(programme: Programme, person: Person) -> dict[str, object]:
    """The Beneficiary that a search gives. Who left has no code in DCI's list and is not given."""
    record = about(programme, person.nic, person.member_id) | {
        "assistance_unit": programme.unit,
        "enrollment_date": f"{person.enrolled_on}T00:00:00Z",
        "enrollment_status": STATUS[person.state],
        "benefits": [],
    }
    return record | ({"status_change_date": [f"{person.changed_on}T00:00:00Z"]} if person.changed_on else {})


def event(programme: Programme, person: Person, attributes: Mapping[str, str]) -> dict[str, object]:
    """The Beneficiary that an event carries; IBR makes the additional attributes a list of strings."""
    status = {"enrollment_status": STATUS[person.state]} if person.state in STATUS else {}
    dated = {"enrollment_date": f"{person.enrolled_on}T00:00:00Z"} if person.enrolled_on else {}
    written = {"additional_attributes": [f"{name}={value}" for name, value in attributes.items()]}
    return (
        about(programme, person.nic, person.member_id)
        | {"assistance_unit": programme.unit, "benefits": []}
        | status
        | dated
        | written
    )


def about(programme: Programme, nic: str, member_id: str) -> dict[str, object]:
    """The members that every record of ours has: whom and which programme it is about."""
    return {
        "@type": "spdci:Beneficiary",
        "member": {
            "@type": "spdci:Member",
            "member_identifier": [
                {"@type": "Identifier", "identifier_type": kind, "identifier_value": value}
                for kind, value in ((NATIONAL, nic), (REGISTRY, member_id))
                if value
            ],
        },
        "programme_identifier": [
            {"@type": "spdci:Programme", "programme_name": programme.name, "programme_identifier": programme.id}
        ],
    }


def _attributes(listed: object) -> dict[str, Any]:
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) and len(entry) == 1 for entry in listed):
        raise _bad("additional_attributes is a list of objects with one key each")
    return {name: value for entry in listed for name, value in entry.items()}


def _bad(text: str) -> Refused:
    return Refused(400, "err.request.bad", text)
