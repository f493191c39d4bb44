"""Around every page for people: what the browser may do with it, from where it may be posted to, and faults as pages.

Pure ASGI, before any route and before the body. A request that changes something has to come from a page of ours: the
browser's `Origin` is required and compared, `Sec-Fetch-Site` where it is sent, and the media type is a form's. The
form's token is checked by the route (`forms`).

Source: OWASP ASVS 5.0 3.4, 3.5.1; OWASP CSRF Prevention Cheat Sheet; Fetch Metadata.
"""

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import pages
from pages.desk.guard import FORM, HEADERS, SAFE, TWO_YEARS, same_origin

from ..people.errors import NO_ROLE, NotAllowed

PAGES = ("/console", "/my-data", "/idp", "/static")
FOR_PROGRAMS = frozenset({"/idp/token"})  # its callers have no browser, and authenticate themselves


class Guard:
    """For an application whose public address is `origin`."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._origin = origin
        secure = {"strict-transport-security": TWO_YEARS} if origin.startswith("https://") else {}
        self._headers = HEADERS | secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not is_page(scope["path"]):
            return await self._app(scope, receive, send)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["path"].endswith("/") and scope["method"] in SAFE:  # Starlette would lead to whatever `Host` says
            return await RedirectResponse(scope["path"].rstrip("/"), 308)(scope, receive, dressed)
        sending = dressed if scope["path"] in FOR_PROGRAMS else _ProblemsAsPages(dressed, scope).sending
        changes = scope["method"] not in SAFE and scope["path"] not in FOR_PROGRAMS
        if changes and not same_origin(Headers(scope=scope), self._origin, FORM):
            return await refused("The request did not come from a page of this gateway.")(scope, receive, sending)
        return await self._app(scope, receive, sending)


class _ProblemsAsPages:
    """People get a page where a program would get `application/problem+json`, with the same status and words."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send = send
        self._area = scope["path"].split("/")[1]
        self._status = 0
        self._body = b""

    async def sending(self, message: Message) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.start":
            if Headers(raw=message["headers"]).get("content-type", "").startswith("application/problem+json"):
                self._status = message["status"]
                return
        elif self._status:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._page()
            return
        await self._send(message)

    async def _page(self) -> None:
        told = orjson.loads(self._body)
        heading, detail = _plainly(**{name: told[name] for name in ("code", "title", "detail")})
        back = f"/{self._area}" if self._area in {"console", "my-data"} else "/console"
        page = refused(pages.said(detail), heading=pages.said(heading), back=back, status=self._status)
        await self._send({"type": "http.response.start", "status": self._status, "headers": page.raw_headers})
        await self._send({"type": "http.response.body", "body": bytes(page.body)})


def _plainly(code: str, title: str, detail: str) -> tuple[str, str]:
    """Heading and text of a problem; in words for people where its own are for programs."""
    if code == NotAllowed.code and detail.startswith(NO_ROLE):
        return (
            "You may not do this",
            "None of your roles allows it. Who registers your agency's officers can give you one.",
        )
    if code == "not_found" and detail.endswith("/v1/openapi.json."):  # of an address, not of a thing
        return "There is no such page", "Perhaps its address was copied in part. The link leads to the first page."
    if detail.startswith("not_found: "):  # of an agreement or a consent; the code stands there for programs
        return title, "Nothing has this number, or it is not yours to see."
    return title, detail


def is_page(path: str) -> bool:
    """Whether people look at this path."""
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in PAGES)


def refused(
    detail: str, *, heading: str = "This was refused", back: str = "/console", status: int = 403
) -> HTMLResponse:
    """A page that says why nothing happened."""
    return HTMLResponse(pages.rendered("refused.html", heading=heading, detail=detail, back=back), status)
