"""The door: authentication before the body, and no fault's details to the outside.

Pure ASGI, around the whole application. Under the protected prefixes a request without good credentials is answered
from its headers alone, in the surface's own shape. A fault that no handler knew becomes a 500 without details; the
operator's log gets its type and place, never its text, which may hold a value.
"""

import logging
import traceback
from collections.abc import Callable
from types import TracebackType

import orjson
from fastapi import FastAPI, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..trust import Trust
from ..trust.caller import Presented
from ..trust.errors import CredentialRefused, ReplaysFull
from .refusal import OUT_OF_ORDER, is_outage
from .v1 import problems

PROTECTED = ("/v1", "/dci", "/r1", "/xroad", "/im", "/consent")
OPEN = frozenset({"/v1/openapi.json"})

BUSY = "More calls than can be checked; try again later."
DCI_CODES = {"unauthenticated": "err.request.unauthorized", "too_many_requests": "err.request.too_many_requests"}

logger = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Put the door around an application whose `app.state.trust` is set, and shape its failures."""
    problems.install(app)
    app.add_middleware(Door, trust=app.state.trust)


class Door:
    """Sets `request.state.caller`, or refuses."""

    def __init__(self, app: ASGIApp, trust: Trust) -> None:
        self._app = app
        self._trust = trust

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        async with _Caught() as caught:
            return await self._passed(scope, receive, sending)
        if begun:
            raise Cut(caught.kind)
        answer = outage if caught.outage else fault
        return await answer(scope["path"])(scope, receive, send)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        if protected(scope["path"]):
            try:
                caller = await self._trust.authenticated(Presented.of(scope))
            except CredentialRefused as error:
                return await refusal(scope["path"], error)(scope, receive, send)
            scope.setdefault("state", {})["caller"] = caller
        return await self._app(scope, receive, send)


class _Caught:
    """Keeps a fault's kind and writes it to the operator's log; cancellation passes through."""

    kind = ""
    outage = False

    async def __aenter__(self) -> "_Caught":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.kind, self.outage = type(error).__name__, is_outage(error)
        steps = [f"{step.filename}:{step.lineno}" for step in traceback.extract_tb(trace)[-5:]]
        logger.error("fault %s at %s", self.kind, " < ".join(reversed(steps)))
        return True


class Cut(Exception):
    """An answer broke off after it had begun; the connection is closed so that nobody takes it for whole."""


def protected(path: str) -> bool:
    """Whether the path needs a caller. Only what is named open is open."""
    return path not in OPEN and any(path == prefix or path.startswith(f"{prefix}/") for prefix in PROTECTED)


def refusal(path: str, error: CredentialRefused) -> Response:
    """401 in the surface's own shape; 429 when no more proofs can be remembered."""
    if isinstance(error, ReplaysFull):
        return _shaped(path, problems.problem("too_many_requests", BUSY), "too_many_requests", BUSY)
    return _shaped(path, problems.unauthenticated(error), "unauthenticated", "The caller is not authenticated.")


def fault(path: str) -> Response:
    """500 in the surface's own shape."""
    response = problems.problem("unknown", "The gateway failed. Quote the time to the operator.")
    return _shaped(path, response, "unknown", "The gateway failed.")


def outage(path: str) -> Response:
    """503 in the surface's own shape: the log or the database cannot be used."""
    return _shaped(path, problems.problem("no_evidence", OUT_OF_ORDER, retryable=True), "no_evidence", OUT_OF_ORDER)


def _shaped(path: str, response: Response, code: str, text: str) -> Response:
    shape = next((SHAPES[prefix] for prefix in SHAPES if path.startswith(f"{prefix}/")), None)
    if shape is None:
        return response
    shaped = shape(response.status_code, code, text)
    for name in ("www-authenticate", "retry-after"):
        if name in response.headers:
            shaped.headers[name] = response.headers[name]
    return shaped


def _dci(status: int, code: str, text: str) -> Response:
    """Source: SPDCI OpenAPI 1.0.0, the 401, 403 and 500 responses of every operation."""
    body = {"errors": [{"code": DCI_CODES.get(code, "err.service.unavailable"), "message": text}]}
    return Response(orjson.dumps(body), status, media_type="application/json")


def _xroad_rest(status: int, code: str, text: str) -> Response:
    """Source: X-Road message protocol for REST, section 4.6: error messages."""
    kind = "Client.Unauthenticated" if status == 401 else "Server.ServerProxy.InternalError"
    body = {"type": kind, "message": text, "detail": code}
    return Response(orjson.dumps(body), status, {"x-road-error": kind}, "application/json")


def _soap(status: int, code: str, text: str) -> Response:
    """SOAP 1.1 fault, section 4.4."""
    side = "Client" if status < 500 else "Server"
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>'
        f"<faultcode>soap:{side}.{code}</faultcode><faultstring>{text}</faultstring>"
        "</soap:Fault></soap:Body></soap:Envelope>"
    )
    return Response(body, status, media_type="text/xml; charset=utf-8")


SHAPES: dict[str, Callable[[int, str, str], Response]] = {"/dci": _dci, "/r1": _xroad_rest, "/xroad": _soap}
