"""The dialler as an httpx2 transport, for libraries that bring their own HTTP client (Authlib's OpenID Connect).

Whatever the library asks for goes through `HttpClient`: vetted address, no redirects, deadline, byte cap.
"""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

import httpx2

from adapters.kit.egress import Dialler, HttpAnswer, HttpClient, Limits
from adapters.kit.http_client import always

Fetch = Callable[[str, str, Mapping[str, str], bytes], Awaitable[HttpAnswer]]
"""Method, full URL, headers, body -> answer."""

PASSED_ON = frozenset({"accept", "authorization", "content-type"})


def dialled(dialler: Dialler, limits: Limits) -> Fetch:
    """A `Fetch` over the dialler: one client for each origin that is met."""
    clients: dict[str, HttpClient] = {}

    async def fetch(method: str, url: str, headers: Mapping[str, str], content: bytes) -> HttpAnswer:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in clients:
            clients[origin] = dialler.http(origin, limits)
        sent = {name: value for name, value in headers.items() if name in PASSED_ON}
        return await clients[origin].request(
            method, url, headers=sent, content=content, repeatable=method == "GET", faults=always
        )

    return fetch


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Opens no socket of its own."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One exchange, as httpx2 asks for it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = await self._fetch(request.method, str(request.url), headers, await request.aread())
        return httpx2.Response(answer.status, headers=dict(answer.headers), content=answer.body)
