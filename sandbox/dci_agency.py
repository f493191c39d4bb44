"""What every DCI registry of the sandbox has: token, key set, subscriptions with their confirmations, guarded paths."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import dci
from .client_tokens import Client, TokenIssuer, TokenRefused
from .dci import Door, Keys, Received, Refused
from .faults import Faults, Faulty, WrongAnswers
from .gateway_client import Clients, GatewayRefused, GatewayUnreachable, NoCredentials

CONFIRMED, ENDED = "/registry/on-subscribe", "/registry/on-unsubscribe"
SCOPES = frozenset({"registry.notify", "registry.search", "registry.subscribe"})
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Registered:
    """One registry and its one partner, the gateway.

    Attributes:
        name: of the agency, as the issuer of its tokens.
        schema: the published messages it checks by, below `schemas/`.
        client: name of its own credentials file at the gateway.
        sender_id: DCI id of the partner; `partner_client` and `partner_secret` its credentials here.
        partner_callback: the partner's registered address for `on-subscribe`.
    """

    name: str
    schema: str
    own_id: str
    client: str
    sender_id: str
    partner_client: str
    partner_secret: str
    token_secret: str
    partner_callback: str
    token_valid_s: int = 600
    skew_s: float = 300.0
    scopes: frozenset[str] = SCOPES


class Subscribers(Protocol):
    """Who wants to be told; kept by the agency."""

    def subscribed(self, event_types: set[str]) -> dict[str, str]:
        """Keep the partner's wish; the code of each event type."""


class DciAgency:
    """The common routes of one registry; what it answers is given by the agency."""

    def __init__(self, own: Registered, clients: Clients, keys: Keys, subscribers: Subscribers | None = None) -> None:
        self._own, self._subscribers = own, subscribers
        self.client = clients.named(own.client)
        self.door = Door(own.own_id, own.sender_id, keys, skew_s=own.skew_s, schema=own.schema)
        partner = {own.partner_client: Client(own.partner_secret, own.scopes)}
        self._tokens = TokenIssuer(own.name, partner, own.token_secret, lifetime_s=own.token_valid_s)
        self._confirming: set[asyncio.Task[None]] = set()

    def app(self, faults: Faults, guarded: Mapping[str, Endpoint], opened: Mapping[str, Endpoint]) -> Starlette:
        """The agency as an ASGI app.

        Args:
            guarded: path -> answer, behind our token.
            opened: path -> answer, where the message's signature is the only proof: callbacks carry no token of ours.
        """
        wrong = WrongAnswers(
            media_type="application/json",
            wrong_schema=b'{"message":{"ack_status":"FINE"},"header":[]}',
            refuse=lambda _: Refused(403, "err.request.forbidden", "not allowed").response(),
            always_right=("/token", "/.well-known/jwks.json"),
        )
        routes = [
            Route("/oauth2/client/token", self._token, methods=["POST"]),
            Route("/.well-known/jwks.json", self._jwks, methods=["GET"]),
            *(Route(path, self._guarded(answer), methods=["POST"]) for path, answer in guarded.items()),
            *(Route(path, _open(answer), methods=["POST"]) for path, answer in opened.items()),
        ]
        if self._subscribers is not None:
            routes.append(Route("/registry/subscribe", self._guarded(self._subscribe), methods=["POST"]))
        app = Starlette(routes=routes, middleware=[Middleware(Faulty, faults=faults, answers=wrong)])
        app.router.redirect_slashes = False
        return app

    def replied(self, to: Received, answers: list[dict[str, object]]) -> Response:
        """The reply to a search, signed."""
        body = {"transaction_id": to.message["transaction_id"], "correlation_id": str(uuid4())}
        outcome = {"status": "succ", "total_count": len(to.items), "completed_count": len(answers)}
        key = self.client.key
        return dci.replied(to.header, "on-search", outcome, body | {"search_response": answers}, key)

    def _guarded(self, answer: Endpoint) -> Endpoint:
        async def route(request: Request) -> Response:
            try:
                self._tokens.check(request.headers.get("authorization", ""))
            except TokenRefused as error:
                raise Refused(401, "err.request.unauthorized", str(error)) from None
            return await answer(request)

        return _open(route)

    async def _token(self, request: Request) -> Response:
        """`POST /oauth2/client/token`: DCI wants the header `timestamp` and types `expires_in` as a string."""
        if not request.headers.get("timestamp"):
            return Refused(400, "err.request.bad", "send the header timestamp").response()
        granted = await self._tokens.endpoint(request)
        body = json.loads(bytes(granted.body))
        if "expires_in" in body:
            body["expires_in"] = str(body["expires_in"])
        return JSONResponse(body, granted.status_code, {"Cache-Control": "no-store"})

    async def _jwks(self, _: Request) -> Response:
        """The key our messages are signed with; none before we are registered at the gateway."""
        key = self.client.key
        return JSONResponse({"keys": [{**key.public, "kid": key.kid, "alg": "EdDSA", "use": "sig"}] if key else []})

    async def _subscribe(self, request: Request) -> Response:
        """`POST /registry/subscribe`: the confirmation goes to the registered address afterwards."""
        message = await self.door.received(request, "/registry/subscribe")
        if message.header.get("sender_uri", self._own.partner_callback) != self._own.partner_callback:
            raise Refused(403, "err.sender_uri.invalid", "sender_uri is not the address registered here")
        assert self._subscribers is not None
        wanted = {str(item["subscribe_criteria"]["reg_event_type"]) for item in message.items}
        codes, correlation_id = self._subscribers.subscribed(wanted), str(uuid4())
        task = asyncio.create_task(self._confirm(message, codes, correlation_id))
        self._confirming.add(task)
        task.add_done_callback(self._confirming.discard)
        return dci.acknowledged(correlation_id)

    async def _confirm(self, message: Received, codes: Mapping[str, str], correlation_id: str) -> None:
        """A confirmation that cannot be brought now is not missed: the partner is told events all the same."""
        confirmation = {
            "transaction_id": message.message["transaction_id"],
            "correlation_id": correlation_id,
            "subscribe_response": [_confirmed(item, codes) for item in message.items],
        }
        try:
            await self.client.tell("on-subscribe", self._own.sender_id, confirmation)
        except (GatewayRefused, GatewayUnreachable, NoCredentials):
            return


