"""What ESS reads out of a DCI Member, and what it writes into one. Our own reading of the form in README.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import schemas
from sandbox.dci import Refused
from sandbox.nic import NEW, OLD, normal

NATIONAL, REGISTRY = "UIN", "SR"  # identifier types: national number, social registry member id


@dataclass(frozen=True, slots=True)
class Told:
    """One item about one person.

    Attributes:
        member_id: the social registry's.
        nic: national number in its new form; empty if none was sent.
        record: canonical referral, programme update or finding.
    """

    member_id: str
    nic: str
    record: dict[str, Any]


def told(kind: str, member: object) -> Told:
    """Read one Member.

    Args:
        kind: canonical record it must make: `referral`, `programme-update` or `finding`.

    Raises:
        Refused: no member id, or what it says is not such a record.
    """
    if not isinstance(member, Mapping):
        raise _bad("reg_records is an object")
    numbers = _numbers(member.get("member_identifier"))
    record = {"member_id": numbers.get(REGISTRY), **_attributes(member.get("additional_attributes"))}
    if kind == "referral":
        record = _referral(member, record)
    if (fault := schemas.first_fault(schemas.validator(f"canonical/{kind}.v1.json"), record)) is not None:
        raise _bad(f"the member makes no {kind} at {fault}")
    nic = numbers.get(NATIONAL, "")
    if nic and not (OLD.fullmatch(nic) or NEW.fullmatch(nic)):
        raise _bad("the identifier of type UIN is no national number")
    return Told(str(record["member_id"]), normal(nic) if nic else "", record)


def vital_event(record: object) -> Told:
    """Read what civil registration tells: the canonical record, with the person's numbers beside it.

    Raises:
        Refused: it is no vital event, or no national number names the person.
    """
    if not isinstance(record, Mapping):
        raise _bad("reg_records is an object")
    told = {name: value for name, value in record.items() if name != "identifiers"}
    if (fault := schemas.first_fault(schemas.validator("canonical/vital-event.v1.json"), told)) is not None:
        raise _bad(f"the record is no vital event at {fault}")
    nic = _numbers(record.get("identifiers")).get("NIC", "")
    if not (OLD.fullmatch(nic) or NEW.fullmatch(nic)):
        raise _bad("no identifier of type NIC is a national number")
    return Told("", normal(nic), told)


def event(member_id: str, nic: str, attributes: Mapping[str, object]) -> dict[str, object]:
    """The Member that tells what became of a person; a number that is empty is left out."""
    numbers = ((NATIONAL, nic), (REGISTRY, member_id))
    return {
        "@type": "spdci:Member",
        "member_identifier": [
            {"@type": "Identifier", "identifier_type": kind, "identifier_value": value}
            for kind, value in numbers
            if value
        ],
        "additional_attributes": [{name: value} for name, value in attributes.items()],
    }


def _numbers(listed: object) -> dict[str, str]:
    entries = listed if isinstance(listed, list) else []
    return {
        str(entry.get("identifier_type")): entry["identifier_value"]
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("identifier_value"), str)
    }


def _attributes(listed: object) -> dict[str, Any]:
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) and len(entry) == 1 for entry in listed):
        raise _bad("additional_attributes is a list of objects with one key each")
    return {name: value for entry in listed for name, value in entry.items()}


def _referral(member: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """A referral's person stands in DCI's own places, the rest among the attributes."""
    info = member.get("demographic_info")
    info = info if isinstance(info, Mapping) else {}
    rest = {name: value for name, value in record.items() if name != "names"}
    person = {"names": record.get("names"), "sex": info.get("sex"), "birth_date": info.get("birth_date")}
    for name, listed in (("phone", info.get("phone_number")), ("language", member.get("language_code"))):
        if isinstance(listed, list) and listed:
            person[name] = listed[0]
    level = member.get("education_level")
    known = {"highest_level": int(level)} if isinstance(level, str) and level.isdecimal() else {}
    return {**rest, "person": person, **known}


def _bad(text: str) -> Refused:
    return Refused(400, "err.request.bad", text)
