"""DCI's other ends, played: registries that are asked over the protocol, and a client's own callback address.

Every message is held against the published file of its interface, both ways: `Recorder.faults` has what broke it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import schemas
from gateway.edges.dci.operations import INTERFACES, OPERATIONS, reply_schema, request_schema

Envelope = dict[str, Any]
REG_TYPES = {"SR": "Social", "ESS": "ESS", "CRVS": "Civil", "IBR": "IBR", "DR": "DR", "FR": "FR"}
PROVIDERS = {name: f"LK/GOV/REG/{name}" for name in INTERFACES}
LATER = "LK/GOV/REG/LATER"  # one more farmer registry, which answers later
FAILURES = {401, 403, 500}  # for which the files have a shape of their own


def stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Recorder:
    """Holds every message against its file; `seen` counts them by interface and path."""

    faults: list[str] = field(default_factory=list)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def asked(self, interface: str, path: str, envelope: object) -> None:
        self.seen[interface, path] = self.seen.get((interface, path), 0) + 1
        self._check(request_schema(INTERFACES[interface], path), f"{interface} {path} request", envelope)

    def answered(self, interface: str, path: str, status: int, body: object) -> None:
        told = f"{interface} {path} answer {status}"
        self._check(reply_schema(INTERFACES[interface], path), told, body)
        if status in FAILURES:
            name = reply_schema(INTERFACES[interface], path).rpartition("/")[0]
            self._check(f"{name}/{status}", told, body)

    def _check(self, schema: str, told: str, value: object) -> None:
        if (fault := schemas.first_fault(schemas.validator(schema), value)) is not None:
            self.faults.append(f"{told}: {fault}")


@dataclass
class Registries:
    """All six, each below its own prefix; `people` maps a number to the record that all of them have.

    One more answers later, below FR's: what it was asked waits in `later` until the test sends its answer.
    """

    recorder: Recorder
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    later: list[Envelope] = field(default_factory=list)
    subscribed: list[Envelope] = field(default_factory=list)
    asked: int = 0

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{name}/registry/sync/search", self._now, methods=["POST"]),
                Route("/{name}/registry/search", self._later, methods=["POST"]),
                Route("/{name}/registry/subscribe", self._subscribed, methods=["POST"]),
            ]
        )

    async def _now(self, request: Request) -> Response:
        name, envelope = request.path_params["name"], await request.json()
        self.recorder.asked(name, "sync/search", envelope)
        self.asked += 1
        reply = {"header": callback_header("on-search"), "message": self.answer(name, envelope)}
        self.recorder.answered(name, "sync/search", 200, reply)
        return JSONResponse(reply)

    async def _later(self, request: Request) -> Response:
        name, envelope = request.path_params["name"], await request.json()
        self.recorder.asked(name, "search", envelope)
        self.later.append(envelope)
        return self._taken(name, "search")

    async def _subscribed(self, request: Request) -> Response:
        name, envelope = request.path_params["name"], await request.json()
        self.recorder.asked(name, "subscribe", envelope)
        self.subscribed.append(envelope)
        return self._taken(name, "subscribe")

    def _taken(self, name: str, path: str) -> Response:
        ack = {"message": {"ack_status": "ACK", "timestamp": stamp(), "correlation_id": str(uuid4())}}
        self.recorder.answered(name, path, 200, ack)
        return JSONResponse(ack)

    def answer(self, name: str, asked: Mapping[str, Any]) -> Envelope:
        """The SearchResponse to a search."""
        items = [self._item(name, each) for each in asked["message"]["search_request"]]
        ids = {"transaction_id": asked["message"]["transaction_id"], "correlation_id": str(uuid4())}
        return ids | {"search_response": items}

    def _item(self, name: str, item: Mapping[str, Any]) -> Envelope:
        found = self.people.get(item["search_criteria"]["query"]["value"])
        answer: Envelope = {"reference_id": item["reference_id"], "timestamp": stamp(), "status": "succ"}
        if found is None and INTERFACES[name].one_record:
            return answer
        records: Any = found if INTERFACES[name].one_record else [found] if found else []
        return answer | {"data": {"reg_record_type": "Member", "reg_records": records}}


@dataclass
class CallbackPlace:
    """A client's own address, `/{interface}/{action}`; refuses the first `refusing` calls."""

    recorder: Recorder
    received: list[tuple[str, str, Envelope, Mapping[str, str], bytes]] = field(default_factory=list)
    refusing: int = 0
    url: str = ""

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{name}/{action:path}", self._taken, methods=["POST"])])

    async def _taken(self, request: Request) -> Response:
        name, body = request.path_params["name"], await request.body()
        envelope: Envelope = await request.json()
        if self.refusing > 0:
            self.refusing -= 1
            return JSONResponse({"errors": [{"code": "err.service.unavailable", "message": "later"}]}, 503)
        action = envelope["header"]["action"]
        told = [path for path, each in OPERATIONS.items() if each.action == action and not each.reply]
        path = next(path for path in told if OPERATIONS[path].is_callback or path == "notify")
        self.recorder.asked(name, path, envelope)
        self.received.append((name, action, envelope, dict(request.headers), body))
        ack = {"message": {"ack_status": "ACK", "timestamp": stamp(), "correlation_id": str(uuid4())}}
        return JSONResponse(ack)


def callback_header(action: str, **more: object) -> Envelope:
    head = {"version": "1.0.0", "message_id": str(uuid4()), "message_ts": stamp(), "action": action, "status": "succ"}
    return head | more


def local(app: Starlette, base: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=base)
