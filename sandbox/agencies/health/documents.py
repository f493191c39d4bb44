"""Certificates as FHIR R4 DocumentReferences, and the Bundle around them."""

import json
from collections.abc import Sequence
from typing import Any, Final

from sandbox.population.certificates import MedicalCertificate
from sandbox.strict_xml import SCHEMAS

CERTIFICATE: Final = "urn:sandhi:fhir:certificate-number"
PERSON: Final = "urn:sandhi:fhir:nic"
VALIDITY: Final = "urn:sandhi:fhir:certificate-validity"
ALWAYS = {"resourceType", "id", "status", "content"}  # mandatory in R4, so `_elements` never leaves them out
_TABLE: Final[dict[str, Any]] = json.loads((SCHEMAS / "codes/medical-certificate-category.json").read_text("utf-8"))
_CODES: Final = {each["category"]: each["code"] for each in _TABLE["codes"]}


def searchset(found: Sequence[MedicalCertificate], elements: frozenset[str]) -> dict[str, object]:
    """The Bundle. Without `elements` a document comes whole, and what it is about comes with it."""
    entries: list[dict[str, object]] = [
        {"resource": _narrowed(_document(each), elements), "search": {"mode": "match"}} for each in found
    ]
    if not elements:
        entries += [{"resource": _condition(each), "search": {"mode": "include"}} for each in found]
    bundle: dict[str, object] = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    return bundle | ({"entry": entries} if entries else {})


def _document(each: MedicalCertificate) -> dict[str, object]:
    period = {"start": each.valid_from.isoformat()}
    if each.valid_until is not None:
        period["end"] = each.valid_until.isoformat()
    return {
        "resourceType": "DocumentReference",
        "id": each.number.lower(),
        "extension": [{"url": VALIDITY, "valuePeriod": period}],
        "identifier": [{"system": CERTIFICATE, "value": each.number}],
        "status": "superseded" if each.state == "superseded" else "current",
        "docStatus": "preliminary" if each.state == "preliminary" else "final",
        "type": {"coding": [{"system": _TABLE["system"], "code": _CODES[each.category]}]},
        "subject": {"identifier": {"system": PERSON, "value": each.nic}},
        "description": f"Certificate about {each.diagnosis}",
        "content": [{"attachment": {"contentType": "application/pdf"}}],
        "context": {"related": [{"reference": f"Condition/{each.number.lower()}"}]},
    }


def _condition(each: MedicalCertificate) -> dict[str, object]:
    return {
        "resourceType": "Condition",
        "id": each.number.lower(),
        "subject": {"identifier": {"system": PERSON, "value": each.nic}},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": each.diagnosis}]},
    }


def _narrowed(resource: dict[str, object], elements: frozenset[str]) -> dict[str, object]:
    if not elements:
        return resource
    return {name: value for name, value in resource.items() if name in ALWAYS | elements}
