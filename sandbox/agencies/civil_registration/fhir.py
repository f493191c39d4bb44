"""The FHIR bundles OpenCRVS 1 sends, with its deviations from R4 left in.

Source: `schemas/agency/opencrvs/format.yaml` (`fhir_deviations`).
"""

from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from sandbox.person import CivilRecord, Spelling

from .errors import stamp

BIRTH, DEATH = "BIRTH_REGISTERED", "DEATH_REGISTERED"
_SYSTEM = "http://opencrvs.org/specs/id/"
_LANGUAGES = {"eng": "en", "sin": "si", "tam": "ta"}


def birth_bundle(record: CivilRecord, now: datetime) -> dict[str, object]:
    """A registered birth."""
    return _bundle("BIRTH", record.birth_registration, _patient(record, death=False), now)


def death_bundle(record: CivilRecord, now: datetime) -> dict[str, object]:
    """A registered death. The patient carries the national number only if the registration did."""
    assert record.death_registration is not None, "announce_death needs a record with a death"
    return _bundle("DEATH", record.death_registration, _patient(record, death=True), now)


def _bundle(event: str, registration: str, patient: dict[str, object], now: datetime) -> dict[str, object]:
    kind = event.lower()
    task = {
        "resourceType": "Task",
        "id": str(uuid5(NAMESPACE_URL, f"task/{registration}")),
        "status": "ready",
        "intent": "proposal",
        "code": {"coding": [{"system": "http://opencrvs.org/specs/types", "code": event}]},
        "businessStatus": {"coding": [{"system": "http://opencrvs.org/specs/reg-status", "code": "REGISTERED"}]},
        "identifier": [
            {"system": f"{_SYSTEM}{kind}-tracking-id", "value": f"{event[0]}{registration[-6:]}"},
            {"system": f"{_SYSTEM}{kind}-registration-number", "value": registration},
        ],
        "lastModified": stamp(now),
    }
    entries = [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in (task, patient)]
    return {"resourceType": "Bundle", "type": "document", "meta": {"lastUpdated": stamp(now)}, "entry": entries}


def _patient(record: CivilRecord, *, death: bool) -> dict[str, object]:
    number = record.death_registration if death else record.birth_registration
    identifiers = [{"type": f"{'DEATH' if death else 'BIRTH'}_REGISTRATION_NUMBER", "value": number}]
    if record.nic is not None and (not death or record.death_has_nic):
        identifiers.append({"type": "NATIONAL_ID", "value": record.nic})
    patient: dict[str, object] = {
        "resourceType": "Patient",
        "id": str(uuid5(NAMESPACE_URL, f"patient/{record.birth_registration}")),
        "active": True,
        "identifier": identifiers,
        "name": [_name(spelling) for spelling in record.names],
        "gender": record.sex,
        "birthDate": record.birth_date.isoformat(),
    }
    if death and record.death_date is not None:
        patient |= {"deceasedBoolean": True, "deceasedDateTime": record.death_date.isoformat()}
    return patient


def _name(spelling: Spelling) -> dict[str, object]:
    language = _LANGUAGES.get(spelling.language, spelling.language)
    return {"use": language, "given": spelling.given.split(), "family": [spelling.family]}
