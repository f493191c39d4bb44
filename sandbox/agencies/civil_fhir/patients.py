"""Registrations as FHIR R4 Patients, and the Bundle around a page of them."""

from collections.abc import Iterator, Sequence
from typing import Final

from sandbox.person import CivilRecord, Spelling

NIC: Final = "urn:sandhi:fhir:nic"
BIRTH: Final = "urn:sandhi:fhir:birth-registration"
DEATH: Final = "urn:sandhi:fhir:death-registration"
LANGUAGE: Final = "http://hl7.org/fhir/StructureDefinition/language"
ALWAYS: Final = {"resourceType", "id"}  # `_elements` never leaves them out
_LANGUAGES: Final = {"eng": "en", "sin": "si", "tam": "ta"}

Patient = dict[str, object]


def patients(record: CivilRecord) -> Iterator[Patient]:
    """One Patient of a birth, with the death if a number connects them; else the death has a Patient of its own."""
    connected = record.nic is not None and record.death_has_nic
    numbers = [(BIRTH, record.birth_registration), *([(NIC, record.nic)] if record.nic else [])]
    if record.death_date is None or record.death_registration is None:
        yield _patient(record, numbers, {})
        return
    death: Patient = {"deceasedDateTime": record.death_date.isoformat()}
    dead = [(DEATH, record.death_registration)]
    yield _patient(record, [*numbers, *(dead if connected else [])], death if connected else {})
    if not connected:
        yield _patient(record, dead, death)


def searchset(
    found: Sequence[Patient], elements: frozenset[str], base: str, *, own: str, more: str, total: int
) -> dict[str, object]:
    """One page. `own` is its address, `more` the next page's, empty if there is none; `total` counts all pages."""
    links = [{"relation": "self", "url": own}, *([{"relation": "next", "url": more}] if more else [])]
    entries = [
        {
            "fullUrl": f"{base}/Patient/{each['id']}",
            "resource": _narrowed(each, elements),
            "search": {"mode": "match"},
        }
        for each in found
    ]
    bundle: dict[str, object] = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    return bundle | ({"entry": entries} if entries else {})


def _patient(record: CivilRecord, numbers: Sequence[tuple[str, str]], death: Patient) -> Patient:
    kind = "d" if numbers[0][0] == DEATH else "b"
    return {
        "resourceType": "Patient",
        "id": f"{kind}-{''.join(each for each in record.birth_registration if each.isalnum())}"[:64],
        "identifier": [{"system": system, "value": value} for system, value in numbers],
        "active": True,
        "name": [_name(each) for each in record.names],
        "gender": record.sex if record.sex in {"male", "female", "other"} else "unknown",
        "birthDate": record.birth_date.isoformat(),
        **death,
        "address": [{"use": "home", "district": record.birth_place}],
    }


def _name(spelling: Spelling) -> dict[str, object]:
    language = {"url": LANGUAGE, "valueCode": _LANGUAGES.get(spelling.language, spelling.language)}
    return {"extension": [language], "use": "official", "family": spelling.family, "given": spelling.given.split()}


def _narrowed(patient: Patient, elements: frozenset[str]) -> Patient:
    """`_elements`: the named ones and those that are always there; `meta` then says that something is missing."""
    if not elements:
        return patient
    names = {name for each in elements for name in ([each, "deceasedDateTime"] if each == "deceased" else [each])}
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    kept = {name: value for name, value in patient.items() if name in ALWAYS | names}
    return {**kept, "meta": {"tag": [tag]}}
