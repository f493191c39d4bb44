"""`/r1/...` and `/listClients`: X-Road REST for consumers. One route takes every path and method, so that each failure,
also one of the web framework, leaves in X-Road's shape.

    POST /r1/{instance}/{class}/{member}/{subsystem}/{service}        one question, answered now
    POST /r1/{instance}/{class}/{member}/{subsystem}/{service}/registry/...      a DCI message (`carrying.py`)
    GET  /r1/{instance}/{class}/{member}/{subsystem}/listMethods | allowedMethods | getOpenAPI?serviceCode=

Source: PR-REST 1.0.x, PR-MREST 0.5, PR-META 2.15.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import orjson
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response

from adapters.kit import strict_json

from ...errors import ExchangeError
from ...trust.caller import Caller
from ...trust.errors import NoIdentifier
from ...wiring import Services
from ..body import LARGEST, check_type, read
from ..dci.upload import LARGEST as LARGEST_DCI
from ..v1.deps import caller, services
from ..v1.problems import place, problem
from . import metadata
from .asking import Called, answered
from .carrying import dci_answered, is_dci
from .codes import (
    BAD_REQUEST,
    FAILURES,
    NOT_THE_CLIENT,
    OF_OUTCOMES,
    UNKNOWN_SERVICE,
    XRoadError,
    reads_new_codes,
    rest_error,
    spelled,
    xroad_error,
)
from .hashes import request_hash
from .identifiers import Provider, client_of, segment

logger = logging.getLogger("sandhi.xroad")

METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"]
DEEPEST = 8
CLIENT_HEADERS = ("information-mediator-client", "x-govstack-client", "x-road-client")
"""The published harness's word, GovStack's and X-Road's for the same header."""
Metadata = Callable[[Provider, Caller, Request, Services], Awaitable[object]]
METADATA: dict[str, Metadata] = {
    "listMethods": metadata.list_methods,
    "allowedMethods": metadata.allowed_methods,
    "getOpenAPI": metadata.get_openapi,
}


def xroad_rest_routes() -> APIRouter:
    """The routes; described by each service's own `getOpenAPI`, not by `/v1/openapi.json`."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route(
        "/r1/{instance}/{member_class}/{member}/{subsystem}/{service}/registry/{path:path}", _r1, methods=METHODS
    )
    routes.add_api_route("/r1/{path:path}", _r1, methods=METHODS)
    routes.add_api_route("/r1", _r1, methods=METHODS)
    routes.add_api_route("/listClients", _list_clients, methods=METHODS)
    return routes


@dataclass(frozen=True, slots=True)
class _Message:
    """The request as far as its answer's headers need it; `called` is None while the path cannot be read."""

    request: Request
    request_id: str
    called: Called | None = None
    body: bytes = b""

    def headers(self) -> dict[str, str]:
        """Source: PR-REST section 4.3, response headers."""
        scope = self.request.scope
        query = scope.get("query_string", b"").decode("latin-1")
        named = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        target = f"{raw_path(self.request)}?{query}" if query else raw_path(self.request)
        made = request_hash(self.request.method, target, named, self.request_id, self.body)
        ours = {"x-road-request-id": self.request_id, "x-road-request-hash": made}
        if self.called is None:
            return ours
        service = "/".join((*self.called.provider.parts, self.called.code))
        names = {"x-road-client": self.called.caller.system, "x-road-service": service}
        return names | {"x-road-id": self.called.message_id} | ours


async def called_over_im(request: Request) -> Response:
    """The same under `/im/r1`, where GovStack's Information Mediator is spoken."""
    return await _r1(request)


async def _r1(request: Request) -> Response:
    who, here = await caller(request), await services(request)
    message = _Message(request, str(uuid4()))
    try:
        called, path = _called(request, who, message.request_id)
        message = replace(message, called=called)
        message = replace(message, body=await read(request, largest=LARGEST_DCI if is_dci(path) else LARGEST))
        answer = await _answer(message, called, path, here)
    except FAILURES as error:
        answer = failed(error, who, request, here, message.request_id)
    answer.headers.update(message.headers())
    return answer


def raw_path(request: Request) -> str:
    """The path as it was sent, nothing decoded."""
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    return bytes(raw).partition(b"?")[0].decode("latin-1")


