"""The registry's HTTP side: events come in from the gateway, reviewers look at the list, by pages or by program.

`POST /registry/notify`, `/registry/on-subscribe` and `/registry/on-unsubscribe` take only what the gateway signed, for
us, now.
`/review/...` needs the bearer token of `DIR/review.token`, which only the registry's own user can read.
`/desk/...` are pages for people with an account, see `planning`.
Ids travel in bodies, so that no access log can hold one.
"""

import hmac
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from sandhi_client import EventRefused, SandhiError
from sandhi_client.events import Incoming, acknowledgement, refusal
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from . import lines, notices, planning, review
from .errors import StepFailed
from .stage import Stage
from .subscriptions import confirmed, ended

LARGEST = 1024 * 1024
GATEWAY = "LK.GOV.SANDHI.GATEWAY"
Handler = Callable[[Request], Awaitable[Response]]


class TooLarge(Exception):
    """The body is larger than anything that belongs here."""


def app(stage: Stage) -> ASGIApp:
    """The server over one registry."""
    desk = Desk(stage, token_at(stage.settings.folder / "review.token"))
    for_people, failures = planning.routes(stage)
    routes = [
        *for_people,
        Route("/livez", _alive),
        Route("/registry/notify", desk.notify, methods=["POST"]),
        Route("/registry/on-subscribe", desk.on_subscribe, methods=["POST"]),
        Route("/registry/on-unsubscribe", desk.on_unsubscribe, methods=["POST"]),
        Route("/review/lines", desk.lines),
        *(Route(f"/review/{action}", desk.review(action), methods=["POST"]) for action in REVIEWS),
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await stage.client.close()

    server = Starlette(routes=routes, lifespan=lifespan, exception_handlers={**failures, TooLarge: _too_large})
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


REVIEWS = ("approve", "reject", "comment")


class Desk:
    """The routes, over one store."""

    def __init__(self, stage: Stage, token: str) -> None:
        self._stage = stage
        self._token = token
        self._incoming = Incoming(stage.client.session, accepted_from=GATEWAY)

    async def notify(self, request: Request) -> Response:
        """Store the events, then acknowledge. Anything else is refused in DCI's shape and nothing was learned."""
        return await _answered(self._stored(await _body(request)))

    async def on_subscribe(self, request: Request) -> Response:
        """The gateway confirms a subscription by its code."""
        return await _answered(confirmed(self._stage, await _body(request)))

    async def on_unsubscribe(self, request: Request) -> Response:
        """The gateway says that a subscription is over."""
        return await _answered(ended(self._stage, await _body(request)))

    async def _stored(self, body: bytes) -> bytes:
        notice = await self._incoming.verified(body)
        notices.record(self._stage.store, notice)
        return acknowledgement(notice)

    async def lines(self, request: Request) -> Response:
        """`?after=ID&limit=100&all=1`: lines to review, by id; `all` includes those decided on.

        `outcome`, `reason`, `district`, `decision` (waiting, approved, rejected) narrow it further, as on the page.
        """
        if not self._known(request):
            return _unknown()
        query = request.query_params
        try:
            limit = min(max(int(query.get("limit", "100")), 1), lines.MOST)
        except ValueError:
            return _problem(400, "limit is a whole number")
        narrowed = {name: query[name] for name in ("outcome", "reason", "district", "since") if name in query}
        decision = query.get("decision") or ("" if query.get("all") else "waiting")
        wanted = lines.Wanted(**narrowed, decision=decision, after=query.get("after", ""), limit=limit)
        try:
            found = [lines.wire(self._stage.store, row) for row in lines.found(self._stage.store, wanted)]
        except StepFailed as error:
            return _problem(400, str(error))
        return JSONResponse({"lines": found, "next": found[-1]["id"] if len(found) == limit else None})

    def review(self, action: str) -> Handler:
        """`{"id", "by", "reason"}`."""

        async def decide(request: Request) -> Response:
            if not self._known(request):
                return _unknown()
            try:
                said = _said(await _body(request))
                review.reviewed(self._stage, action, said["id"], said["by"], said["reason"])
            except StepFailed as error:
                return _problem(400, str(error))
            return JSONResponse({"outcome": action})

        return decide

    def _known(self, request: Request) -> bool:
        stated = request.headers.get("authorization", "")
        return hmac.compare_digest(stated.encode(), f"Bearer {self._token}".encode())


async def _answered(work: Awaitable[bytes]) -> Response:
    """The acknowledgement that the work gives, or DCI's refusal."""
    try:
        return _json(await work)
    except EventRefused as refused:
        return _json(refusal(refused))
    except SandhiError:
        later = EventRefused("err.service.unavailable", "the gateway's keys cannot be fetched; send it again")
        return _json(refusal(later), 503)


def _said(body: bytes) -> Mapping[str, str]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    wanted = ("id", "by", "reason")
    if not isinstance(said, dict) or not all(isinstance(said.get(name), str) for name in wanted) or len(said) != 3:
        raise StepFailed('send {"id", "by", "reason"}, all texts')
    return said


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise TooLarge
    return body


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "alive"})


async def _too_large(_: Request, _error: Exception) -> Response:
    return _problem(413, f"a body has at most {LARGEST} bytes")


def _unknown() -> Response:
    return _problem(401, "send Authorization: Bearer with the token of the file review.token")


def _problem(status: int, detail: str) -> Response:
    content: dict[str, Any] = {"status": status, "detail": detail}
    return JSONResponse(content, status, media_type="application/problem+json")


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
