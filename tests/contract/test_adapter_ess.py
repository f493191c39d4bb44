"""The ESS adapter against a scripted ESS on loopback; every envelope is checked against the published messages."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jsonschema
import pytest
from aiohttp import web

import schemas
from adapters.ess.adapter import Ess, build
from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit.base import Kit
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Handed,
    Identifier,
    Item,
    Question,
    Subject,
)
from adapters.kit.dci_wire import BodySigned
from adapters.kit.egress import Dialler

FOLDER = Path(__file__).parents[2] / "adapters/ess"
TestEss = suite(FOLDER)

NIC = "199012304567"
KAMALA = Subject(identifiers=(Identifier("NIC", NIC),))
QUESTION = Question("ess.enrolment", KAMALA, frozenset({"enrolled", "status"}), date(2026, 10, 31))
UPDATE = Item("item-1", "ess.update", {"member_id": "SR-1", "event": "moved", "date": "2026-11-03"}, KAMALA)
NOW = "2026-11-03T08:00:00.000Z"
Message = dict[str, Any]
OPERATIONS: Any = schemas.load("dci/ess.json")["operations"]


def ack(status: str = "ACK", code: str = "") -> Message:
    error = {"error": {"code": code, "message": "no"}} if code else {}
    return {"message": {"ack_status": status, "timestamp": NOW, "correlation_id": "c-1", **error}}


def item(status: str = "succ", enrolled: str = "Active") -> Message:
    return {"reference_id": "r", "timestamp": NOW, "status": status, "enrolled_status": enrolled}


class SupportSystem:
    """ESS's side: gives tokens, checks each envelope against the published schema, answers as scripted."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Message]] = []
        self.enrolled: list[Message] = [item()]
        self.found: list[Message] = []
        self.header: Message = {}
        self.ack: Message = ack()
        self.status = 200
        self.wrong_transaction = False

    def paths(self) -> list[str]:
        return [path for path, _ in self.received]

    async def handle(self, request: web.BaseRequest) -> web.Response:
        path = request.path.removeprefix("/ess")
        if path == "/oauth2/client/token":
            form = parse_qs((await request.read()).decode())
            assert form == {
                "grant_type": ["client_credentials"],
                "client_id": ["gateway"],
                "client_secret": ["made-up"],
            }
            assert parsedate_to_datetime(request.headers["timestamp"])
            return web.json_response({"access_token": "t0k", "token_type": "Bearer", "expires_in": "300"})
        assert request.headers["authorization"] == "Bearer t0k"
        envelope = json.loads(await request.read())
        operation = OPERATIONS[path]
        jsonschema.Draft4Validator(operation["request"]).validate(envelope)
        assert envelope["header"]["action"] in operation["action"]
        assert envelope["signature"] == f"signed {envelope['header']['message_id']}"
        self.received.append((path, envelope))
        return web.json_response(self._answer(path, envelope), status=self.status)

    def _answer(self, path: str, envelope: Message) -> Message:
        if self.status != 200:
            return {"errors": [{"code": "err.request.forbidden", "message": f"about {NIC}"}]}
        if path in {"/registry/notify", "/registry/subscribe"}:
            return self.ack
        transaction = "another" if self.wrong_transaction else envelope["message"]["transaction_id"]
        message: Message = {"transaction_id": transaction, "correlation_id": "c-1"}
        action = "txn-on-status" if path.endswith("check-enrollment") else "on-search"
        header = {"message_id": "a", "message_ts": NOW, "action": action, "status": "succ", **self.header}
        if action == "txn-on-status":
            return {"header": header, "message": message | {"enrolled_response": self.enrolled}}
        (asked,) = envelope["message"]["search_request"]
        data = {"reg_records": self.found}
        answer = {"reference_id": asked["reference_id"], "timestamp": NOW, "status": "succ", "data": data}
        return {"header": header, "message": message | {"search_response": [answer]}}