def _called(request: Request, who: Caller, request_id: str) -> tuple[Called, str]:
    """Whom and what the path and the headers name, and the rest of the path.

    Raises:
        XRoadError: one of them cannot be read, or the client is not who the certificate says.
    """
    # "", "r1", then five identifiers and the rest
    parts = raw_path(request).removeprefix("/im").split("/", DEEPEST - 1)[2:]
    if len(parts) < 5:
        raise XRoadError(BAD_REQUEST, "A path is /r1/instance/class/member/subsystem/service.")
    first, second, third, fourth, code = map(segment, parts[:5])
    header = request.headers
    check_client([each for name in CLIENT_HEADERS for each in header.getlist(name)], who)
    _check_parts(header.get("x-road-security-server"), {4}, "X-Road-Security-Server is instance/class/member/server.")
    _check_parts(header.get("x-road-represented-party"), {1, 2}, "X-Road-Represented-Party is [class/]code.")
    called = Called(
        caller=who,
        provider=Provider((first, second, third, fourth)),
        code=code,
        message_id=_text(header.get("x-road-id", ""), "X-Road-Id") or f"{first}-{uuid4()}",
        request_id=request_id,
        user=_text(header.get("x-road-userid", ""), "X-Road-UserId"),
        issue=_text(header.get("x-road-issue", ""), "X-Road-Issue"),
        represented=header.get("x-road-represented-party", ""),
        purpose=_text(header.get("sandhi-purpose", ""), "Sandhi-Purpose"),
    )
    return called, "".join(parts[5:])


def check_client(stated: list[str], who: Caller) -> None:
    """Raise XRoadError unless the client that the message names is the one of the certificate. The last one wins."""
    if not stated:
        raise XRoadError(BAD_REQUEST, "Name the client in X-Road-Client, as instance/class/member/subsystem.")
    if client_of(stated[-1].strip()) != who.system:
        logger.warning("X-Road-Client is not the certificate's system", extra={"consumer": who.system})
        raise XRoadError(NOT_THE_CLIENT, "X-Road-Client is not the system that this certificate is registered for.")


def _check_parts(value: str | None, numbers: set[int], told: str) -> None:
    if value is None:
        return
    parts = value.split("/")
    if len(parts) not in numbers:
        raise XRoadError(BAD_REQUEST, told)
    for each in parts:
        segment(each)


def _text(value: str, name: str) -> str:
    """A header that is sent back or hashed: it cannot break another."""
    if len(value) > 255 or not value.isprintable() or not value.isascii():
        raise XRoadError(BAD_REQUEST, f"{name} is printable ASCII of up to 255 characters.")
    return value


async def _answer(message: _Message, called: Called, path: str, here: Services) -> Response:
    request = message.request
    if called.code in METADATA:
        if request.method not in {"GET", "HEAD"} or path:
            raise XRoadError(BAD_REQUEST, f"{called.code} is asked with GET, and nothing after it.")
        told = await METADATA[called.code](called.provider, called.caller, request, here)
        return Response(orjson.dumps(told), media_type="application/json")
    if is_dci(path):
        return await dci_answered(called, path, request, message.body, here)
    if path:
        raise XRoadError(UNKNOWN_SERVICE, "The service has no such path; see its getOpenAPI.")
    if request.method != "POST":
        raise XRoadError(BAD_REQUEST, "Services are asked with POST: no number of a person stands in an address.")
    try:
        answer = await answered(called, _json(request, message.body), here)
    except RequestValidationError as error:
        places = ", ".join(sorted({place(each) for each in error.errors()[:20]}))
        raise XRoadError(BAD_REQUEST, f"The body has not the shape of getOpenAPI at {places}.") from None
    except NoIdentifier as error:
        raise XRoadError(BAD_REQUEST, error.detail) from None
    except ExchangeError as error:
        if error.code in OF_OUTCOMES:
            raise XRoadError.of_outcome(error) from error
        status, code, detail = error.told
        known: dict[str, Any] = {"exchange_id": error.exchange_id} if error.exchange_id else {}
        return problem(code, detail, status=status, retryable=error.retryable, **known)
    return Response(orjson.dumps(answer.wire()), media_type="application/json")


def _json(request: Request, body: bytes) -> dict[str, object]:
    check_type(request, "application/json")
    try:
        found = strict_json.loads(body)
    except strict_json.StrictError as error:
        raise XRoadError(BAD_REQUEST, f"The body was not read: {error}.") from None
    if not isinstance(found, dict):
        raise XRoadError(BAD_REQUEST, "The body is a JSON object.")
    return found


async def _list_clients(request: Request) -> Response:
    """Members and their systems; XML unless JSON is asked for. Source: PR-META section 2."""
    who, here = await caller(request), await services(request)
    if request.method not in {"GET", "HEAD"}:
        return failed(XRoadError(BAD_REQUEST, "listClients is asked with GET."), who, request, here, str(uuid4()))
    try:
        return await metadata.list_clients(request, here)
    except FAILURES as error:
        return failed(error, who, request, here, str(uuid4()))


def failed(error: Exception, who: Caller, request: Request, here: Services, request_id: str) -> Response:
    """A failure of the way, in the spelling that the caller's member reads. A fault of ours is raised again."""
    told = xroad_error(error)
    code = spelled(told.code, new=reads_new_codes(who.system, here.settings.names("XROAD_NEW_CODES")))
    accept = request.headers.get("accept", "")
    answer = rest_error(told.status, code, told.text, told.detail or request_id, accept=accept)
    if told.after_s:
        answer.headers["retry-after"] = str(told.after_s)
    return answer
