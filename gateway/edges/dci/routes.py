"""The paths of the DCI edge: routed by `receiver_id` and `reg_type`, pinned to a system in the path, or below the own
prefix of a partner. Whatever else is asked below `/dci` is answered here too, so that no failure has another shape.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ...errors import NoEvidence
from ...trust.caller import Caller
from ...trust.errors import EncryptionRefused
from ...wiring import Services
from ..body import read
from ..refusal import OUT_OF_ORDER, OUTAGES, ProblemError, is_outage
from ..signing import message_of, proof_of
from ..v1.deps import caller, services
from . import extras, later, status, told_later, updates
from .answering import offer_for
from .envelope import Received, received
from .events import confirmed, notified, subscribed, unsubscribed
from .failure import BAD, NOT_FOUND, UNAVAILABLE, DciError, failed
from .operations import OPERATIONS, Operation
from .places import places
from .search import searched
from .seen import finish
from .upload import KIND, LARGEST, file_of, parameter, takes_files

Handler = Callable[[Received, str, Services], Awaitable[Response]]


async def _confirmed(message: Received, _consumer: str, _here: Services) -> Response:
    return await confirmed(message)


HANDLERS: Mapping[str, Handler] = {
    "search": later.taken,
    "on-search": told_later.found,
    "subscribe": subscribed,
    "on-subscribe": _confirmed,
    "unsubscribe": unsubscribed,
    "on-unsubscribe": _confirmed,
    "notify": notified,
    "txn/status": status.taken,
    "txn/on-status": told_later.acknowledged,
    "sync/search": searched,
    "sync/txn/status": status.told,
    "sync/check-enrollment": extras.asked_about,
    "sync/enrolled": extras.asked_about,
    "sync/enrollment/updates": updates.updated,
    "sync/disabled": extras.asked_about,
    "sync/get-disability-support": extras.asked_about,
    "sync/get-disability-details": extras.asked_about,
}
PREFIXES = ("/registry", "/{system}/registry")


@dataclass(frozen=True, slots=True)
class Pin:
    """What the path says before the message does: the system (DCI's spelling) and service that it is for, and how the
    transport calls the message."""

    system: str | None = None
    service: str = ""
    carried: Mapping[str, object] = field(default_factory=dict)


def dci_routes() -> APIRouter:
    """All routes, under both prefixes, and the one that takes everything else."""
    routes = APIRouter(tags=["dci"])
    routes.add_api_route("/.well-known/locations.json", get_locations, methods=["GET"])
    for path, handler in HANDLERS.items():
        for prefix in PREFIXES:
            routes.add_api_route(f"/dci{prefix}/{path}", _endpoint(OPERATIONS[path], handler), methods=["POST"])
    routes.routes.extend(Route(path, _Elsewhere()) for path in ("/dci", "/dci/{rest:path}"))
    return routes


async def get_locations(here: Annotated[Services, Depends(services)]) -> dict[str, Any]:
    """The country's places as a tree."""
    return places(here.profile)


def _endpoint(operation: Operation, handler: Handler) -> Callable[..., Awaitable[Response]]:
    async def endpoint(
        request: Request,
        who: Annotated[Caller, Depends(caller)],
        here: Annotated[Services, Depends(services)],
    ) -> Response:
        return await _answered(request, operation, handler, who, here, Pin(_pinned(request, who, here)))

    endpoint.__doc__ = f"`/registry/{operation.path}` of SPDCI 1.0.0; see docs/profiles/dci.md."
    return endpoint


class _Elsewhere:
    """Everything else, as an application: a route of functions answers methods that it does not list by itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = await _elsewhere(request, await caller(request), await services(request))
        await answer(scope, receive, send)


async def _elsewhere(request: Request, who: Caller, here: Services) -> Response:
    """Below the partner's own prefix, else 404 or 405 in DCI's shape."""
    path = f"/{request.path_params.get('rest', '')}"
    prefix = here.trust.messages.policy(who.system).dci.prefix
    operation = OPERATIONS.get(path.removeprefix(f"{prefix}/")) if prefix and path.startswith(f"{prefix}/") else None
    if operation is None:
        operation = _known(path)
        if operation is None or request.method == "POST":
            return failed(path, 404, NOT_FOUND, "There is no such path here; docs/profiles/dci.md lists them.")
    elif request.method == "POST" and operation.path in HANDLERS:
        return await _answered(request, operation, HANDLERS[operation.path], who, here, Pin())
    return _not_posted(path)


async def carried(request: Request, path: str, who: Caller, here: Services, pin: Pin) -> Response:
    """A message that came inside another transport (X-Road); `path` begins with `registry/`."""
    operation = OPERATIONS.get(path.removeprefix("registry/"))
    if operation is None or operation.path not in HANDLERS:
        return failed(f"/{path}", 404, NOT_FOUND, "There is no such path here; docs/profiles/dci.md lists them.")
    if request.method != "POST":
        return _not_posted(f"/{path}")
    return await _answered(request, operation, HANDLERS[operation.path], who, here, pin)


def _not_posted(path: str) -> Response:
    answer = failed(path, 405, BAD, "Send a POST.")
    answer.headers["allow"] = "POST"
    return answer


def _known(path: str) -> Operation | None:
    before, found, rest = path.partition("/registry/")
    return OPERATIONS.get(rest) if found and before.count("/") <= 1 else None


async def _answered(
    request: Request, operation: Operation, handler: Handler, who: Caller, here: Services, pin: Pin
) -> Response:
    """The handler's answer, or the failure in the shape of the path."""
    path = request.url.path
    try:
        _check_scope(who, operation)
        http = message_of(request, await _body(request, operation), here.trust.origin)
        message = replace(await received(http, operation, who, here, proof_of(request)), carried=pin.carried)
    except (DciError, *OUTAGES) as error:
        return _failed(error, path, "")
    try:
        return await _worked(handler, message, who.system, pin, here)
    except (DciError, EncryptionRefused, NoEvidence, *OUTAGES) as error:
        return _failed(error, path, message.transaction_id)


def _failed(error: Exception, path: str, transaction_id: str) -> Response:
    """A failure that has a name; any other is the door's."""
    if isinstance(error, DciError):
        return error.response(path, transaction_id)
    if isinstance(error, EncryptionRefused):
        return failed(path, 400, "err.encryption.invalid", error.detail, transaction_id=transaction_id)
    if isinstance(error, NoEvidence):
        answer = failed(path, 503, UNAVAILABLE, error.detail, transaction_id=transaction_id)
    elif is_outage(error):
        answer = failed(path, 503, UNAVAILABLE, OUT_OF_ORDER, transaction_id=transaction_id)
    else:
        raise error
    answer.headers["retry-after"] = "5"
    return answer


async def _worked(handler: Handler, message: Received, consumer: str, pin: Pin, here: Services) -> Response:
    """The answer; only what succeeded uses its message id up."""
    worked = False
    try:
        _check_pin(pin, message, here)
        answer = await handler(message, consumer, here)
        worked = True
    finally:
        await asyncio.shield(finish(here.db, message.seen, done=worked))
    return answer


def _check_scope(who: Caller, operation: Operation) -> None:
    if operation.scope not in who.scopes:
        raise DciError(403, "err.request.forbidden", f"This needs a token with scope {operation.scope}.")


def _pinned(request: Request, who: Caller, here: Services) -> str | None:
    """The system of the path, unless the word there is the partner's own prefix (`/sr/registry`)."""
    system: str | None = request.path_params.get("system")
    return None if f"/{system}/registry" == here.trust.messages.policy(who.system).dci.prefix else system


def _check_pin(pin: Pin, message: Received, here: Services) -> None:
    """`/dci/{system}/registry/...`: the message must be for that system."""
    if pin.system is not None and message.header.get("receiver_id") != pin.system:
        raise DciError(400, "err.receiver_id.invalid", "receiver_id is not the system of the path.")
    if pin.service and any(not _asks(pin.service, each, message, here) for each in message.items):
        raise DciError(400, BAD, "reg_type is not the registry of the path's service.")


def _asks(service: str, item: Mapping[str, Any], message: Received, here: Services) -> bool:
    """Whether an item of a search asks this service; one that asks none is refused by itself."""
    try:
        criteria = item.get("search_criteria")
        return criteria is None or offer_for(criteria, message.asking(here), here).service.id == service
    except ProblemError:
        return True


async def _body(request: Request, operation: Operation) -> bytes:
    stated = request.headers.get("content-type", "")
    kind = stated.partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise DciError(415, BAD, "Send the body without Content-Encoding.")
    is_file = kind == KIND and takes_files(operation)
    if kind != "application/json" and not is_file:
        takes = "application/json, or multipart/form-data with the message as a file"
        raise DciError(415, BAD, f"Send Content-Type: {takes if takes_files(operation) else 'application/json'}.")
    if not is_file and parameter(stated, "charset", "utf-8").lower() != "utf-8":
        raise DciError(415, BAD, "Send the message in UTF-8.")
    try:
        if is_file:
            return file_of(stated, await read(request, largest=LARGEST), operation)
        return await read(request)
    except ProblemError as error:
        raise DciError(413, BAD, error.detail) from None
