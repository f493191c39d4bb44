"""The small real gateway that the SDK is tested on: real tokens, proofs, signatures; only the answers are made up."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from sandhi_client import (
    Client,
    Identifier,
    Name,
    Patience,
    Subject,
)

from gateway.edges.body import json_lines, read_json
from gateway.edges.signing import signed_json
from gateway.edges.v1.problems import problem
from gateway.trust.keys import new_key
from tests.small_gateway import Place, client_file
from tests.trusting import ORIGIN, SR, Pair

SOMEBODY = Subject((Identifier("NIC", "199012304567"),), (Name("sin", "Sinh", "කමලා පෙරේරා"),), date(1990, 5, 2))


ANSWER = {
    "exchange_id": "01a2",
    "outcome": "answered",
    "record": {"confirmed": True},
    "withheld": [{"field": "sex", "reason": "not_granted"}],
    "source": "national_id.identity",
    "source_code": "ok",
    "as_of": "2026-10-31",
    "match": "exact",
    "receipt": "log:1:01a2",
}


QUICK = Patience(attempts=3, first=0.001, longest=0.002)


@dataclass
class Made:
    """What the made-up routes saw, and how they shall behave."""

    seen: list[Any] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    trouble: list[Response] = field(default_factory=list)  # answered first, one a call
    polls: int = 0
    signed: Callable[[dict[str, Any], Place], Response] = lambda body, place: signed_json(body, place.trust)


def routes(app: FastAPI, made: Made, place: Place) -> None:
    """Everything that the client calls, made up."""
    _of_exchanges(app, made, place)
    _of_batches(app, made)
    _of_deliveries(app, made)
    _of_consents(app, made)


def _of_exchanges(app: FastAPI, made: Made, place: Place) -> None:
    @app.post("/v1/exchanges")
    async def exchanges(request: Request) -> Response:
        made.tokens.add(request.headers["authorization"])
        made.seen.append(await read_json(request))
        return made.trouble.pop(0) if made.trouble else made.signed(ANSWER, place)


def _of_batches(app: FastAPI, made: Made) -> None:
    @app.post("/v1/batches")
    async def batches(request: Request) -> dict[str, object]:
        made.seen.append(await read_json(request))
        return {"batch_id": "b1", "exchange_id": "b1", "state": "running"}

    @app.get("/v1/batches/b1")
    async def batch() -> dict[str, object]:
        made.polls += 1
        state = "running" if made.polls < 3 else "done"
        told = {"batch_id": "b1", "exchange_id": "b1", "state": state, "receipt": "log:9:x"}
        return told | {"lines": 3, "done": min(made.polls, 3), "outcomes": {}}

    @app.get("/v1/batches/b1/results")
    async def results() -> Response:
        if made.trouble:
            return made.trouble.pop(0)
        lines = [
            {"line": "a", "outcome": "answered", "claims": {"active": True}, "source": "s", "as_of": "2026-09-30"},
            {"line": "b", "outcome": "unknown_person", "detail": "Nobody.", "source": "s"},
            {"line": "c", "outcome": "source_stale", "detail": "Old.", "source": "s"},
        ]
        return Response("".join(json.dumps(line) + "\n" for line in lines), media_type="application/x-ndjson")


def _of_deliveries(app: FastAPI, made: Made) -> None:
    @app.post("/v1/deliveries")
    async def deliveries(request: Request) -> dict[str, object]:
        made.seen.append(await read_json(request))
        return {
            "delivery_id": "d1",
            "exchange_id": "d1",
            "service": "ess.referral",
            "state": "accepted",
            "outcome": None,
        }

    @app.get("/v1/deliveries/d1")
    async def delivery() -> dict[str, object]:
        made.polls += 1
        state = "sending" if made.polls < 3 else "handed"
        return {"delivery_id": "d1", "exchange_id": "d1", "service": "s", "state": state, "outcome": None}


def _of_consents(app: FastAPI, made: Made) -> None:
    @app.post("/v1/consents")
    async def consents(request: Request) -> Response:
        lines = [line async for line in json_lines(request)]
        made.seen.append(len(lines))
        told = [{"line": place + 1, "id": str(place), "outcome": "recorded"} for place in range(len(lines))]
        return Response("".join(json.dumps(line) + "\n" for line in told), media_type="application/x-ndjson")

    @app.get("/v1/consents")
    async def consent_page(after: str | None = None) -> dict[str, object]:
        made.seen.append(after)
        following = {None: "a/1", "a/1": "b", "b": "c"}[after]
        return {"consents": [{"id": following}], "next": None if following == "c" else following}

    @app.post("/v1/consents/withdraw")
    async def withdraw(request: Request) -> dict[str, object]:
        made.seen.append(await read_json(request))
        return {"withdrawn": [{"id": "c1", "outcome": "withdrawn", "receipt": "log:3:x"}]}


def passing(code: str, after: str = "0") -> Response:
    """A problem that is said to be over after so many seconds."""
    response = problem(code, "not now")
    response.headers["retry-after"] = after
    return response


async def a_client(place: Place, folder: Path, *, alg: str = "ES256") -> Client:
    key = new_key(alg)
    pair = Pair(alg, key.kid, key.material.private_key)
    await place.register(SR, pair)
    transport = httpx.ASGITransport(place.app)
    return Client.from_file(client_file(folder, ORIGIN, SR, key), transport=transport, patience=QUICK)


async def asked(client: Client) -> Any:
    return await client.exchange(
        service="national_id.identity",
        purpose="employment-support.eligibility",
        subject=SOMEBODY,
        fields=["sex", "confirmed"],
        as_at=date(2026, 10, 31),
        case="c-1",
    )


class Cutting(httpx.AsyncBaseTransport):
    """Cuts the first download after one line."""

    def __init__(self, inner: httpx.AsyncBaseTransport, times: int = 1, after: int = 1) -> None:
        self.inner, self.times, self.after = inner, times, after

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if not request.url.path.endswith("/results") or self.times == 0:
            return response
        self.times -= 1
        return httpx.Response(200, headers={"content-type": "application/x-ndjson"}, stream=_Cut(response, self.after))


class _Cut(httpx.AsyncByteStream):
    def __init__(self, response: httpx.Response, after: int) -> None:
        self.response, self.after = response, after

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = await self.response.aread()
        yield b"".join(line + b"\n" for line in body.splitlines()[: self.after])
        raise httpx.ReadError("cut")


class Losing(httpx.AsyncBaseTransport):
    """The first request of a path arrives, its answer does not."""

    def __init__(self, inner: httpx.AsyncBaseTransport, path: str) -> None:
        self.inner, self.path = inner, path

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if request.url.path == self.path:
            self.path = ""
            raise httpx.ReadError("lost")
        return response
