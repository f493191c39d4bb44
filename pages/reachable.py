"""A browser that asks by GET for an address that only takes forms is led to the nearest page above it.

A page made by a POST stands at such an address: its language links, a reload and a bookmark all ask for it. The choice
of a language counts before the way leads on. Source: RFC 9110, sections 15.4.4 and 15.5.6.
"""

from collections.abc import Iterable

from starlette.responses import RedirectResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OF_A_BODY = (b"content-length", b"content-type", b"allow")
AREAS = ("/console", "/my-data", "/desk", "/counsel")


class Reachable:
    """ASGI: in place of "405 Method Not Allowed" for a GET below one of `AREAS`, the way to a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(AREAS):
            await self._app(scope, receive, send)
            return
        left = False

        async def sending(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.start" and message["status"] == 405:
                left = True
                await send({**message, "status": 303, "headers": _leading(message["headers"], _above(scope))})
                await send({"type": "http.response.body"})
            if not left:
                await send(message)

        await self._app(scope, receive, sending)


def _leading(headers: Iterable[tuple[bytes, bytes]], above: str) -> list[tuple[bytes, bytes]]:
    """What the answer said of itself stays, its body does not: the guard's headers are on every answer of a page."""
    kept = [(name, value) for name, value in headers if name not in OF_A_BODY]
    return [*kept, *RedirectResponse(above, 303).raw_headers]


def _above(scope: Scope) -> str:
    """The longest beginning of the path, whole parts only, that a route takes by GET; at last the area itself."""
    path: str = scope["path"].rstrip("/").rpartition("/")[0]
    while path.count("/") > 1 and not _taken(scope, path):
        path = path.rpartition("/")[0]
    return path or "/"


def _taken(scope: Scope, path: str) -> bool:
    asked: Scope = {**scope, "path": path, "raw_path": path.encode(), "method": "GET"}
    return any(each.matches(asked)[0] is Match.FULL for each in scope["app"].routes)
