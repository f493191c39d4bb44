"""The door: authentication before the body, and no fault's details to the outside.

Pure ASGI, around the whole application. Under the protected prefixes a request without good credentials is answered
from its headers alone, in the surface's own shape. A fault that no handler knew becomes a 500 without details; the
operator's log gets its type and place, never its text, which may hold a value.
"""

import logging
import traceback
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import orjson
from fastapi import FastAPI, Response
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.cookies import without_escapes

from ..console.guard import PAGES
from ..console.guard import refused as refused_page
from ..people import Citizen, People
from ..trust import Trust
from ..trust.caller import Presented
from ..trust.errors import CredentialRefused, ReplaysFull
from ..trust.limits import OverLimit, Shares
from ..trust.policy import Limits
from .dci.failure import UNAVAILABLE, failed
from .limited import TOLD, Limited
from .people import admitted
from .refusal import OUT_OF_ORDER, ProblemError, is_outage
from .signing import SignedMessages
from .v1 import problems
from .xroad.codes import INTERNAL, OF_PROBLEMS, rest_error
from .xroad.envelope import fault as fault_message

PROTECTED = ("/v1", "/dci", "/r1", "/xroad", "/im", "/consent", "/listClients")
CERTIFIED = ("/r1", "/xroad", "/im", "/listClients", "/v1/connectors")
"""Where a registered client certificate is the credential: standards without tokens, and agencies that dial in."""
OPEN = frozenset({"/v1/openapi.json"})
HELD_AGAINST_THE_TOKEN = frozenset({("POST", "/v1/exchanges"), ("POST", "/v1/deliveries")})
"""Where a question is held against what its token was narrowed to; a narrowed token is for nothing else."""

NARROW = "The token was narrowed; it is for POST /v1/exchanges and /v1/deliveries within its limits."
CERTIFICATE_WANTED = "Connect with the client certificate that is registered for the system."
BY_CERTIFICATE = "MutualTLS"  # a 401 names a scheme (RFC 9110 section 11.6.1); TLS has no registered one
BUSY = "More calls than can be checked; try again later."
DCI_CODES = {
    "unauthenticated": "err.request.unauthorized",
    "forbidden": "err.request.forbidden",
    "too_many_requests": "err.request.too_many_requests",
}

logger = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Put the door around an application whose `app.state.trust` is set, and shape its failures."""
    problems.install(app)
    for layer, members in _layers(app):
        app.add_middleware(layer, **members)


def around(inner: ASGIApp, app: FastAPI) -> ASGIApp:
    """The same door around something that is reached without the application's other layers."""
    for layer, members in _layers(app):
        inner = layer(inner, **members)
    return inner


def _layers(app: FastAPI) -> list[tuple[Any, dict[str, Any]]]:
    """From the inside to the outside."""
    state = app.state
    shares = getattr(state, "shares", None) or Shares(Limits())
    return [
        (SignedMessages, {"trust": state.trust}),
        (Limited, {"trust": state.trust, "shares": shares, "refused": over_limit}),
        (Door, {"trust": state.trust, "people": getattr(state, "people", None)}),
    ]


