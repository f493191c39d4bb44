"""RFC 9421 at the door: signed requests are checked before anybody looks, and their answers are signed in return.

Pure ASGI, inside the door. A request with `Signature-Input` is always checked, also where the caller need not sign; a
caller whose policy has the dialect `rfc9421` is refused without one. Every other dialect belongs to DCI envelopes and
is checked there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import orjson
from fastapi import Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as Event

from ..model import Ask, Handover
from ..trust.caller import Caller
from ..trust.dialects import Message, Verified
from ..trust.dialects.message import Fields
from ..trust.errors import SignatureRefused
from ..trust.messages import HTTP
from ..trust.signatures import MISSING
from ..trust.trust import Trust
from .body import again
from .dci.failure import failed, speaks_dci
from .downgrade import told
from .v1.problems import problem

Asked = TypeVar("Asked", Ask, Handover)

LARGEST = 16 * 1024 * 1024
"""A signed body is held until its digest is known; what is larger is sent in parts."""
TOO_LARGE = f"A signed body may have at most {LARGEST} bytes; send it in parts."


def signed_json(content: object, trust: Trust) -> Response:
    """A JSON answer with a detached JWS over its bytes in `Sandhi-Signature` (RFC 7515, appendix F)."""
    body = orjson.dumps(content)
    return Response(body, 200, {"sandhi-signature": trust.sign_bytes(body)}, "application/json")


def message_of(request: Request, body: bytes, origin: str) -> Message:
    """The request as a signature may cover it; the target is ours, not the Host header's."""
    return _message(request.scope, body, origin)


def proof_of(request: Request) -> Verified | None:
    """The proof of the request's HTTP message signature; None where it has none."""
    found = getattr(request.state, "signature", None)
    return found if isinstance(found, Verified) else None


def signed_ask(ask: Asked, request: Request) -> Asked:
    """The same question, with how the request was signed, for the intent entry."""
    proof = proof_of(request)
    return replace(ask, signature=proof.facts()) if proof else ask


class SignedMessages:
    """Puts the proof into `request.state.signature`."""

    def __init__(self, app: ASGIApp, trust: Trust) -> None:
        self._app = app
        self._trust = trust

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        caller = scope.get("state", {}).get("caller")
        if scope["type"] != "http" or not isinstance(caller, Caller):
            return await self._app(scope, receive, send)
        policy = self._trust.messages.policy(caller.system).signature
        agreed = policy.dialect == HTTP
        if any(name == b"signature-input" for name, _ in scope["headers"]):
            return await self._checked(caller, scope, receive, send)
        if agreed and policy.required:
            error = SignatureRefused(MISSING, reason="unsigned", missing=True, presented="none")
            return await self._refused(error, caller, scope, receive, send)
        if agreed:
            send = _Answer(self._trust, caller, _message(scope, b"", self._trust.origin), send)
        return await self._app(scope, receive, send)

    async def _checked(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        if body is None:
            return await _shaped(scope, "bad_request.too_large", TOO_LARGE)(scope, receive, send)
        message = _message(scope, body, self._trust.origin)
        try:
            proof = await self._trust.messages.verified_http(caller.system, message)
        except SignatureRefused as error:
            return await self._refused(error, caller, scope, receive, send)
        scope["state"]["signature"] = proof
        answer = _Answer(self._trust, caller, message, send)
        return await self._app(scope, again(body, receive), answer)

    async def _refused(
        self, error: SignatureRefused, caller: Caller, scope: Scope, receive: Receive, send: Send
    ) -> None:
        state = scope["app"].state
        await told(error, caller, self._trust, state.db, state.log)
        return await _shaped(scope, "unauthenticated", error.detail, missing=error.missing)(scope, receive, send)


class _Answer:
    """Signs an answer on its way out. One whose `Content-Digest` is known is not held up."""

    def __init__(self, trust: Trust, caller: Caller, request: Message, send: Send) -> None:
        self._trust, self._caller, self._request, self._send = trust, caller, request, send
        self._start: Event = {}
        self._body = b""

    async def __call__(self, event: Event) -> None:
        """ASGI `send`."""
        if event["type"] == "http.response.start":
            self._start = event
            if any(name == b"content-digest" for name, _ in event["headers"]):
                await self._send(self._signed(b""))
                self._start = {}
        elif event["type"] == "http.response.body" and self._start:
            self._body += event.get("body", b"")
            if not event.get("more_body"):
                await self._send(self._signed(self._body))
                await self._send({"type": "http.response.body", "body": self._body})
        else:
            await self._send(event)

    def _signed(self, body: bytes) -> Event:
        headers = _fields(self._start["headers"])
        plain = Message(body=body, headers=headers, status=self._start["status"], request=self._request)
        signed = self._trust.messages.signed(self._caller.system, plain, dialect=HTTP)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in signed.headers]
        return {**self._start, "headers": raw}


def _message(scope: Mapping[str, Any], body: bytes, origin: str) -> Message:
    path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return Message(
        body=body,
        headers=_fields(scope["headers"]),
        method=scope["method"],
        url=f"{origin}{path}{f'?{query}' if query else ''}",
    )


def _fields(raw: Any) -> Fields:
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw)


async def _whole(receive: Receive) -> bytes | None:
    """The body; None when it is larger than may be held."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] != "http.request":
            break
        parts.append(event.get("body", b""))
        size, more = size + len(parts[-1]), event.get("more_body", False)
        if size > LARGEST:
            return None
    return b"".join(parts)


def _shaped(scope: Scope, code: str, detail: str, *, missing: bool = False) -> Response:
    """A refusal in the surface's own shape. Source: DCI's codes for signatures; RFC 9457."""
    response = problem(code, detail)
    if not speaks_dci(scope["path"]):
        return response
    told_as = "err.request.bad" if code != "unauthenticated" else f"err.signature.{'missing' if missing else 'invalid'}"
    return failed(scope["path"], response.status_code, told_as, detail)
