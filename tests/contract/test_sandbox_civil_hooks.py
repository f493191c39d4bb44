"""OpenCRVS 1's webhook as the sandbox serves it: challenge, signed events, again until 200, also after a restart."""

import asyncio
import hashlib
import hmac
import http.client
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.agencies.civil_registration import CivilRegistrationSettings, Hooks, RecordIndex, build, make_settings
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import CivilRecord, Spelling

NAMES = (Spelling("eng", "Latn", "Nimal", "Perera"), Spelling("sin", "Sinh", "නිමල්", "පෙරේරා"))
DEAD = CivilRecord(
    "B000002", "195512304567", date(1955, 5, 2), NAMES, "male", "LK-12", date(2026, 9, 30), "D000002"
)  # fmt: skip


@dataclass
class Callback:
    """A subscriber: answers the challenge and keeps what it is sent."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)  # to answer with, before 200
    received: list[bytes] = field(default_factory=list)
    echoes: bool = True
    arrived: threading.Event = field(default_factory=threading.Event)

    async def challenge(self, request: Request) -> Response:
        assert request.query_params["mode"] == "subscribe"
        return JSONResponse({"challenge": request.query_params["challenge"] if self.echoes else "other"})

    async def event(self, request: Request) -> Response:
        self.received.append(await request.body())
        self.arrived.set()
        return Response(status_code=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
def callback() -> Iterator[Callback]:
    found = Callback()
    routes = [Route("/hook", found.challenge, methods=["GET"]), Route("/hook", found.event, methods=["POST"])]
    with serving(Starlette(routes=routes)) as url:
        found.url = f"{url}/hook"
        yield found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> CivilRegistrationSettings:
    return make_settings("http://127.0.0.1", tmp_path_factory.mktemp("civil"))


@pytest.fixture
def settings(made: CivilRegistrationSettings, tmp_path: Path) -> CivilRegistrationSettings:
    return replace(made, store=tmp_path / "store.db")


@dataclass
class Agency:
    url: str
    settings: CivilRegistrationSettings
    token: str = ""

    def send(
        self, method: str, target: str, body: bytes = b"", media_type: str = "application/json"
    ) -> tuple[int, Any]:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": media_type}
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            raw = answer.read()
            return answer.status, json.loads(raw) if raw else None
        finally:
            connection.close()

    def subscribe(self, callback: str, topic: str = "DEATH_REGISTERED", **hub: object) -> tuple[int, Any]:
        sent = {"callback": callback, "mode": "subscribe", "topic": topic, "secret": self.settings.hook_secret} | hub
        return self.send("POST", "/webhooks", json.dumps({"hub": sent}).encode())


@pytest.fixture
def agency(settings: CivilRegistrationSettings) -> Iterator[Agency]:
    with serving(build(RecordIndex([]), settings, Faults())) as url:
        found = Agency(url, settings)
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.clients[settings.client_id].secret,
        }
        form_type = "application/x-www-form-urlencoded"
        found.token = found.send("POST", "/oauth2/client/token", urlencode(form).encode(), form_type)[1]["access_token"]
        yield found


def hooks(settings: CivilRegistrationSettings) -> Hooks:
    return Hooks(settings.store, settings.hook_secret, retry_s=0.01)


def checked(raw: bytes, settings: CivilRegistrationSettings) -> dict[str, Any]:
    """The bundle of one event, after its HMAC is recomputed the way OpenCRVS documents it."""
    body = json.loads(raw)
    (bundle,) = body["payload"]["event"]["context"]
    escaped = json.dumps(bundle, separators=(",", ":")).encode("ascii")
    assert body["hmac"] == "sha256=" + hmac.new(settings.hook_secret.encode(), escaped, hashlib.sha256).hexdigest()
    assert isinstance(bundle, dict)
    return bundle


def resource(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]
    assert isinstance(found, dict)
    return found


async def test_a_death_is_told_with_the_documented_deviations(
    agency: Agency, settings: CivilRegistrationSettings, callback: Callback
) -> None:
    assert await asyncio.to_thread(agency.subscribe, callback.url) == (202, None)
    sender = hooks(settings)
    assert await sender.announce_death(DEAD) == 1
    await sender.settled()
    (raw,) = callback.received
    body = json.loads(raw)
    assert body["url"] == callback.url
    assert body["payload"]["event"]["hub"] == {"topic": "DEATH_REGISTERED"}
    assert {"id", "timestamp"} <= set(body["payload"])
    patient = resource(checked(raw, settings), "Patient")
    assert patient["identifier"] == [
        {"type": "DEATH_REGISTRATION_NUMBER", "value": "D000002"},
        {"type": "NATIONAL_ID", "value": "195512304567"},
    ]
    assert (patient["birthDate"], patient["deceasedDateTime"]) == ("1955-05-02", "2026-09-30")
    assert patient["name"][1] == {"use": "si", "given": ["නිමල්"], "family": ["පෙරේරා"]}
    task = resource(checked(raw, settings), "Task")
    assert [one["system"].rpartition("/")[2] for one in task["identifier"]] == [
        "death-tracking-id",
        "death-registration-number",
    ]


async def test_the_body_is_raw_utf8_while_the_hmac_covers_escaped_text(
    agency: Agency, settings: CivilRegistrationSettings, callback: Callback
) -> None:
    await asyncio.to_thread(agency.subscribe, callback.url)
    sender = hooks(settings)
    await sender.announce_death(DEAD)
    await sender.settled()
    (raw,) = callback.received
    assert "පෙරේරා".encode() in raw
    raw_bundle = re.search(rb'"context":\[(.*)\]}},"url"', raw, re.DOTALL)
    assert raw_bundle
    over_raw = hmac.new(settings.hook_secret.encode(), raw_bundle[1], hashlib.sha256).hexdigest()
    assert json.loads(raw)["hmac"] != f"sha256={over_raw}"


async def test_a_death_without_number_and_a_birth_carry_what_was_registered(
    agency: Agency, settings: CivilRegistrationSettings, callback: Callback
) -> None:
    await asyncio.to_thread(agency.subscribe, callback.url)
    await asyncio.to_thread(agency.subscribe, callback.url, "BIRTH_REGISTERED")
    sender = hooks(settings)
    await sender.announce_death(replace(DEAD, death_has_nic=False))
    await sender.announce_birth(DEAD)
    await sender.settled()
    patients = {
        json.loads(raw)["payload"]["event"]["hub"]["topic"]: resource(checked(raw, settings), "Patient")
        for raw in callback.received
    }
    assert [one["type"] for one in patients["DEATH_REGISTERED"]["identifier"]] == ["DEATH_REGISTRATION_NUMBER"]
    assert "deceasedDateTime" not in patients["BIRTH_REGISTERED"]
    assert patients["BIRTH_REGISTERED"]["identifier"][0] == {"type": "BIRTH_REGISTRATION_NUMBER", "value": "B000002"}


async def test_an_event_is_sent_again_until_200(
    agency: Agency, settings: CivilRegistrationSettings, callback: Callback
) -> None:
    await asyncio.to_thread(agency.subscribe, callback.url)
    callback.statuses = [500, 202, 204]
    sender = hooks(settings)
    await sender.announce_death(DEAD)
    await sender.settled()
    assert len(callback.received) == 4
    assert len(set(callback.received)) == 1


async def test_an_undelivered_event_survives_a_restart(
    agency: Agency, settings: CivilRegistrationSettings, callback: Callback
) -> None:
    await asyncio.to_thread(agency.subscribe, callback.url)
    callback.statuses = [503] * 1000
    sender = hooks(settings)
    await sender.announce_death(DEAD)
    await asyncio.to_thread(callback.arrived.wait, 10)
    await sender.close()
    callback.statuses = []
    again = hooks(settings)
    await again.start()
    await again.settled()
    assert callback.received[-1] == callback.received[0]
    seen = len(callback.received)
    last = hooks(settings)
    await last.start()
    await last.settled()
    assert len(callback.received) == seen


async def test_nobody_subscribed_means_nobody_told(settings: CivilRegistrationSettings) -> None:
    assert await hooks(settings).announce_death(DEAD) == 0


def test_subscriptions_are_listed_once_and_deleted(agency: Agency, callback: Callback) -> None:
    assert agency.subscribe(callback.url)[0] == 202
    assert agency.subscribe(callback.url)[0] == 202
    (entry,) = agency.send("GET", "/webhooks")[1]["entries"]
    assert (entry["callback"], entry["topic"]) == (callback.url, "DEATH_REGISTERED")
    assert {"id", "createdAt", "createdBy"} <= set(entry)
    assert agency.send("DELETE", f"/webhooks/{entry['id']}") == (204, None)
    assert agency.send("DELETE", f"/webhooks/{entry['id']}")[0] == 404
    assert agency.send("GET", "/webhooks")[1] == {"entries": []}


@pytest.mark.parametrize(
    "hub", [{"mode": "unsubscribe"}, {"topic": "MARRIAGE"}, {"callback": 7}, {"callback": "file:///etc/passwd"}]
)
def test_a_subscription_outside_the_contract_is_refused(
    agency: Agency, callback: Callback, hub: dict[str, object]
) -> None:
    sent = {"callback": callback.url, "mode": "subscribe", "topic": "DEATH_REGISTERED"} | hub
    status, body = agency.send("POST", "/webhooks", json.dumps({"hub": sent}).encode())
    assert (status, body["errors"][0]["code"]) == (400, "err.request.bad")


def test_another_secret_is_refused(agency: Agency, callback: Callback) -> None:
    status, body = agency.subscribe(callback.url, secret="other")
    assert (status, body["errors"][0]["code"]) == (401, "err.request.unauthorized")


def test_a_callback_that_does_not_answer_the_challenge_is_refused(agency: Agency, callback: Callback) -> None:
    callback.echoes = False
    assert agency.subscribe(callback.url)[0] == 400
    assert agency.subscribe(callback.url.replace("/hook", "/none"))[0] == 400
    assert agency.subscribe("http://127.0.0.1:9/hook")[0] == 400
    assert agency.send("GET", "/webhooks")[1] == {"entries": []}


def test_a_token_is_needed(agency: Agency, callback: Callback) -> None:
    agency.token = "x"
    assert agency.subscribe(callback.url)[0] == 401
    assert agency.send("DELETE", "/webhooks/1")[0] == 401
