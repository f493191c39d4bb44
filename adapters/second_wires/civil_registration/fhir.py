"""A tolerant reader of FHIR R4 searchsets of Patients: five members of each, and nothing else is looked at.

R4's spelling, and what servers have sent instead: `name.family` as a list, a full name in `text` only, a death as
`deceasedBoolean` alone. Source: FHIR R4 (4.0.1) Bundle, Patient, search 3.1.1; `schemas/agency/fhir-r4/`.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from adapters.kit.contract import AgencyAnswerMalformed
from adapters.kit.transports.fhir import Node, child, objects

SCOPE = "system/Patient.rs"
NIC = "urn:sandhi:fhir:nic"
ELEMENTS = "identifier,name,birthDate,deceased,link"
PAGE = 100
_ZONE = timezone(timedelta(hours=5, minutes=30))  # days are those of the profile's country
_FAILURES = {"error", "fatal"}


@dataclass(frozen=True, slots=True)
class Person:
    """One Patient. `death` is its day: empty if a death is told without one, None if no death is told."""

    numbers: frozenset[str]
    names: frozenset[str]
    birth: str | None
    death: str | None

    @property
    def dead(self) -> bool:
        """Whether a death is registered, with its day or without."""
        return self.death is not None


def by_number(number: str) -> list[tuple[str, str]]:
    """Who carries the number; a handful is enough to see that it is not one."""
    return [("identifier", f"{NIC}|{number}"), ("_elements", ELEMENTS), ("_count", "10")]


def born_on(day: date) -> list[tuple[str, str]]:
    """Everybody born on a day. Names are compared here, not sent."""
    return [("birthdate", f"eq{day.isoformat()}"), ("_elements", ELEMENTS), ("_count", str(PAGE))]


def people(bundle: Node) -> list[Person]:
    """The Patients that the search matched, without those that another has replaced.

    Raises:
        AgencyAnswerMalformed: a match of another kind, one whose meaning something unknown changes, or a search that
            the server says went wrong.
    """
    found = []
    for entry in objects(bundle.get("entry")):
        resource, mode = child(entry.get("resource")), child(entry.get("search")).get("mode", "match")
        if mode == "outcome" and _FAILURES & {str(each.get("severity")) for each in objects(resource.get("issue"))}:
            raise AgencyAnswerMalformed("the server says that the search went wrong, at /entry", code="outcome")
        if mode != "match":
            continue
        if resource.get("resourceType") != "Patient":
            raise AgencyAnswerMalformed("a match that is no Patient at /entry", code="resource")
        if resource.get("modifierExtension") or resource.get("implicitRules"):
            raise AgencyAnswerMalformed("a Patient whose meaning something unknown changes, at /entry", code="modifier")
        if not any(each.get("type") == "replaced-by" for each in objects(resource.get("link"))):
            found.append(_person(resource))
    return found


def _person(patient: Node) -> Person:
    numbers = (each.get("value") for each in objects(patient.get("identifier")) if each.get("system") == NIC)
    birth = patient.get("birthDate")
    return Person(
        frozenset(each for each in numbers if isinstance(each, str)),
        frozenset(filter(None, (_full(each).strip() for each in objects(patient.get("name"))))),
        birth if isinstance(birth, str) else None,
        _death(patient),
    )


def _death(patient: Node) -> str | None:
    """The day of `deceasedDateTime` in the country; what is no whole day stays as it is, for the mapping to refuse."""
    told = patient.get("deceasedDateTime")
    if not isinstance(told, str) or not told:
        return "" if patient.get("deceasedBoolean") is True or told is not None else None
    try:
        instant = datetime.fromisoformat(told)
        return told.partition("T")[0] if instant.tzinfo is None else instant.astimezone(_ZONE).date().isoformat()
    except (ValueError, OverflowError):
        return told


def _full(name: Node) -> str:
    parts = (*_texts(name.get("given")), *_texts(name.get("family")))
    return " ".join(parts) if parts else str(name.get("text") or "")


def _texts(value: object) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
