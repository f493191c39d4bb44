"""A short way for the busiest routes: the same door, limits, signatures, route and failures, and no layers between.

Every one of the framework's layers is entered anew whenever an exchange goes on after a wait, and it waits six times;
together they cost more than its cryptography (decision record 0083). What they do for other routes is not needed here:
these routes send no background work, close nothing, and what they raise has its handler among the application's own.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from .body import HotRoute

Way = tuple[str, str]
"""Method and path."""


class Short:
    """Runs one `HotRoute` of an application; give it to the door."""

    def __init__(self, app: FastAPI, route: HotRoute) -> None:
        self._app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. Raises what the application has no handler for."""
        request = Request(scope, receive)
        try:
            response = await self._route.answer(request)
        except Exception as error:
            handler = self._handler(type(error))
            if handler is None:
                raise
            response = await handler(request, error)
        await response(scope, receive, send)

    def _handler(self, kind: type[Exception]) -> Any:
        handlers = self._app.exception_handlers
        return next((handlers[each] for each in kind.__mro__ if each in handlers), None)


class Ways(FastAPI):
    """An application that requests may enter by a short way, where there is one for them."""

    short: Mapping[Way, ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        way = self.short.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if way is None:
            return await super().__call__(scope, receive, send)
        scope["app"] = self
        return await way(scope, receive, send)
