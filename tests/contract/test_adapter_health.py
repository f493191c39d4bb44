"""The health adapter against a scripted FHIR server: what is asked, what is used of an answer, and what never is."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import pytest
from aiohttp import web

from adapters.health.adapter import Health, build
from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit.base import Kit
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Question,
    Subject,
)
from adapters.kit.egress import Dialler
from tests.two_judges import document as stored

FOLDER = Path(__file__).parents[2] / "adapters/health"
TestHealth = suite(FOLDER)

SERVICE = "health.certificate"
NUMBER, PERSON, STRANGER = "MC-2025-00012345", "198534000123", "199012304567"
CERTIFICATE, NIC = "urn:sandhi:fhir:certificate-number", "urn:sandhi:fhir:nic"
GENUINE = {"genuine": True, "category": "kidney", "valid_until": "2027-03-31"}
NOT_GENUINE = {"genuine": False, "category": None, "valid_until": None}
Node = dict[str, Any]


def document(**changed: object) -> Node:
    made: Node = {
        "resourceType": "DocumentReference",
        "status": "current",
        "masterIdentifier": {"system": CERTIFICATE, "value": NUMBER},
        "subject": {"identifier": {"system": NIC, "value": PERSON}},
        "type": {"coding": [{"system": "urn:sandhi:fhir:certificate-category", "code": "CKD"}]},
        "extension": [
            {"url": "urn:sandhi:fhir:certificate-validity", "valuePeriod": {"end": "2027-03-31T23:59:59+05:30"}}
        ],
        "content": [{"attachment": {"contentType": "application/pdf"}}],
    }
    return made | changed


def bundle(*resources: Node) -> Node:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in resources]}


class Server:
    """Gives tokens, keeps what it is asked, and answers as told."""

    def __init__(self) -> None:
        self.answer: Node = bundle(document())
        self.status, self.kind = 200, "application/fhir+json"
        self.searches: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.tokens = 0

    async def handle(self, request: web.BaseRequest) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode()))
        if request.path == "/fhir/oauth2/token":
            self.tokens += 1
            assert form["scope"] == "system/DocumentReference.rs"
            return web.json_response({"access_token": f"t{self.tokens}", "token_type": "bearer", "expires_in": 300})
        assert (request.method, request.path_qs) == ("POST", "/fhir/DocumentReference/_search")
        self.searches.append(form)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.status == 401 and self.tokens > 1:
            self.status = 200
        text = json.dumps(self.answer if self.status == 200 else {"resourceType": "OperationOutcome"})
        return web.Response(text=text, status=self.status, content_type=self.kind)


@pytest.fixture
async def link() -> AsyncIterator[tuple[Health, Server]]:
    server = Server()
    runner = web.ServerRunner(web.Server(server.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    settings = {
        "HEALTH_URL": f"http://127.0.0.1:{port}/fhir",
        "HEALTH_CLIENT_ID": "sandhi-gateway",
        "HEALTH_CLIENT_SECRET": "s3cret",
    }
    dialler = Dialler(allowed={f"127.0.0.1:{port}"})
    yield build(Kit(FOLDER, manifests.load(FOLDER), mappings.load(FOLDER), settings.__getitem__, dialler)), server
    await dialler.close()
    await runner.cleanup()


def question(certificate: str = NUMBER, person: str = PERSON) -> Question:
    numbers = (("CERTIFICATE", certificate), ("NIC", person))
    subject = Subject(tuple(Identifier(kind, value) for kind, value in numbers if value))
    return Question(SERVICE, subject, frozenset(GENUINE), date(2026, 10, 31))


async def record(adapter: Health, asked: Question | None = None) -> dict[str, object]:
    return adapter.normalise(SERVICE, await adapter.ask(asked or question()))


async def test_the_search_asks_for_one_certificate_of_one_person_and_six_members(link: tuple[Health, Server]) -> None:
    adapter, server = link
    assert await record(adapter, question(person="853400123V")) == GENUINE
    assert server.searches == [
        {
            "identifier": f"{CERTIFICATE}|{NUMBER}",
            "patient.identifier": f"{NIC}|{PERSON}",
            "_elements": "identifier,subject,status,docStatus,type,extension",
            "_count": "2",
        }
    ]
    search = stored("agency/own/health-certificate.json#/$defs/search")
    jsonschema.Draft202012Validator(search).validate(server.searches[0])
    (headers,) = server.headers
    assert (headers["prefer"], headers["accept"]) == ("handling=strict", "application/fhir+json")
    assert headers["authorization"] == "Bearer t1"


async def test_what_is_not_in_the_register_is_not_genuine(link: tuple[Health, Server]) -> None:
    adapter, server = link
    server.answer = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    raw = await adapter.ask(question())
    assert (raw.empty, raw.payload) == (False, {})
    assert await record(adapter) == NOT_GENUINE


async def test_neither_number_is_kept_in_the_payload(link: tuple[Health, Server]) -> None:
    adapter, _ = link
    raw = await adapter.ask(question())
    assert NUMBER not in repr(raw)
    assert PERSON not in repr(raw)


async def test_a_token_that_is_refused_is_fetched_anew_once(link: tuple[Health, Server]) -> None:
    adapter, server = link
    server.status = 401
    assert await record(adapter) == GENUINE
    assert server.tokens == 2


OTHERS = {"identifier": {"system": NIC, "value": STRANGER}}
MALFORMED: dict[str, tuple[Node, str]] = {
    "another person's": (bundle(document(subject=OTHERS)), "identifier"),
    "nobody's": (bundle(document(subject={"reference": "Patient/1"})), "identifier"),
    "another certificate": (
        bundle(document(masterIdentifier={"system": CERTIFICATE, "value": "MC-2025-00099999"})),
        "identifier",
    ),
    "number of another system": (bundle(document(masterIdentifier={"system": "x", "value": NUMBER})), "identifier"),
    "two": (bundle(document(), document()), "match"),
    "a Condition as a match": (bundle({"resourceType": "Condition"}), "match"),
    "a collection": (bundle(document()) | {"type": "collection"}, "200"),
    "too many": (bundle(*[document()] * 21), "200"),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_an_answer_that_does_not_fit_is_not_used(link: tuple[Health, Server], case: str) -> None:
    adapter, server = link
    server.answer, code = MALFORMED[case]
    with pytest.raises(AgencyAnswerMalformed) as raised:
        await record(adapter)
    assert raised.value.code == code
    assert not any(each in str(raised.value) for each in (NUMBER, PERSON, STRANGER))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, AgencyRejectedMessage), (403, AgencyRefused), (404, AgencyRejectedMessage), (503, AgencyUnavailable)],
)
async def test_a_refusal_is_told_by_its_status(
    link: tuple[Health, Server], status: int, kind: type[AgencyError]
) -> None:
    adapter, server = link
    server.status = status
    with pytest.raises(kind):
        await record(adapter)


async def test_plain_json_is_json_and_html_is_not(link: tuple[Health, Server]) -> None:
    adapter, server = link
    server.kind = "application/json"
    assert await record(adapter) == GENUINE
    server.kind = "text/html"
    with pytest.raises(AgencyAnswerMalformed):
        await record(adapter)


@pytest.mark.parametrize(
    "asked", [question(certificate=""), question(person=""), question("MC 1|x"), question(person="12345")]
)
async def test_without_both_numbers_nothing_is_sent(link: tuple[Health, Server], asked: Question) -> None:
    adapter, server = link
    with pytest.raises(AgencyRejectedMessage):
        await adapter.ask(asked)
    assert (server.tokens, server.searches) == (0, [])


STANDS: list[tuple[Callable[[], Node], dict[str, object]]] = [
    (lambda: document(docStatus="amended"), GENUINE),
    (lambda: document(docStatus="entered-in-error"), NOT_GENUINE),
    (lambda: document(status="entered-in-error", type=None), NOT_GENUINE),
    (lambda: document(extension=[]), GENUINE | {"valid_until": None}),
]


@pytest.mark.parametrize(("made", "expected"), STANDS)
async def test_what_stands_is_genuine(
    link: tuple[Health, Server], made: Callable[[], Node], expected: dict[str, object]
) -> None:
    adapter, server = link
    server.answer = bundle(made())
    assert await record(adapter) == expected
