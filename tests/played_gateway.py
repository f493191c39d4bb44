"""A gateway that is played, for tests of the sandbox's agencies: it signs with the product's own code, takes what the
agencies send, and answers as the test says."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.trust import signatures
from gateway.trust.keys import new_key, private_jwk

ID = "LK.GOV.SANDHI.GATEWAY"
Message = dict[str, Any]
HANDED = {"state": "handed", "outcome": "answered", "receiver_state": ""}


def stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class PlayedGateway:
    """`judge` gives what becomes of a delivery: its state members, or `(status, code)` for a refusal at once."""

    def __init__(self, alg: str = "EdDSA") -> None:
        self.key = new_key(alg)
        self.deliveries: dict[str, Message] = {}  # by idempotency key
        self.attempts: list[str] = []
        self.told: list[tuple[str, Message]] = []
        self.judge: Callable[[Message], Mapping[str, str] | tuple[int, str]] = lambda _: HANDED
        self.record: Callable[[Message], Message | tuple[int, str]] = lambda _: {}  # what an exchange releases
        self.search: Callable[[Message], list[Message] | str] = lambda _: []  # what a DCI search finds, or why not
        self.consents: list[Message] = []
        self.busy = 0  # so many calls are answered 503
        self.cut = 0  # so many deliveries are taken, and their answer is lost
        self.keys_fetched = 0
        self.app = Starlette(
            routes=[
                Route("/.well-known/jwks.json", self._jwks),
                Route("/oauth2/token", self._token, methods=["POST"]),
                Route("/v1/deliveries", self._deliver, methods=["POST"]),
                Route("/v1/deliveries/{id}", self._delivery),
                Route("/v1/consents", self._consent, methods=["POST"]),
                Route("/v1/exchanges", self._exchange, methods=["POST"]),
                Route("/dci/registry/sync/search", self._search, methods=["POST"]),
                Route("/dci/registry/{action}", self._tell, methods=["POST"]),
            ]
        )

    def signed(self, header: Message, message: Message) -> Message:
        return {"signature": signatures.signed(header, message, self.key), "header": header, "message": message}

    def envelope(self, action: str, receiver: str, message: Message, total: int = 1, **header: object) -> Message:
        status = {"status": "succ"} if action == "notify" else {}
        made = {
            "version": "1.0.0",
            "message_id": str(uuid4()),
            "message_ts": stamp(),
            "action": action,
            "sender_id": ID,
            "receiver_id": receiver,
            "total_count": total,
            "is_msg_encrypted": False,
        }
        return self.signed(made | status | header, message)

    def notice(self, receiver: str, record_type: str, record: object, item: str = "", **header: object) -> Message:
        item = item or str(uuid4())
        data = {"version": "1.0.0", "reg_record_type": record_type, "reg_records": record}
        event = {"reference_id": item, "timestamp": stamp(), "data": data}
        return self.envelope("notify", receiver, {"transaction_id": item, "notify_event": [event]}, **header)

    def records(self, service: str) -> list[Message]:
        return [body["record"] for body in self.deliveries.values() if body["service"] == service]

    def events(self) -> list[Message]:
        """The attributes of the events told, in the order they came."""
        items = [
            item for action, envelope in self.told if action == "notify" for item in envelope["message"]["notify_event"]
        ]
        return [
            {
                name: value
                for each in item["data"]["reg_records"]["additional_attributes"]
                for name, value in each.items()
            }
            | {"event": item["data"]["reg_event_type"], "id": item["reference_id"]}
            for item in items
        ]

    def credentials(self, folder: Path, url: str, name: str, system: str) -> None:
        folder.mkdir(exist_ok=True)
        document = {"gateway": url, "client_id": name, "system": system, "private_jwk": private_jwk(new_key("EdDSA"))}
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")

    async def _jwks(self, _: Request) -> Response:
        self.keys_fetched += 1
        return JSONResponse({"keys": [dict(self.key.jwk)]})

    async def _token(self, _: Request) -> Response:
        return JSONResponse({"access_token": "t0k", "token_type": "DPoP", "expires_in": 300})

    async def _deliver(self, request: Request) -> Response:
        if self.busy:
            self.busy -= 1
            return JSONResponse({"code": "no_evidence"}, 503)
        body = await request.json()
        key = body["idempotency_key"]
        self.attempts.append(key)
        judged = self.judge(body)
        if isinstance(judged, tuple):
            return JSONResponse({"code": judged[1]}, judged[0])
        self.deliveries.setdefault(key, body)
        if self.cut:
            self.cut -= 1
            return JSONResponse({}, 503)
        return JSONResponse(self._shown(key, "queued"), 202)

    async def _delivery(self, request: Request) -> Response:
        key = next(key for key in self.deliveries if _id(key) == request.path_params["id"])
        return JSONResponse(self._shown(key, ""))

    def _shown(self, key: str, state: str) -> Message:
        judged = self.judge(self.deliveries[key])
        assert not isinstance(judged, tuple)
        return {"delivery_id": _id(key), **judged} | ({"state": state} if state else {})

    async def _consent(self, request: Request) -> Response:
        self.consents.append(await request.json())
        return JSONResponse({"outcome": "recorded"}, 201)

    async def _exchange(self, request: Request) -> Response:
        judged = self.record(await request.json())
        if isinstance(judged, tuple):
            return JSONResponse({"code": judged[1]}, judged[0])
        return JSONResponse({"record": judged})

    async def _search(self, request: Request) -> Response:
        envelope = await request.json()
        (asked,) = envelope["message"]["search_request"]
        found = self.search(asked["search_criteria"])
        end: Message = {"status": "succ", "data": {"reg_records": found}}
        if isinstance(found, str):
            end = {"status": "rjct", "status_reason_message": f"{found}: no"}
        return JSONResponse({"header": {}, "message": {"search_response": [{"reference_id": "1", **end}]}})

    async def _tell(self, request: Request) -> Response:
        if self.busy:
            self.busy -= 1
            return JSONResponse({"errors": [{"code": "err.service.unavailable"}]}, 503)
        envelope = await request.json()
        self.told.append((request.path_params["action"], envelope))
        acknowledgement = {"ack_status": "ACK", "timestamp": stamp(), "correlation_id": "c-1"}
        return JSONResponse({"message": acknowledgement})


def _id(key: str) -> str:
    return key.replace(":", "-")
