"""The routes: token, notify, subscribe and its confirmation, check-enrollment, search, key set."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import dci
from sandbox.client_tokens import TokenIssuer, TokenRefused
from sandbox.dci import Door, Keys, Received, Refused
from sandbox.faults import Faults, Faulty, WrongAnswers
from sandbox.gateway_client import Clients, GatewayRefused, GatewayUnreachable, NoCredentials

from . import member as members
from .work import Ess, new_form

CHECK = "/registry/sync/check-enrollment"
CONFIRMED, VITAL_EVENTS = "/registry/on-subscribe", "/registry/vital-events"
SEARCH = "/registry/sync/search"
CRITERIA = "rjct.search_criteria.invalid"


def build(ess: Ess, clients: Clients, keys: Keys, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where its settings' `url` points.

    `ess.start()` once the event loop runs, `ess.close()` at the end.
    """
    agency = _Agency(ess, clients, keys)
    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"message":{"ack_status":"FINE"},"header":[]}',
        refuse=lambda _: Refused(403, "err.request.forbidden", "not allowed").response(),
        always_right=("/token", "/.well-known/jwks.json"),
    )
    app = Starlette(
        routes=[
            Route("/oauth2/client/token", agency.token, methods=["POST"]),
            Route("/.well-known/jwks.json", agency.jwks, methods=["GET"]),
            Route("/registry/notify", agency.guarded(agency.notify), methods=["POST"]),
            Route("/registry/subscribe", agency.guarded(agency.subscribe), methods=["POST"]),
            Route(CONFIRMED, agency.open(agency.on_subscribe), methods=["POST"]),
            Route(VITAL_EVENTS, agency.open(agency.vital_events), methods=["POST"]),
            Route(CHECK, agency.guarded(agency.check), methods=["POST"]),
            Route(SEARCH, agency.guarded(agency.search), methods=["POST"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )
    app.router.redirect_slashes = False
    return app


Endpoint = Callable[[Request], Awaitable[Response]]


class _Agency:
    def __init__(self, ess: Ess, clients: Clients, keys: Keys) -> None:
        settings = ess.settings
        self._ess, self._settings = ess, settings
        self._client = clients.named(settings.client)
        self._door = Door(settings.own_id, settings.sender_id, keys, skew_s=settings.skew_s)
        self._crvs = Door(
            settings.own_id, settings.sender_id, keys, skew_s=settings.skew_s, schema="dci/crvs.json"
        )  # deaths come under event types that `dci/ess.json` does not name, and so do the codes of that subscription
        self._tokens = TokenIssuer("ess", settings.clients, settings.token_secret, lifetime_s=settings.token_valid_s)
        self._confirming: set[asyncio.Task[None]] = set()

    def open(self, answer: Endpoint) -> Endpoint:
        """A path whose only proof is the message's signature: callbacks come without a token of ours."""

        async def route(request: Request) -> Response:
            try:
                return await answer(request)
            except Refused as refused:
                return refused.response()

        return route

    def guarded(self, answer: Endpoint) -> Endpoint:
        """A path that also wants our token, before the body is read."""

        async def route(request: Request) -> Response:
            try:
                self._tokens.check(request.headers.get("authorization", ""))
            except TokenRefused as error:
                raise Refused(401, "err.request.unauthorized", str(error)) from None
            return await answer(request)

        return self.open(route)

    async def token(self, request: Request) -> Response:
        """`POST /oauth2/client/token`: DCI wants the header `timestamp` and types `expires_in` as a string."""
        if not request.headers.get("timestamp"):
            return Refused(400, "err.request.bad", "send the header timestamp").response()
        granted = await self._tokens.endpoint(request)
        body = json.loads(bytes(granted.body))
        if "expires_in" in body:
            body["expires_in"] = str(body["expires_in"])
        return JSONResponse(body, granted.status_code, {"Cache-Control": "no-store"})

    async def jwks(self, _: Request) -> Response:
        """The key our messages are signed with; none before we are registered at the gateway."""
        key = self._client.key
        shown = [{**key.public, "kid": key.kid, "alg": "EdDSA", "use": "sig"}] if key else []
        return JSONResponse({"keys": shown})

    async def notify(self, request: Request) -> Response:
        """`POST /registry/notify`"""
        message = await self._door.received(request, "/registry/notify")
        return dci.acknowledged(self._ess.take(message))

    async def subscribe(self, request: Request) -> Response:
        """`POST /registry/subscribe`: the confirmation goes to the registered address afterwards."""
        message = await self._door.received(request, "/registry/subscribe")
        if message.header.get("sender_uri", self._settings.partner_callback) != self._settings.partner_callback:
            raise Refused(403, "err.sender_uri.invalid", "sender_uri is not the address registered here")
        wanted = [item["subscribe_criteria"]["reg_event_type"] for item in message.items]
        codes = self._ess.subscribed(set(wanted))
        correlation_id = str(uuid4())
        task = asyncio.create_task(self._confirm(message, codes, correlation_id))
        self._confirming.add(task)
        task.add_done_callback(self._confirming.discard)
        return dci.acknowledged(correlation_id)

    async def _confirm(self, message: Received, codes: Mapping[str, str], correlation_id: str) -> None:
        """A confirmation that cannot be brought now is not missed: the partner is told events all the same."""
        answers = [_subscription(item, codes) for item in message.items]
        confirmation = {
            "transaction_id": message.message["transaction_id"],
            "correlation_id": correlation_id,
            "subscribe_response": answers,
        }
        try:
            await self._client.tell("on-subscribe", self._settings.sender_id, confirmation)
        except (GatewayRefused, GatewayUnreachable, NoCredentials):
            return

    async def on_subscribe(self, request: Request) -> Response:
        """`POST /registry/on-subscribe`: the codes of our own subscriptions."""
        message = await self._crvs.received(request, CONFIRMED)
        correlation_id = str(message.message["correlation_id"])
        taken = [item for item in message.items if item["status"] == "succ"]
        self._ess.confirmed(correlation_id, [each["code"] for item in taken for each in item.get("subscriptions", [])])
        return dci.acknowledged(correlation_id)

    async def vital_events(self, request: Request) -> Response:
        """`POST /registry/vital-events`: civil registration's `notify`, through the gateway."""
        return dci.acknowledged(self._ess.take(await self._crvs.received(request, "/registry/notify")))

    async def check(self, request: Request) -> Response:
        """`POST /registry/sync/check-enrollment`; a person whom ESS does not know has no item in the reply."""
        message = await self._door.received(request, CHECK)
        status = self._ess.status(new_form(_asked_number(message.message["enrolled_criteria"])))
        item = {"reference_id": str(uuid4()), "timestamp": dci.stamp(), "status": "succ", "enrolled_status": status}
        found = [item] if status is not None else []
        return self._reply(message, "txn-on-status", {"enrolled_response": found}, len(found))

    async def search(self, request: Request) -> Response:
        """`POST /registry/sync/search`, by `idtype-value`: Members with their enrolment state."""
        message = await self._door.received(request, SEARCH)
        answers = [self._found(item) for item in message.items]
        return self._reply(message, "on-search", {"search_response": answers}, len(answers))

    def _found(self, item: Mapping[str, Any]) -> dict[str, object]:
        answer = {"reference_id": item["reference_id"], "timestamp": dci.stamp(), "locale": "eng"}
        criteria = item["search_criteria"]
        query = criteria["query"]
        by_identifier = criteria["query_type"] == "idtype-value" and isinstance(query, Mapping)
        kind, value = (query.get("type"), query.get("value")) if by_identifier else (None, None)
        if kind not in {members.NATIONAL, members.REGISTRY} or not isinstance(value, str):
            text = "query_type is idtype-value, of type UIN or SR"
            return answer | {"status": "rjct", "status_reason_code": CRITERIA, "status_reason_message": text}
        records = self._members(kind, value)
        page = {"page_size": max(len(records), 1), "page_number": 1, "total_count": len(records)}
        data = {"version": "1.0.0", "reg_type": dci.ESS, "reg_record_type": "Member", "reg_records": records}
        return answer | {"status": "succ", "data": data, "pagination": page}

    def _members(self, kind: str, value: str) -> list[dict[str, object]]:
        book = self._ess.book
        known = book.by_nic(new_form(value)) if kind == members.NATIONAL else book.find(value)
        nic = known.nic if known else new_form(value) if kind == members.NATIONAL else ""
        status = self._ess.status(nic) if nic else None
        if known is not None:
            stated = {"state": known.state} | ({"programme": known.programme} if known.programme else {})
            return [members.event(known.member_id, known.nic, stated | {"enrolled_status": status or "Inactive"})]
        return [members.event("", nic, {"enrolled_status": status})] if status else []

    def _reply(self, message: Received, action: str, content: Mapping[str, object], completed: int) -> Response:
        body = {"transaction_id": message.message["transaction_id"], "correlation_id": str(uuid4()), **content}
        outcome = {"status": "succ", "total_count": len(message.items), "completed_count": completed}
        return dci.replied(message.header, action, outcome, body, self._client.key)


def _asked_number(criteria: Mapping[str, Any]) -> str:
    """Source: the published example, `{"person_identifier": {"eq": "..."}}`."""
    asked = criteria.get("query", {}).get("person_identifier")
    number = asked.get("eq") if isinstance(asked, Mapping) else None
    if not isinstance(number, str) or not number:
        raise Refused(400, "err.request.bad", "query is {person_identifier: {eq: a number}}")
    return number


def _subscription(item: Mapping[str, Any], codes: Mapping[str, str]) -> dict[str, object]:
    event_type = item["subscribe_criteria"]["reg_event_type"]
    subscribed = {
        "code": codes[event_type],
        "status": "subscribe",
        "timestamp": dci.stamp(),
        "reg_event_type": event_type,
    }
    return {
        "reference_id": item["reference_id"],
        "timestamp": dci.stamp(),
        "status": "succ",
        "subscriptions": [subscribed],
        "locale": "eng",
    }