class Door:
    """Sets `request.state.caller` (or `.officer`, `.citizen`, where a session opens the path), or refuses."""

    def __init__(self, app: ASGIApp, trust: Trust, people: People | None = None) -> None:
        self._app = app
        self._trust = trust
        self._people = people

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        scope = without_escapes(scope)
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            _kept_by_nobody(scope, message)
            await send(message)

        async with _Caught() as caught:
            return await self._passed(scope, receive, sending)
        if begun:
            raise Cut(caught.kind)
        answer = outage if caught.outage else fault
        return await answer(scope["path"])(scope, receive, send)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        if protected(scope["path"]) and (refused := await self._refused(scope)):
            return await refused(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _refused(self, scope: Scope) -> Response | None:
        """Note who calls; or the answer to whom may not."""
        state = scope.setdefault("state", {})
        try:
            if _below(scope["path"], CERTIFIED):
                state["caller"] = await self._trust.certified(Presented.of(scope))
            elif self._people and (somebody := await admitted(scope, self._people)):
                state["citizen" if isinstance(somebody, Citizen) else "officer"] = somebody
            else:
                caller = await self._trust.authenticated(Presented.of(scope))
                if caller.reach.is_narrow and (scope["method"], scope["path"]) not in HELD_AGAINST_THE_TOKEN:
                    return narrow(scope["path"])
                state["caller"] = caller
        except CredentialRefused as error:
            return refusal(scope["path"], error)
        except ProblemError as error:
            return problems.problem(error.code, error.detail)
        return None


def _kept_by_nobody(scope: Scope, message: Message) -> None:
    """What a browser was answered for its session is gone with it, and is never taken for a script."""
    if message["type"] == "http.response.start" and any(name == b"cookie" for name, _ in scope["headers"]):
        headers = MutableHeaders(scope=message)
        headers.setdefault("cache-control", "no-store")
        headers.setdefault("x-content-type-options", "nosniff")


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
        if isinstance(error, ClientDisconnect):
            logger.info("a caller went away before its request was read")
            return True
        steps = [f"{step.filename}:{step.lineno}" for step in traceback.extract_tb(trace)[-5:]]
        logger.error("fault %s at %s", self.kind, " < ".join(reversed(steps)))
        return True


class Cut(Exception):
    """An answer broke off after it had begun; the connection is closed so that nobody takes it for whole."""


def protected(path: str) -> bool:
    """Whether the path needs a caller. Only what is named open is open."""
    return path not in OPEN and _below(path, PROTECTED)


def _below(path: str, prefixes: Iterable[str]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


def refusal(path: str, error: CredentialRefused) -> Response:
    """401 in the surface's own shape; 429 when no more proofs can be remembered."""
    if isinstance(error, ReplaysFull):
        return _shaped(path, problems.problem("too_many_requests", BUSY), "too_many_requests", BUSY)
    if _below(path, CERTIFIED):
        answer = problems.unauthenticated(error, CERTIFICATE_WANTED)
        answer.headers["www-authenticate"] = BY_CERTIFICATE
        return _shaped(path, answer, "unauthenticated", CERTIFICATE_WANTED)
    return _shaped(path, problems.unauthenticated(error), "unauthenticated", "The caller is not authenticated.")


def over_limit(path: str, over: OverLimit) -> Response:
    """429 with the time to wait."""
    told = TOLD[over.which]
    return _shaped(path, problems.problem("too_many_requests", told, after_s=over.after_s), "too_many_requests", told)


def narrow(path: str) -> Response:
    """403: the token was narrowed to some questions, and this path asks others."""
    return _shaped(path, problems.problem("forbidden", NARROW), "forbidden", NARROW)


def fault(path: str) -> Response:
    """500 in the surface's own shape."""
    response = problems.problem("unknown", "The gateway failed. Quote the time to the operator.")
    return _shaped(path, response, "unknown", "The gateway failed.")


def outage(path: str) -> Response:
    """503 in the surface's own shape: the log or the database cannot be used."""
    return _shaped(path, problems.problem("no_evidence", OUT_OF_ORDER, retryable=True), "no_evidence", OUT_OF_ORDER)


def _shaped(path: str, response: Response, code: str, text: str) -> Response:
    if path == "/dci" or path.startswith("/dci/"):
        shaped = failed(path, response.status_code, DCI_CODES.get(code, UNAVAILABLE), text)
        return _with_headers(shaped, response)
    shape = next((SHAPES[prefix] for prefix in SHAPES if path == prefix or path.startswith(f"{prefix}/")), None)
    if shape is None:
        return response
    return _with_headers(shape(response.status_code, code, text), response)


def _with_headers(shaped: Response, response: Response) -> Response:
    for name in ("www-authenticate", "retry-after"):
        if name in response.headers:
            shaped.headers[name] = response.headers[name]
    return shaped


def _xroad_rest(status: int, code: str, text: str) -> Response:
    """Source: X-Road message protocol for REST, section 4.6: error messages."""
    return rest_error(status, OF_PROBLEMS.get(code, INTERNAL), text, code)


def _soap(status: int, code: str, text: str) -> Response:
    """SOAP 1.1 fault, section 4.4, with X-Road's code."""
    return fault_message(OF_PROBLEMS.get(code, INTERNAL), text, code, status=status)


def _consent(status: int, code: str, text: str) -> Response:
    """GovStack's APIs give failures no body of their own; this is the one of `edges.govstack.route`."""
    return Response(orjson.dumps({"code": code, "message": text}), status, media_type="application/json")


def _oauth(status: int, code: str, text: str) -> Response:
    """RFC 6749 section 5.2, with the word that section 4.1.2.1 has for it."""
    del code
    body = {"error": "temporarily_unavailable", "error_description": text}
    return Response(orjson.dumps(body), status, {"cache-control": "no-store"}, "application/json")


def _page(status: int, code: str, text: str) -> Response:
    """For people."""
    del code
    return refused_page(text, heading="Not now", status=status)


SHAPES: dict[str, Callable[[int, str, str], Response]] = {
    "/oauth2": _oauth,
    **dict.fromkeys(PAGES, _page),
    "/consent": _consent,
    "/im": _consent,
    "/r1": _xroad_rest,
    "/listClients": _xroad_rest,
    "/xroad": _soap,
}
