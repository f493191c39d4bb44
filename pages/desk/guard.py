"""Around every page: what the browser may do with it, and from where it may be posted to.

Pure ASGI, before any route and before the body. A page is answered only under the address that it is known by, so that
no other name can be made to point here. A request that changes something has to come from a page of ours: the browser's
`Origin` is required and compared, `Sec-Fetch-Site` where it is sent, and the media type is a form's.

Source: OWASP ASVS 5.0 3.4, 3.5.1; OWASP CSRF Prevention Cheat Sheet; Fetch Metadata.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import POLICY
from .front import refused

SAFE = frozenset({"GET", "HEAD"})
FORM = "application/x-www-form-urlencoded"
HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "referrer-policy": "same-origin",  # with `no-referrer` a browser would send `Origin: null` from our own forms
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
TWO_YEARS = "max-age=63072000"


class Guard:
    """Around the pages below `prefixes` of an application whose public address is `origin`."""

    def __init__(self, app: ASGIApp, *, origin: str, prefixes: Sequence[str]) -> None:
        self._app = app
        self._origin = origin
        self._prefixes = tuple(prefixes)
        self._headers = HEADERS | ({"strict-transport-security": TWO_YEARS} if origin.startswith("https://") else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not self._is_page(scope["path"]):
            return await self._app(scope, receive, send)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        fault = self._fault(scope["method"], Headers(scope=scope))
        if fault:
            return await refused(fault, back=self._prefixes[0])(scope, receive, dressed)
        return await self._app(scope, receive, dressed)

    def _is_page(self, path: str) -> bool:
        return any(path == prefix or path.startswith(f"{prefix}/") for prefix in self._prefixes)

    def _fault(self, method: str, headers: Headers) -> str:
        if headers.getlist("host") != [self._origin.partition("://")[2]]:
            return "This is not the address of these pages."
        if method in SAFE:
            return ""
        ours = same_origin(headers, self._origin, FORM)
        return "" if ours else "The request did not come from a page of this application."


def same_origin(headers: Headers, origin: str, media_type: str) -> bool:
    """Whether a page of ours sends this, as a browser tells it, with a body of this media type."""
    site = headers.get("sec-fetch-site", "same-origin")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return headers.getlist("origin") == [origin] and site == "same-origin" and kind == media_type
