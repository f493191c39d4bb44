"""A gateway that answers as it is told: on loopback, in a thread, with the paths that the registry uses."""

import json
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from joserfc import jwk
from sandhi_client.jcs import canonical
from sandhi_client.keys import OwnKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Line = Callable[[Mapping[str, Any]], dict[str, Any]]
GATEWAY, REGISTRY = "LK.GOV.SANDHI.GATEWAY", "LK.GOV.WBB.SRIS"


def a_key() -> dict[str, str]:
    """A private JWK as the client's file holds it."""
    key = jwk.OKPKey.generate_key("Ed25519")
    content = {name: str(value) for name, value in key.as_dict(private=True).items()}
    return content | {"kid": key.thumbprint(), "alg": "EdDSA"}


@dataclass(slots=True)
class Gateway:
    """What it was asked, and how it answers.

    `answers` is by service: a subject in, the members of the batch line out. `held` batches stay running.
    `refused` are national numbers about which every delivery is refused, `forgotten` batches are gone.
    """

    answers: dict[str, Line] = field(default_factory=dict)
    held: bool = False
    refused: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    consents: dict[str, Any] = field(default_factory=dict)
    subscriptions: list[Any] = field(default_factory=list)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict)
    key: OwnKey = field(default_factory=lambda: OwnKey(a_key()))
    url: str = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/oauth2/token", self._token, methods=["POST"]),
                Route("/.well-known/jwks.json", self._keys),
                Route("/v1/consents", self._consents, methods=["POST"]),
                Route("/dci/registry/subscribe", self._subscribe, methods=["POST"]),
                Route("/v1/batches", self._batch, methods=["POST"]),
                Route("/v1/batches/{id}", self._state),
                Route("/v1/batches/{id}/results", self._results),
                Route("/v1/deliveries", self._deliver, methods=["POST"]),
                Route("/v1/deliveries/{id}", self._delivery),
            ]
        )

    def client_file(self) -> str:
        """The content of `clients/sr.json`."""
        content = {"gateway": self.url, "client_id": "sr", "system": "LK/GOV/WBB/SRIS", "private_jwk": a_key()}
        return json.dumps(content)

    def asked(self, service: str) -> list[dict[str, Any]]:
        """The bodies of the batches about a service."""
        return [each for each in self.batches.values() if each["service"] == service]

    def notify(self, kind: str, *records: Mapping[str, object], action: str = "notify") -> bytes:
        """A signed notification with one event for each record; every call makes new ids."""
        events = [
            {
                "reference_id": str(uuid.uuid4()),
                "timestamp": stamp(),
                "data": {"version": "1.0.0", "reg_record_type": f"sandhi:{kind}:v1", "reg_records": dict(record)},
            }
            for record in records
        ]
        message = {"transaction_id": str(uuid.uuid4()), "notify_event": events}
        return self.signed(action, message)

    def signed(self, action: str, message: Mapping[str, object], receiver: str = REGISTRY) -> bytes:
        header = {
            "version": "1.0.0",
            "message_id": str(uuid.uuid4()),
            "message_ts": stamp(),
            "action": action,
            "sender_id": GATEWAY,
            "receiver_id": receiver,
            "total_count": 1,
            "is_msg_encrypted": False,
        }
        covered = {"header": header, "message": dict(message)}
        return json.dumps({"signature": self.key.detached(canonical(covered)), **covered}).encode()

    async def _token(self, _: Request) -> Response:
        return JSONResponse({"access_token": "t", "token_type": "DPoP", "expires_in": 300})

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.public_jwk]})

    async def _consents(self, request: Request) -> Response:
        told: list[dict[str, object]] = []
        for line in (await request.body()).splitlines():
            consent = json.loads(line)
            outcome = "unchanged" if consent["id"] in self.consents else "recorded"
            self.consents[consent["id"]] = consent
            told.append({"line": len(told) + 1, "id": consent["id"], "outcome": outcome})
        return Response("".join(json.dumps(each) + "\n" for each in told), media_type="application/x-ndjson")

    async def _subscribe(self, request: Request) -> Response:
        self.subscriptions.append(await request.json())
        return JSONResponse({"message": {"ack_status": "ACK", "correlation_id": str(uuid.uuid4())}})

    async def _batch(self, request: Request) -> Response:
        batch_id = str(uuid.uuid4())
        self.batches[batch_id] = await request.json()
        self.calls["batch"] += 1
        return JSONResponse(self._shown(batch_id), 202)

    async def _state(self, request: Request) -> Response:
        self.calls["state"] += 1
        batch_id = request.path_params["id"]
        if batch_id not in self.batches or batch_id in self.forgotten:
            return _problem(404, "not_found")
        return JSONResponse(self._shown(batch_id))

    async def _results(self, request: Request) -> Response:
        batch = self.batches[request.path_params["id"]]
        answer = self.answers[batch["service"]]
        lines = [{"line": each["line"], **answer(each["subject"])} for each in batch["lines"]]
        return Response("".join(json.dumps(each) + "\n" for each in lines), media_type="application/x-ndjson")

    async def _deliver(self, request: Request) -> Response:
        body = await request.json()
        self.calls["delivery"] += 1
        known = self.deliveries.setdefault(body["idempotency_key"], body)
        if known != body:
            return _problem(409, "conflict")
        if number_of(body["subject"]) in self.refused:
            return _problem(403, "refused_by_rules")
        return JSONResponse(self._delivered(body["idempotency_key"]), 202)

    async def _delivery(self, request: Request) -> Response:
        return JSONResponse(self._delivered(request.path_params["id"]))

    def _shown(self, batch_id: str) -> dict[str, object]:
        state, lines = "running" if self.held else "done", len(self.batches[batch_id]["lines"])
        return {"batch_id": batch_id, "exchange_id": batch_id, "state": state, "lines": lines, "done": 0}

    def _delivered(self, key: str) -> dict[str, object]:
        service = self.deliveries[key]["service"]
        return {"delivery_id": key, "exchange_id": key, "service": service, "state": "handed", "outcome": "answered"}


def number_of(subject: Mapping[str, Any]) -> str:
    """The national number of a subject on the wire."""
    return str(next(each["value"] for each in subject["identifiers"] if each["type"] == "NIC"))


def stamp() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@contextmanager
def running(gateway: Gateway) -> Iterator[Gateway]:
    """Serve it on a free loopback port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        gateway.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(gateway.app(), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield gateway
        finally:
            server.should_exit = True
            thread.join(10)


def _problem(status: int, code: str) -> Response:
    return JSONResponse({"status": status, "code": code, "detail": code}, status)
