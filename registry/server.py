"""The registry's HTTP side: events come in from the gateway, reviewers look at the list, by pages or by program.

`POST /registry/notify`, `/registry/on-subscribe` and `/registry/on-unsubscribe` take only what the gateway signed, for
us, now.
`/review/...` is the same for a program as `/desk/...` for people with an account, see `reviewing` and `planning`.
Ids travel in bodies, so that no access log can hold one.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from sandhi_client import EventRefused, SandhiError
from sandhi_client.events import Incoming, acknowledgement, refusal
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from . import notices, planning
from .planning.places import Places
from .reviewing import ReviewApi
from .stage import Stage
from .subscriptions import confirmed, ended
from .wire import TooLarge, body_of, too_large

GATEWAY_ID = "LK.GOV.SANDHI.GATEWAY"


def app(stage: Stage) -> ASGIApp:
    """The server over one registry."""
    incoming, token = Gateway(stage), token_at(stage.settings.folder / "review.token")
    places = Places(stage.settings.places, stage.settings.divisions)
    for_people, failures = planning.routes(stage, places)
    routes = [
        *for_people,
        Route("/livez", _alive),
        Route("/registry/notify", incoming.notify, methods=["POST"]),
        Route("/registry/on-subscribe", incoming.on_subscribe, methods=["POST"]),
        Route("/registry/on-unsubscribe", incoming.on_unsubscribe, methods=["POST"]),
        *ReviewApi(stage, token, places).routes(),
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await stage.client.close()

    server = Starlette(routes=routes, lifespan=lifespan, exception_handlers={**failures, TooLarge: too_large})
    return planning.around(server, stage.settings.public_url)


def serve(stage: Stage) -> None:
    """Listen on the loopback interface until SIGINT or SIGTERM."""
    uvicorn.run(app(stage), host="127.0.0.1", port=stage.settings.port, access_log=False, log_level="warning")


def token_at(path: Path) -> str:
    """The reviewers' token; made when absent, readable by the owner only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="ascii")
    return path.read_text(encoding="ascii")


class Gateway:
    """What the gateway tells us, over one store."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._incoming = Incoming(stage.client.session, accepted_from=GATEWAY_ID)

    async def notify(self, request: Request) -> Response:
        """Store the events, then acknowledge. Anything else is refused in DCI's shape and nothing was learned."""
        return await _answered(self._stored(await body_of(request)))

    async def on_subscribe(self, request: Request) -> Response:
        """The gateway confirms a subscription by its code."""
        return await _answered(confirmed(self._stage, await body_of(request)))

    async def on_unsubscribe(self, request: Request) -> Response:
        """The gateway says that a subscription is over."""
        return await _answered(ended(self._stage, await body_of(request)))

    async def _stored(self, body: bytes) -> bytes:
        notice = await self._incoming.verified(body)
        notices.record(self._stage.store, notice)
        return acknowledgement(notice)


async def _answered(work: Awaitable[bytes]) -> Response:
    """The acknowledgement that the work gives, or DCI's refusal."""
    try:
        return _json(await work)
    except EventRefused as refused:
        return _json(refusal(refused))
    except SandhiError:
        later = EventRefused("err.service.unavailable", "the gateway's keys cannot be fetched; send it again")
        return _json(refusal(later), 503)


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "alive"})


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
