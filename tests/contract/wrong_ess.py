"""A small employment support system that keeps the protocol, and breaks one promise of it where it is told to."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import jsonschema
from joserfc.jwk import OKPKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

import schemas
from tests.conformance.ess.signing import holds, sign
from tests.conformance.ess.talk import Waiting, stamp

OPERATIONS: Any = schemas.load("dci/ess.json")["operations"]
CLIENT, SECRET, PARTNER, OWN = "suite", "the-secret", "LK.TEST.SUITE", "LK.TEST.ESS"
KNOWN, UNKNOWN = "198512304567", "199012304567"
URI = "https://suite.example/registry/on"
ITEMS = {"search": "search_request", "subscribe": "subscribe_request", "notify": "notify_event"}
LOOSE = {"type": "object", "required": ["header", "message"]}
Message = dict[str, Any]


def new_jwk(kid: str) -> dict[str, str]:
    made = OKPKey.generate_key("Ed25519").as_dict(private=True)
    return {name: str(value) for name, value in made.items()} | {"kid": kid, "alg": "EdDSA"}


def public(key: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in key.items() if name != "d"}


class No(Exception):
    def __init__(self, status: int, code: str, text: str = "no") -> None:
        super().__init__(text)
        self.status, self.code = status, code


@dataclass
class WrongEss:
    """`fault` is what it does wrong; nothing where it is empty."""

    fault: str = ""
    partner_key: Mapping[str, str] = field(default_factory=lambda: new_jwk("suite-1"))
    own_key: Mapping[str, str] = field(default_factory=lambda: new_jwk("ess-1"))
    callbacks: Waiting = field(default_factory=lambda: Waiting(0.3))
    seen: dict[str, str] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    searched: dict[str, Message] = field(default_factory=dict)
    later: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def app(self) -> Starlette:
        routes = [
            Route("/oauth2/client/token", self._token, methods=["POST"]),
            Route("/.well-known/jwks.json", self._jwks),
        ]
        works: dict[str, Callable[[Message, Message], Response]] = {
            "sync/search": self._search,
            "sync/check-enrollment": self._check,
            "sync/txn/status": self._status,
            "search": self._search_later,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "notify": self._notify,
        }
        routes += [
            Route(f"/registry/{path}", self._route(path, work), methods=["POST"]) for path, work in works.items()
        ]
        return Starlette(routes=routes)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        if form.get("client_secret") != SECRET and self.fault != "any secret":
            return JSONResponse({"error": "invalid_client"}, 401)
        kind = "mac" if self.fault == "token type" else "Bearer"
        return JSONResponse({"access_token": "t0k", "token_type": kind, "expires_in": "300"})

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse({"keys": [public(self.own_key)]})

    def _route(self, path: str, work: Callable[[Message, Message], Response]) -> Callable[..., Any]:
        async def route(request: Request) -> Response:
            try:
                return work(*await self._received(request, path))
            except No as refused:
                return self._refusal(refused, await request.body())

        return route

    def _refusal(self, refused: No, body: bytes) -> Response:
        if self.fault == "page of the framework":
            return PlainTextResponse("Bad Request", refused.status)
        text = body.decode("utf-8", "replace") if self.fault == "echo" else str(refused)
        error = {"code": "err.custom" if self.fault == "own code" else refused.code, "message": text[:900]}
        ack = {"ack_status": "ERR", "timestamp": stamp(), "correlation_id": str(uuid4()), "error": error}
        return JSONResponse({"message": ack, "errors": [error]}, refused.status)

    async def _received(self, request: Request, path: str) -> tuple[Message, Message]:
        if request.headers.get("authorization") != "Bearer t0k" and not self._open(request):
            raise No(401, "err.request.unauthorized")
        if request.headers.get("content-type") != "application/json" and self.fault != "any media type":
            raise No(415, "err.request.bad")
        envelope = self._envelope(await request.body(), path)
        header = envelope["header"]
        self._check_header(header, envelope["message"])
        self._check_signature(envelope, await request.body())
        if header.get("is_msg_encrypted") and self.fault != "opens anything":
            raise No(400, "err.encryption.invalid")
        return header, envelope["message"]

    def _open(self, request: Request) -> bool:
        bare = "authorization" not in request.headers
        return (self.fault == "no token wanted" and bare) or (self.fault == "any token" and not bare)

    def _envelope(self, body: bytes, path: str) -> Message:
        try:
            envelope = json.loads(body)
        except ValueError:
            raise No(500 if self.fault == "breaks on junk" else 400, "err.request.bad") from None
        if self.fault == "any action" and isinstance(envelope.get("header"), dict):
            envelope = envelope | {
                "header": envelope["header"] | {"action": OPERATIONS[f"/registry/{path}"]["action"][0]}
            }
        loose = self.fault in {"graphql answered", "any query", "header members"} and path == "sync/search"
        schema = (
            {"type": "object", "required": ["header", "message"]}
            if loose
            else OPERATIONS[f"/registry/{path}"]["request"]
        )
        if self.fault == "any envelope" and path == "notify":
            return dict(envelope)
        if not jsonschema.Draft4Validator(schema).is_valid(envelope):
            raise No(400, "err.request.bad")
        return dict(envelope)

    def _check_header(self, header: Message, message: Message) -> None:
        wrong = {
            "any version": (header.get("version", "1.0.0") != "1.0.0", 400, "err.version.not_supported"),
            "any sender": (header.get("sender_id") != PARTNER, 403, "err.sender_id.invalid"),
            "any receiver": (header.get("receiver_id") != OWN, 400, "err.receiver_id.invalid"),
            "any time": (not _now(header.get("message_ts")), 400, "rjct.message_ts.invalid"),
            "any count": (header.get("total_count") != _count(header, message), 400, "rjct.total_count.invalid"),
            "no items": (not _count(header, message), 400, "rjct.total_count.invalid"),
        }
        excused = {self.fault, "any count"} if self.fault == "no items" else {self.fault}
        for fault, (is_wrong, status, code) in wrong.items():
            if is_wrong and fault not in excused and self.fault != "header members":
                raise No(status, code)

    def _check_signature(self, envelope: Message, body: bytes) -> None:
        if "signature" not in envelope:
            if self.fault != "unsigned taken":
                raise No(401, "err.signature.missing")
            return
        if self.fault in {"signature not checked", "any action", "any sender"}:
            return
        covered = {"header": envelope["header"], "message": envelope["message"]}
        escaped = self.fault == "escaped before checking" and not json.dumps(covered, ensure_ascii=False).isascii()
        if escaped or not holds("dci-jws", body, {}, {"keys": [public(self.partner_key)]}):
            raise No(401, "err.signature.invalid")

    def _reply(self, to: Message, action: str, message: Message, count: int = 1) -> Response:
        header = {
            "message_id": to["message_id"] if self.fault == "same message_id" else str(uuid4()),
            "message_ts": "2020-01-01T00:00:00Z" if self.fault == "old clock" else stamp(),
            "action": "search" if self.fault == "action as asked" else action,
            "status": "success" if self.fault == "own status" else "succ",
            "total_count": count,
            "completed_count": count,
            "sender_id": OWN,
            "receiver_id": OWN if self.fault == "for itself" else PARTNER,
        }
        correlation = "corr_1" if self.fault == "correlation form" else str(uuid4())
        transaction = str(uuid4()) if self.fault == "other transaction" else message.pop("transaction_id")
        said = message | {"transaction_id": transaction, "correlation_id": correlation}
        key = None if self.fault == "reply unsigned" else self.own_key
        made = sign("dci-jws", {"header": header, "message": said}, key)
        return Response(made.body, 200, media_type="application/json")

    def _answers(self, message: Message) -> list[Message]:
        items = [self._item(each) for each in message["search_request"]]
        if self.fault == "item dropped":
            items = items[:1]
        if self.fault == "all or nothing" and any(each["status"] == "rjct" for each in items):
            raise No(400, "err.request.bad")
        if self.fault == "each person once":
            items = [{**each, "data": {"reg_records": []}} if place else each for place, each in enumerate(items)]
        return items

    def _item(self, item: Message) -> Message:
        told = {"reference_id": item.get("reference_id", "none"), "timestamp": stamp()}
        criteria = item["search_criteria"]
        query = criteria.get("query")
        kind = query.get("type") if isinstance(query, dict) else None
        usable = criteria["query_type"] == "idtype-value" and kind == "UIN" and isinstance(query.get("value"), str)
        if (
            not usable
            and (criteria["query_type"], self.fault) != ("graphql", "graphql answered")
            and self.fault != "any query"
        ):
            return told | {"status": "rjct", "status_reason_code": "rjct.search_criteria.invalid"}
        known = usable and (query["value"] == KNOWN or self.fault == "somebody for nobody")
        records = [{"member_identifier": [{"identifier_type": "UIN", "identifier_value": KNOWN}]}] if known else []
        records *= 2 if self.fault == "pages ignored" else 1
        shown: Any = records[0] if self.fault == "record as object" and records else records
        return told | {"status": "succ", "data": {"reg_records": shown}}

    def _search(self, header: Message, message: Message) -> Response:
        items = self._answers(message)
        self.searched[message["transaction_id"]] = {"search_response": items}
        told = {"transaction_id": message["transaction_id"], "search_response": items}
        return self._reply(header, "on-search", told, header["total_count"])

    def _check(self, header: Message, message: Message) -> Response:
        asked = (message["enrolled_criteria"].get("query") or {}).get("person_identifier")
        number = asked.get("eq") if isinstance(asked, dict) else None
        if not isinstance(number, str) and self.fault != "no number wanted":
            raise No(400, "err.request.bad")
        word = "Enrolled" if self.fault == "own word" else "Active"
        item = {"reference_id": str(uuid4()), "timestamp": stamp(), "status": "succ", "enrolled_status": word}
        there = number == KNOWN or self.fault in {"anyone enrolled", "no number wanted"}
        found = [item] if there else []
        return self._reply(
            header, "txn-on-status", {"transaction_id": message["transaction_id"], "enrolled_response": found}
        )

    def _status(self, header: Message, message: Message) -> Response:
        wanted = message["txnstatus_request"]["attribute_value"]
        of = str(uuid4()) if self.fault == "status of another" else wanted
        told = {"transaction_id": of, "correlation_id": str(uuid4()), **self.searched[wanted]}
        if self.fault == "status of its own":
            told["correlation_id"] = str(uuid4())
        content = {"txn_type": "search", "txn_status": told}
        return self._reply(
            header, "txn-on-status", {"transaction_id": message["transaction_id"], "txnstatus_response": content}
        )

    def _search_later(self, header: Message, message: Message) -> Response:
        content = {"search_response": self._answers(message)}
        self.searched[message["transaction_id"]] = content | {"correlation_id": f"c-{header['message_id']}"}
        return self._ack(header, "on-search", message, content)

    def _subscribe(self, header: Message, message: Message) -> Response:
        if header.get("sender_uri", URI) != URI and self.fault != "calls any address":
            raise No(403, "err.sender_uri.invalid")
        code = str(uuid4())
        self.codes.add(code)
        told = {"reference_id": message["subscribe_request"][0]["reference_id"], "timestamp": stamp(), "status": "succ"}
        if self.fault != "no code":
            told["subscriptions"] = [{"code": code, "status": "subscribe", "timestamp": stamp()}]
        return self._ack(header, "on-subscribe", message, {"subscribe_response": [told]})

    def _unsubscribe(self, header: Message, message: Message) -> Response:
        ended = [
            {"code": code, "status": "unsubscribe"} for code in message["subscription_codes"] if code in self.codes
        ]
        told = {"timestamp": stamp(), "status": "succ", "subscription_status": ended}
        return self._ack(header, "on-unsubscribe", message, told)

    def _notify(self, header: Message, message: Message) -> Response:
        content = json.dumps(message, sort_keys=True)
        if self.seen.setdefault(header["message_id"], content) != content and self.fault != "message_id reused":
            raise No(400, "rjct.message_id.duplicate")
        return self._ack(header, "", message, {})

    def _ack(self, header: Message, following: str, message: Message, content: Message) -> Response:
        correlation = "corr_1" if self.fault == "correlation form" else f"c-{header['message_id']}"
        if self.fault == "new correlation each time":
            correlation = str(uuid4())
        if following and self.fault != "no callback":
            self._follow(following, message["transaction_id"], correlation, content)
        word = "OK" if self.fault == "own acknowledgement" else "ACK"
        return JSONResponse({"message": {"ack_status": word, "timestamp": stamp(), "correlation_id": correlation}})

    def _follow(self, action: str, transaction: str, correlation: str, content: Message) -> None:
        header = {"message_id": str(uuid4()), "message_ts": stamp(), "action": action, "status": "succ"}
        header |= {"sender_id": OWN, "total_count": 1}
        other = self.fault == "callback of another"
        message = {"transaction_id": transaction, "correlation_id": str(uuid4()) if other else correlation, **content}
        task = asyncio.create_task(self.callbacks.put({"header": header, "message": message}))
        self.later.add(task)
        task.add_done_callback(self.later.discard)


def _now(told: object) -> bool:
    try:
        return abs((datetime.now(UTC) - datetime.fromisoformat(str(told))).total_seconds()) < 300
    except (ValueError, TypeError):
        return False


def _count(header: Message, message: Message) -> int:
    listed = message.get(ITEMS.get(str(header.get("action")), ""), message.get("subscription_codes", [message]))
    return len(listed)
