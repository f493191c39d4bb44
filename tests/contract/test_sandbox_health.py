"""The simulated health register: raw bytes over a socket, Bundles judged by models of others; what it refuses."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jsonschema
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from sandbox.agencies.health import HealthSettings, build, make_settings
from sandbox.client_tokens import Client
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.population.certificates import MedicalCertificate
from tests.two_judges import document

NIC, OTHER = "198534000123", "199012304567"
FOREVER, ENDS, REPLACED, DRAFT = (f"MC-2025-0000000{digit}" for digit in "1234")
SICK = "N18.4"
START, END = date(2025, 4, 1), date(2027, 3, 31)
RECORDS = {
    each.number: each
    for each in (
        MedicalCertificate(FOREVER, NIC, "disability", "current", START, None, SICK),
        MedicalCertificate(ENDS, NIC, "kidney", "current", START, END, SICK),
        MedicalCertificate(REPLACED, NIC, "work_capacity", "superseded", START, END, SICK),
        MedicalCertificate(DRAFT, NIC, "kidney", "preliminary", START, END, SICK),
    )
}
SYSTEMS = {"identifier": "urn:sandhi:fhir:certificate-number", "patient.identifier": "urn:sandhi:fhir:nic"}
ELEMENTS = "identifier,subject,status,docStatus,type,extension"
USED = json.loads((Path(__file__).parents[2] / "adapters/health/answer.json").read_text("utf-8"))  # of the profile
FAULTS = Faults()


class Certificates:
    def certificate_by_number(self, number: str) -> MedicalCertificate | None:
        return RECORDS.get(number)


class Place:
    def __init__(self, url: str, settings: HealthSettings) -> None:
        self.url, self.settings = url, settings
        exported = settings.exported()
        self.login = {
            "grant_type": "client_credentials",
            "client_id": exported["HEALTH_CLIENT_ID"],
            "client_secret": exported["HEALTH_CLIENT_SECRET"],
        }
        self.token = self.call("/oauth2/token", urlencode(self.login).encode())[1]["access_token"]

    def call(
        self, path: str, body: bytes, method: str = "POST", headers: Mapping[str, str | None] | None = None
    ) -> tuple[int, Any]:
        sent: dict[str, str | None] = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/fhir+json",
            "Prefer": "handling=strict",
            "Authorization": f"Bearer {getattr(self, 'token', '')}",
        }
        sent |= headers or {}
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        connection.request(method, path, body, {name: value for name, value in sent.items() if value is not None})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = make_settings("http://127.0.0.1", tmp_path_factory.mktemp("health"))
    clients = {**settings.clients, "poor": Client("secret", frozenset())}
    settings = replace(settings, clients=clients)
    with serving(build(Certificates(), settings, FAULTS)) as address:
        yield Place(address, settings)


@pytest.fixture(autouse=True)
def healthy() -> None:
    FAULTS.clear()


def form(number: str = ENDS, person: str = NIC, **more: str | None) -> bytes:
    asked: dict[str, str | None] = {
        "identifier": f"{SYSTEMS['identifier']}|{number}",
        "patient.identifier": f"{SYSTEMS['patient.identifier']}|{person}",
        "_elements": ELEMENTS,
    }
    asked |= {name.replace("patient_", "patient."): value for name, value in more.items()}
    return urlencode({name: value for name, value in asked.items() if value is not None}).encode()


SEARCH = "/DocumentReference/_search"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (FOREVER, ("current", "final", "DIS", None)),
        (ENDS, ("current", "final", "CKD", "2027-03-31")),
        (REPLACED, ("superseded", "final", "CAP", "2027-03-31")),
        (DRAFT, ("current", "preliminary", "CKD", "2027-03-31")),
    ],
)
def test_a_certificate_is_a_document_that_models_of_others_read(
    place: Place, number: str, expected: tuple[str, ...]
) -> None:
    status, content = place.call(SEARCH, form(number))
    document = Bundle.model_validate(content).entry[0].resource
    jsonschema.Draft202012Validator(USED).validate(content)
    assert (status, content["total"], document.identifier[0].value) == (200, 1, number)
    (extension,) = document.extension
    end = extension.valuePeriod.end
    found = (document.status, document.docStatus, document.type.coding[0].code, end and str(end))
    assert found == expected
    assert SICK not in json.dumps(content)
    assert set(content["entry"][0]["resource"]) == {*ELEMENTS.split(","), "resourceType", "id", "content"}


@pytest.mark.parametrize(("number", "person"), [("MC-2025-99999999", NIC), (ENDS, OTHER)])
def test_an_unknown_certificate_and_somebody_else_s_look_the_same(place: Place, number: str, person: str) -> None:
    status, content = place.call(SEARCH, form(number, person))
    Bundle.model_validate(content)
    assert (status, content) == (200, {"resourceType": "Bundle", "type": "searchset", "total": 0})


def test_without_elements_it_tells_more(place: Place) -> None:
    _, content = place.call(SEARCH, form(_elements=None))
    kinds = [(each["resource"]["resourceType"], each["search"]["mode"]) for each in content["entry"]]
    assert kinds == [("DocumentReference", "match"), ("Condition", "include")]
    assert SICK in json.dumps(content)
    Bundle.model_validate(content)


def test_under_lenient_handling_what_is_not_known_is_passed_over(place: Place) -> None:
    status, content = place.call(SEARCH, form(colour="mauve"), headers={"Prefer": None})
    assert (status, content["total"]) == (200, 1)


FORM = form()
REFUSED: dict[str, tuple[str, bytes, str, dict[str, str | None], int, str]] = {
    "no token": (SEARCH, FORM, "POST", {"Authorization": None}, 401, "login"),
    "a token of nobody": (SEARCH, FORM, "POST", {"Authorization": "Bearer abc"}, 401, "login"),
    "another scheme": (SEARCH, FORM, "POST", {"Authorization": "Basic abc"}, 401, "login"),
    "JSON": (SEARCH, b"{}", "POST", {"Content-Type": "application/json"}, 415, "not-supported"),
    "XML wanted": (SEARCH, FORM, "POST", {"Accept": "application/fhir+xml"}, 406, "not-supported"),
    "not ASCII": (SEARCH, b"identifier=\xff", "POST", {}, 400, "invalid"),
    "no form": (SEARCH, b"identifier", "POST", {}, 400, "invalid"),
    "empty": (SEARCH, b"", "POST", {}, 400, "required"),
    "a parameter twice": (SEARCH, FORM + b"&" + FORM, "POST", {}, 400, "invalid"),
    "over 8 KiB": (SEARCH, FORM + b"&_count=" + b"1" * 8192, "POST", {}, 413, "too-long"),
    "an unknown parameter": (SEARCH, form(colour="mauve"), "POST", {}, 400, "not-supported"),
    "no certificate": (SEARCH, form(identifier=None), "POST", {}, 400, "required"),
    "no person": (SEARCH, form(patient_identifier=None), "POST", {}, 400, "required"),
    "certificate without system": (SEARCH, form(identifier=ENDS), "POST", {}, 400, "invalid"),
    "certificate of another system": (SEARCH, form(identifier=f"urn:x|{ENDS}"), "POST", {}, 400, "invalid"),
    "certificate without value": (SEARCH, form(number=""), "POST", {}, 400, "invalid"),
    "person without system": (SEARCH, form(patient_identifier=NIC), "POST", {}, 400, "invalid"),
    "person by the old form of the number": (SEARCH, form(person="853400123V"), "POST", {}, 400, "invalid"),
    "elements that are no names": (SEARCH, form(_elements="a b"), "POST", {}, 400, "invalid"),
    "search by GET": (f"{SEARCH}?{FORM.decode()}", b"", "GET", {}, 405, "not-supported"),
    "a document by its id": (f"/DocumentReference/{ENDS.lower()}", b"", "GET", {}, 403, "forbidden"),
    "conditions": ("/Condition/_search", FORM, "POST", {}, 403, "forbidden"),
    "writing": ("/DocumentReference", b"{}", "POST", {}, 403, "forbidden"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_why_and_repeats_nothing(place: Place, case: str) -> None:
    path, body, method, headers, status, code = REFUSED[case]
    answered, content = place.call(path, body, method, headers)
    OperationOutcome.model_validate(content)
    jsonschema.Draft202012Validator(document("agency/own/health-certificate.json#/$defs/refused")).validate(content)
    assert (answered, content["issue"][0]["code"]) == (status, code)
    assert not any(each in json.dumps(content) for each in (NIC, ENDS, SICK, "mauve"))


def test_a_token_without_the_scope_opens_nothing(place: Place) -> None:
    login = {"grant_type": "client_credentials", "client_id": "poor", "client_secret": "secret"}
    _, granted = place.call("/oauth2/token", urlencode(login).encode())
    status, content = place.call(SEARCH, FORM, headers={"Authorization": f"Bearer {granted['access_token']}"})
    assert (status, content["issue"][0]["code"]) == (403, "forbidden")


def test_a_wrong_secret_gets_no_token(place: Place) -> None:
    status, _ = place.call("/oauth2/token", urlencode(place.login | {"client_secret": "x"}).encode())
    assert status == 401


def test_faults_on_demand(place: Place) -> None:
    FAULTS.set("refuse")
    assert place.call(SEARCH, FORM)[0] == 403
    FAULTS.set("wrong_schema")
    assert place.call(SEARCH, FORM)[1]["resourceType"] == "Patient"
    FAULTS.set("garbled")
    with pytest.raises(ValueError):
        place.call(SEARCH, FORM)