@pytest.fixture
async def link() -> AsyncIterator[tuple[Ess, SupportSystem]]:
    ess = SupportSystem()
    runner = web.ServerRunner(web.Server(ess.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    settings = {
        "ESS_URL": f"http://127.0.0.1:{port}/ess",
        "ESS_CLIENT_ID": "gateway",
        "ESS_CLIENT_SECRET": "made-up",
        "ESS_SENDER_ID": "LK.GOV.SANDHI.GATEWAY",
    }
    dialler = Dialler(allowed={f"127.0.0.1:{port}"})

    def sign(signed: Message) -> str:
        return f"signed {signed['header']['message_id']}"

    kit = Kit(FOLDER, manifests.load(FOLDER), mappings.load(FOLDER), settings.__getitem__, dialler, BodySigned(sign))
    yield build(kit), ess
    await dialler.close()
    await runner.cleanup()


async def failed(adapter: Ess, given: Question | Item) -> tuple[type[AgencyError], str]:
    with pytest.raises(AgencyError) as raised:
        await (adapter.ask(given) if isinstance(given, Question) else adapter.deliver(given))
    assert NIC not in f"{raised.value} {raised.value.code}"
    return type(raised.value), raised.value.code


async def test_enrolment_is_asked_in_the_published_form(link: tuple[Ess, SupportSystem]) -> None:
    adapter, ess = link
    raw = await adapter.ask(QUESTION)
    assert adapter.normalise("ess.enrolment", raw) == {"enrolled": True, "status": "Active"}
    assert raw.as_of == date(2026, 10, 31)
    ((path, envelope),) = ess.received
    assert (path, envelope["header"]["action"]) == ("/registry/sync/check-enrollment", "enrollementstatus")
    assert envelope["message"]["enrolled_criteria"]["query"] == {"person_identifier": {"eq": NIC}}
    assert (envelope["header"]["sender_id"], envelope["header"]["receiver_id"]) == (
        "LK.GOV.SANDHI.GATEWAY",
        "LK.GOV.DME.ESS",
    )


@pytest.mark.parametrize(
    ("items", "kind", "code"),
    [
        ([], AgencyHasNoSuchPerson, "none"),
        ([item("rjct")], AgencyHasNoSuchPerson, "rjct"),
        ([item(), item()], AgencyCannotTell, "several"),
        ([item("pdng")], AgencyUnavailable, "pdng"),
        ([item(enrolled="Graduated")], AgencyAnswerMalformed, ""),
    ],
)
async def test_what_is_no_status_of_one_person_is_told_apart(
    link: tuple[Ess, SupportSystem], items: list[Message], kind: type[AgencyError], code: str
) -> None:
    adapter, ess = link
    ess.enrolled = items
    assert await failed(adapter, QUESTION) == (kind, code)


async def test_an_answer_to_another_transaction_or_a_rejected_message_is_not_used(
    link: tuple[Ess, SupportSystem],
) -> None:
    adapter, ess = link
    ess.wrong_transaction = True
    assert (await failed(adapter, QUESTION))[0] is AgencyAnswerMalformed
    ess.wrong_transaction = False
    ess.header = {"status": "rjct", "status_reason_code": "rjct.version.invalid"}
    assert await failed(adapter, QUESTION) == (AgencyRejectedMessage, "rjct.version.invalid")


async def test_without_a_number_nothing_is_asked(link: tuple[Ess, SupportSystem]) -> None:
    adapter, ess = link
    nobody = Question("ess.enrolment", Subject(), frozenset({"enrolled"}), date(2026, 10, 31))
    assert await failed(adapter, nobody) == (AgencyRejectedMessage, "identifier")
    assert ess.received == []


async def test_search_gives_members_or_none(link: tuple[Ess, SupportSystem]) -> None:
    adapter, ess = link
    assert await adapter.search(KAMALA) == []
    ess.found = [{"@type": "spdci:Member"}]
    assert await adapter.search(KAMALA) == [{"@type": "spdci:Member"}]
    criteria = ess.received[0][1]["message"]["search_request"][0]["search_criteria"]
    assert criteria["query"] == {"type": "UIN", "value": NIC}


@pytest.mark.parametrize("status", ["ACK", "NACK"])
async def test_a_push_is_one_item_and_the_acknowledgement_says_only_that_it_was_taken(
    link: tuple[Ess, SupportSystem], status: str
) -> None:
    adapter, ess = link
    ess.ack = ack(status)
    assert await adapter.deliver(UPDATE) == Handed("c-1", status)
    ((_, envelope),) = ess.received
    (event,) = envelope["message"]["notify_event"]
    assert (event["reference_id"], envelope["header"]["total_count"]) == ("item-1", 1)
    assert event["data"]["reg_event_type"] == "enrolment_status_change"
    assert event["data"]["reg_record_type"] == "ProgrammeUpdate"


async def test_a_push_that_the_person_contests_says_so(link: tuple[Ess, SupportSystem]) -> None:
    adapter, ess = link
    await adapter.deliver(replace(UPDATE, contested=True))
    ((_, envelope),) = ess.received  # judged by the published schema when it came
    assert envelope["message"]["notify_event"][0]["data"]["contested"] is True


async def test_a_repeated_push_carries_the_same_ids_so_that_ess_can_tell(link: tuple[Ess, SupportSystem]) -> None:
    adapter, ess = link
    await adapter.deliver(UPDATE)
    await adapter.deliver(UPDATE)
    first, second = (envelope for _, envelope in ess.received)
    assert first["header"]["message_id"] == second["header"]["message_id"]
    assert first["message"]["transaction_id"] == second["message"]["transaction_id"] == "item-1"


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        (lambda ess: setattr(ess, "status", 403), AgencyRefused, "err.request.forbidden"),
        (
            lambda ess: setattr(ess, "ack", ack("ERR", "err.signature.invalid")),
            AgencyRefused,
            "err.signature.invalid",
        ),
        (lambda ess: setattr(ess, "ack", ack("ERR", "err.request.bad")), AgencyRejectedMessage, "err.request.bad"),
        (
            lambda ess: setattr(ess, "ack", ack("ERR", "err.service.unavailable")),
            AgencyUnavailable,
            "err.service.unavailable",
        ),
        (lambda ess: setattr(ess, "ack", {"message": {}}), AgencyAnswerMalformed, ""),
    ],
)
async def test_a_push_that_was_not_taken_is_told_by_its_code(
    link: tuple[Ess, SupportSystem], change: Callable[[SupportSystem], None], kind: type[AgencyError], code: str
) -> None:
    adapter, ess = link
    change(ess)
    assert await failed(adapter, UPDATE) == (kind, code)


async def test_the_gateway_subscribes_to_both_kinds_of_events(link: tuple[Ess, SupportSystem]) -> None:
    adapter, ess = link
    callback = "https://gateway.example/dci/registry/on-subscribe"
    await adapter.subscribe("https://gateway.example")
    ((path, envelope),) = ess.received
    assert path == "/registry/subscribe"
    assert (envelope["header"]["sender_uri"], envelope["header"]["total_count"]) == (callback, 2)
    criteria = [each["subscribe_criteria"]["reg_event_type"] for each in envelope["message"]["subscribe_request"]]
    assert criteria == ["enrolment", "enrolment_status_change"]


async def test_a_push_service_is_not_asked_and_a_read_service_takes_nothing(link: tuple[Ess, SupportSystem]) -> None:
    adapter, _ = link
    asked = Question("ess.update", KAMALA, frozenset(), date(2026, 10, 31))
    assert await failed(adapter, asked) == (AgencyRejectedMessage, "push_only")
    assert await failed(adapter, Item("i", "ess.enrolment", {})) == (AgencyRejectedMessage, "read_only")
