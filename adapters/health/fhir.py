"""A tolerant reader of FHIR R4 searchsets that reads six members of a DocumentReference and looks at nothing else.

Whatever else the register sends (a description, an attachment, a Condition beside it) is never copied, so it can be in
no record, no error and no log.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import schemas
from adapters.kit.contract import AgencyAnswerMalformed
from adapters.kit.converters import ConverterError, date_iso
from adapters.kit.mapping import MappingError
from adapters.kit.transports.fhir import Node, child, objects

SCOPE = "system/DocumentReference.rs"
CERTIFICATE = "urn:sandhi:fhir:certificate-number"
PERSON = "urn:sandhi:fhir:nic"
VALIDITY = "urn:sandhi:fhir:certificate-validity"
ELEMENTS = "identifier,subject,status,docStatus,type,extension"
_CATEGORIES = "codes/medical-certificate-category.json"
_STATUSES = {"current": True, "superseded": False, "entered-in-error": False}  # of the reference: does it stand?
_DOCUMENTS = {"": True, "final": True, "amended": True, "preliminary": False, "entered-in-error": False}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was found. `claimed` holds `status`, `docStatus`, `category` and `until`, each a string or absent."""

    certificate: str
    person: str
    claimed: Mapping[str, str]


def search(certificate: str, number: str) -> list[tuple[str, str]]:
    """The parameters of the search; two results are enough to see that there is not one."""
    return [
        ("identifier", f"{CERTIFICATE}|{certificate}"),
        ("patient.identifier", f"{PERSON}|{number}"),
        ("_elements", ELEMENTS),
        ("_count", "2"),
    ]


def matches(bundle: Node) -> list[Certificate]:
    """The DocumentReferences that the search matched; what came along with them is passed over.

    Raises:
        AgencyAnswerMalformed: a match of another kind.
    """
    found = []
    for entry in objects(bundle.get("entry")):
        if child(entry.get("search")).get("mode", "match") != "match":
            continue
        resource = child(entry.get("resource"))
        if resource.get("resourceType") != "DocumentReference":
            raise AgencyAnswerMalformed("a match that is no DocumentReference at /entry", code="match")
        found.append(_certificate(resource))
    return found


def claim(claimed: Mapping[str, str]) -> dict[str, object]:
    """`{genuine, category, valid_until}`; of nothing, and of what does not stand, only that it is not genuine.

    Raises:
        MappingError: a status, category or day that we do not know.
    """
    if not claimed:
        return {"genuine": False, "category": None, "valid_until": None}
    status = _STATUSES.get(claimed.get("status", ""))
    document = _DOCUMENTS.get(claimed.get("docStatus", ""))
    if status is None or document is None:
        raise MappingError("genuine: not a status of FHIR R4 at /status, /docStatus")
    if not (status and document):
        return {"genuine": False, "category": None, "valid_until": None}
    category = _categories().get(claimed.get("category", ""))
    if category is None:
        raise MappingError(f"category: not a code of {_CATEGORIES} at /type/coding")
    return {"genuine": True, "category": category, "valid_until": _last_day(claimed.get("until"))}


def _certificate(resource: Node) -> Certificate:
    subject = child(child(resource.get("subject")).get("identifier"))
    listed = [child(resource.get("masterIdentifier")), *objects(resource.get("identifier"))]
    claimed = {
        "status": resource.get("status"),
        "docStatus": resource.get("docStatus"),
        "category": _value(objects(child(resource.get("type")).get("coding")), _system(), "code"),
        "until": _until(resource),
    }
    return Certificate(
        _value(iter(listed), CERTIFICATE, "value"),
        _value(iter((subject,)), PERSON, "value"),
        {name: value for name, value in claimed.items() if isinstance(value, str) and value},
    )


def _until(resource: Node) -> object:
    found = [each for each in objects(resource.get("extension")) if each.get("url") == VALIDITY]
    return child(found[0].get("valuePeriod")).get("end") if len(found) == 1 else None


def _value(coded: Iterator[Node], system: str, member: str) -> str:
    """The member of the first object of a system, empty without one."""
    found = next((each.get(member) for each in coded if each.get("system") == system), "")
    return found if isinstance(found, str) else ""


def _last_day(told: str | None) -> str | None:
    """A date, or the day of a time with its zone. A month or a year alone is no day: not guessed."""
    if told is None:
        return None
    try:
        day = date_iso(told[:10])
        if len(told) == 10 or datetime.fromisoformat(told).tzinfo is not None:
            return day
    except (ValueError, ConverterError):
        pass
    raise MappingError("valid_until: not a day at /extension/valuePeriod/end")


def _system() -> str:
    return str(schemas.load(_CATEGORIES)["system"])


@cache
def _categories() -> Mapping[str, str]:
    rows: Any = schemas.load(_CATEGORIES)["codes"]
    return {row["code"]: row["category"] for row in rows}