def confirmations(door: Door) -> dict[str, Endpoint]:
    """Path -> answer of what says that a subscription of ours began, and that it is over: taken, and nothing kept."""

    def taken(path: str) -> Endpoint:
        async def route(request: Request) -> Response:
            message = await door.received(request, path)
            return dci.acknowledged(str(message.message["correlation_id"]))

        return route

    return {path: taken(path) for path in (CONFIRMED, ENDED)}


def found(
    item: Mapping[str, Any], reg_type: str, record_type: str, records: list[dict[str, object]]
) -> dict[str, object]:
    """One `search_response` item with what was found, possibly nothing."""
    page = {"page_size": max(len(records), 1), "page_number": 1, "total_count": len(records)}
    data = {"version": "1.0.0", "reg_type": reg_type, "reg_record_type": record_type, "reg_records": records}
    return _answer(item) | {"status": "succ", "data": data, "pagination": page}


def rejected(item: Mapping[str, Any], code: str, text: str) -> dict[str, object]:
    """One `search_response` item that says why not."""
    return _answer(item) | {"status": "rjct", "status_reason_code": code, "status_reason_message": text}


def asked_number(item: Mapping[str, Any], kinds: frozenset[str]) -> tuple[str, str] | None:
    """Type and value of an `idtype-value` query for one of these types; None if it is another query."""
    criteria = item["search_criteria"]
    query = criteria.get("query")
    if criteria["query_type"] != "idtype-value" or not isinstance(query, Mapping):
        return None
    kind, value = query.get("type"), query.get("value")
    return (kind, value) if isinstance(kind, str) and kind in kinds and isinstance(value, str) else None


def _answer(item: Mapping[str, Any]) -> dict[str, object]:
    return {"reference_id": item["reference_id"], "timestamp": dci.stamp(), "locale": "eng"}


def _open(answer: Endpoint) -> Endpoint:
    async def route(request: Request) -> Response:
        try:
            return await answer(request)
        except Refused as refused:
            return refused.response()

    return route


def _confirmed(item: Mapping[str, Any], codes: Mapping[str, str]) -> dict[str, object]:
    event_type = item["subscribe_criteria"]["reg_event_type"]
    subscribed = {
        "code": codes[event_type],
        "status": "subscribe",
        "timestamp": dci.stamp(),
        "reg_event_type": event_type,
    }
    answer = {"reference_id": item["reference_id"], "timestamp": dci.stamp(), "status": "succ", "locale": "eng"}
    return answer | {"subscriptions": [subscribed]}
