"""The paths of the DCI edge: routed by `receiver_id` and `reg_type`, or pinned to a system in the path."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from ...errors import NoEvidence
from ...trust.caller import Caller
from ...trust.errors import EncryptionRefused
from ...wiring import Services
from ..body import read
from ..refusal import OUT_OF_ORDER, OUTAGES, ProblemError, is_outage
from ..signing import message_of, proof_of
from ..v1.deps import caller, services
from .envelope import DciError, Received, received
from .events import confirmed, notified, subscribed
from .search import searched
from .seen import finish

Handler = Callable[[Received, str, Services], Awaitable[Response]]


async def _confirmed(message: Received, _consumer: str, _here: Services) -> Response:
    return await confirmed(message)


ACTIONS: dict[str, tuple[str, Handler]] = {
    "sync/search": ("search", searched),
    "subscribe": ("subscribe", subscribed),
    "on-subscribe": ("on-subscribe", _confirmed),
    "notify": ("notify", notified),
}


SCOPES = {"search": "exchange"}  # all others: `events`


def dci_routes() -> APIRouter:
    """All routes, under both prefixes."""
    routes = APIRouter(prefix="/dci", tags=["dci"])
    for path, (action, handler) in ACTIONS.items():
        for prefix in ("/registry", "/{system}/registry"):
            routes.add_api_route(f"{prefix}/{path}", _endpoint(action, handler), methods=["POST"])
    return routes


def _endpoint(action: str, handler: Handler) -> Callable[..., Awaitable[Response]]:
    async def endpoint(
        request: Request,
        who: Annotated[Caller, Depends(caller)],
        here: Annotated[Services, Depends(services)],
    ) -> Response:
        try:
            _check_scope(who, action)
            http = message_of(request, await _body(request), here.trust.origin)
            message = await received(http, action, who, here, proof_of(request))
            return await _worked(handler, message, who.system, request.path_params.get("system"), here)
        except DciError as error:
            return error.response()
        except EncryptionRefused as error:
            return DciError(400, "err.encryption.invalid", error.detail).response()
        except NoEvidence as error:
            return DciError(503, "err.service.unavailable", error.detail).response()
        except OUTAGES as error:
            if not is_outage(error):
                raise
            return DciError(503, "err.service.unavailable", OUT_OF_ORDER).response()

    return endpoint


async def _worked(handler: Handler, message: Received, consumer: str, pinned: str | None, here: Services) -> Response:
    """The answer; only what succeeded uses its message id up."""
    worked = False
    try:
        _check_pin(pinned, message)
        answer = await handler(message, consumer, here)
        worked = True
    finally:
        await asyncio.shield(finish(here.db, message.seen, done=worked))
    return answer


def _check_scope(who: Caller, action: str) -> None:
    wanted = SCOPES.get(action, "events")
    if wanted not in who.scopes:
        raise DciError(403, "err.request.forbidden", f"This needs a token with scope {wanted}.")


def _check_pin(system: str | None, message: Received) -> None:
    """`/dci/{system}/registry/...`: the message must be for that system."""
    if system is not None and message.header.get("receiver_id") != system:
        raise DciError(400, "err.receiver_id.invalid", "receiver_id is not the system of the path.")


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise DciError(415, "err.request.bad", "Send Content-Type: application/json.")
    try:
        return await read(request)
    except ProblemError as error:
        raise DciError(413, "err.request.bad", error.detail) from None
