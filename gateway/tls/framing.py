"""What a request must be before anybody reads it: unambiguous, of a sane size, for us, and with no false certificate.

Pure ASGI, outermost. It also ends the connection after a refusal, so that nothing hides behind a body that was not
read: after any 4xx, but for those that an authenticated caller got for a request that was read to its end; those are
ordinary answers.

Source: reference, threat rows 12 and 23; RFC 9112 section 6.3, RFC 9110 section 7.4.
"""

import asyncio
import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson
from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..edges.dci.failure import BAD, failed, speaks_dci
from ..edges.v1.problems import problem
from ..trust.binding import CERTIFICATE
from .client_cert import NAME, ClientCertRefused, presented

Shape = Literal["plain", "direct", "proxy"]
Headers = Sequence[tuple[bytes, bytes]]
Named = Mapping[bytes, bytes]

MOST_HEADERS = 100
LARGEST_HEADERS = 16 * 1024
LARGEST_DRAINED = 4 * 1024 * 1024
DRAINED_S = 3.0
SECRET_NAME = b"sandhi-edge-secret"
ONCE = (b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-encoding")
ANY_HOST = frozenset({"/livez", "/readyz", "/metrics"})  # an orchestrator asks by address


@dataclass(frozen=True, slots=True)
class Rules:
    """What a listener accepts.

    Attributes:
        shape: who ends the TLS.
        hosts: names that `Host` may have, without port, in small letters; empty: any.
        secret: that a proxy on TCP must send for its `Client-Cert` to count; empty: the socket is proof enough.
    """

    shape: Shape = "plain"
    hosts: frozenset[str] = frozenset()
    secret: str = ""


class Framing:
    """Refuses odd requests, and hands the caller's certificate on in the proxy shape."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if self._rules.shape == "proxy":
            scope = {**scope, "client": None}  # the proxy, whoever calls
        named = dict(scope["headers"])
        answering = _Answering(scope, named, receive, send)
        app = self._fault(scope, named) or self._app
        return await app(scope, answering.receive, answering.send)

    def _fault(self, scope: Scope, named: Named) -> Response | None:
        """The refusal, in the surface's own shape."""
        found = self._odd(scope, named)
        if found is None or not speaks_dci(scope["path"]):
            return found
        return failed(scope["path"], found.status_code, BAD, str(orjson.loads(found.body)["detail"]))

    def _odd(self, scope: Scope, named: Named) -> Response | None:
        headers = scope["headers"]
        return (
            _size(headers)
            or _cut_short(scope)
            or _ambiguous(headers, named)
            or self._host(scope, named)
            or _encoded(named)
            or (self._certificate(scope) if NAME in named else None)
        )

    def _host(self, scope: Scope, named: Named) -> Response | None:
        sent, hosts = named.get(b"host"), self._rules.hosts
        if sent is None and scope["http_version"] != "1.0":
            return problem("bad_request.framing", "Send one Host header.")
        if not hosts or scope["path"] in ANY_HOST or (sent and _name(sent) in hosts):
            return None
        return problem("bad_request.host", "This gateway has another name; see its public address.")

    def _certificate(self, scope: Scope) -> Response | None:
        headers = scope["headers"]
        try:
            if self._rules.shape != "proxy" or not self._from_the_proxy(headers):
                raise ClientCertRefused
            scope.setdefault("state", {})[CERTIFICATE] = presented(headers)
        except ClientCertRefused:
            return problem("bad_request.framing", "Client-Cert is set by the proxy only.")
        return None

    def _from_the_proxy(self, headers: Headers) -> bool:
        if not self._rules.secret:
            return True
        sent = [value for name, value in headers if name == SECRET_NAME]
        return len(sent) == 1 and hmac.compare_digest(sent[0], self._rules.secret.encode())


class _Answering:
    """One request's `receive` and `send`: knows whether the body was read, and ends the connection where it must."""

    def __init__(self, scope: Scope, named: Named, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._read_whole = b"transfer-encoding" not in named and named.get(b"content-length", b"0") == b"0"
        self._waits = b"expect" in named  # for our word before it sends a body, which it will not get
        self._closing = False

    async def receive(self) -> Message:
        """As ASGI."""
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            self._read_whole = True
        return message

    async def send(self, message: Message) -> None:
        """As ASGI."""
        if message["type"] == "http.response.start":
            self._closing = 400 <= message["status"] < 500 and not self._is_ordinary()
            if self._closing:
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        elif self._closing and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    def _is_ordinary(self) -> bool:
        state = self._scope.get("state", {})
        return self._read_whole and ("caller" in state or "officer" in state)

    async def _drain(self) -> None:
        """Take what is still on its way: closing on it would tear the answer from the client's hands."""
        total = 0
        try:
            async with asyncio.timeout(DRAINED_S):
                while not (self._read_whole or self._waits) and total <= LARGEST_DRAINED:
                    total += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return


def _size(headers: Headers) -> Response | None:
    if len(headers) <= MOST_HEADERS and sum(len(name) + len(value) + 4 for name, value in headers) <= LARGEST_HEADERS:
        return None
    return problem("bad_request.headers", f"Send at most {MOST_HEADERS} headers and {LARGEST_HEADERS} bytes of them.")


def _cut_short(scope: Scope) -> Response | None:
    """NUL, where programs in C end a text and others go on; PostgreSQL takes it in none, and seems to be down."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        return problem("bad_request.framing", "Leave %00 out of the address.")
    return None


def _ambiguous(headers: Headers, named: Named) -> Response | None:
    """Two readings of where the body ends, or of what it is."""
    if b"content-length" in named and b"transfer-encoding" in named:
        return problem("bad_request.framing", "Send Content-Length or Transfer-Encoding, not both.")
    if len(named) == len(headers):
        return None
    counted = Counter(name for name, _ in headers if name in ONCE)
    if any(count > 1 for count in counted.values()):
        return problem("bad_request.framing", "Send Host, Content-Length and the like once.")
    return None


def _encoded(named: Named) -> Response | None:
    if named.get(b"content-encoding", b"identity").lower() == b"identity":
        return None
    return problem("bad_request.content_type", "Send the body without Content-Encoding.")


def _name(host: bytes) -> str:
    """`Gateway.Example:8080` -> `gateway.example`; `[::1]:8080` -> `[::1]`."""
    text = host.decode("latin-1").lower()
    name, colon, port = text.rpartition(":")
    return name if colon and (port.isdecimal() or not port) else text
