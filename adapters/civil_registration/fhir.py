"""A tolerant reader of the FHIR that OpenCRVS 1 sends.

Strict R4 parsers reject it: `identifier.type` is a plain string, `name.family` a list. Both that and R4 are read.
What is not understood is passed over; nothing here raises on odd shapes.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from adapters.kit.transports.fhir import objects

Resource = Mapping[str, Any]
_LANGUAGES = {"en": "eng", "si": "sin", "ta": "tam"}
_SCRIPTS = {"SINHALA": ("sin", "Sinh"), "TAMIL": ("tam", "Taml"), "LATIN": ("eng", "Latn")}


def resources(bundle: Resource, kind: str) -> Iterator[Resource]:
    """Every resource of one type in a bundle."""
    for entry in objects(bundle.get("entry")):
        resource = entry.get("resource")
        if isinstance(resource, dict) and resource.get("resourceType") == kind:
            yield resource


def patient_of(bundle: Resource, event: str) -> Resource:
    """The child or the deceased: who carries the registration number of the event, else the first who fits, else nobody
    (an empty resource). Parents and informants are Patients too."""
    patients = list(resources(bundle, "Patient"))
    marked = [each for each in patients if f"{event.upper()}_REGISTRATION_NUMBER" in identifiers(each)]
    if event == "death":
        marked = marked or [each for each in patients if "deceasedDateTime" in each]
    return next(iter(marked or patients), {})


def identifiers(person: Resource) -> dict[str, str]:
    """Type -> value; the type as a plain string or as a CodeableConcept."""
    typed = ((_type(each.get("type")), each.get("value")) for each in objects(person.get("identifier")))
    return {kind: value for kind, value in typed if kind and isinstance(value, str)}


def names(person: Resource) -> list[tuple[str, str, str]]:
    """(language, script, full name) of each name; the script is read from the letters, `use` may name the language."""
    found = []
    for each in objects(person.get("name")):
        full = " ".join(filter(None, (_joined(each.get("given")), _joined(each.get("family")))))
        if full:
            language, script = _written(full)
            found.append((_LANGUAGES.get(str(each.get("use")), language), script, full))
    return found


def day(value: object) -> date | None:
    """The day of a FHIR date or dateTime; None for a year or month alone, and for anything else."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def instant(value: object) -> datetime | None:
    """A time with its zone, in UTC; None for anything else."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        return time.astimezone(UTC) if time is not None and time.tzinfo is not None else None
    except (ValueError, OverflowError):  # no time, or one that begins before the first year in UTC
        return None


def last_modified(bundle: Resource) -> datetime | None:
    """When the bundle was last touched: its Task's `lastModified`, else its `meta.lastUpdated`."""
    times = [instant(task.get("lastModified")) for task in resources(bundle, "Task")]
    meta = bundle.get("meta")
    times.append(instant(meta.get("lastUpdated")) if isinstance(meta, dict) else None)
    return next((time for time in times if time is not None), None)


def _type(value: object) -> str:
    if isinstance(value, str):
        return value
    first = next(objects(value.get("coding")), {}) if isinstance(value, dict) else {}
    return str(first.get("code", ""))


def _joined(value: object) -> str:
    parts = value if isinstance(value, list) else [value]
    return " ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())


def _written(text: str) -> tuple[str, str]:
    """Language and script by the first letter's Unicode name; each script of the country has one main language."""
    for letter in text:
        script = unicodedata.name(letter, "").partition(" ")[0]
        if script in _SCRIPTS:
            return _SCRIPTS[script]
    return "und", "Zyyy"
