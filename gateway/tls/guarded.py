"""uvicorn's two HTTP/1.1 protocols, with what they leave out: the peer's certificate, and an end to waiting.

A connection has `head_s` seconds for a request's head, and its body must keep a pace; who is slower gets 408 and the
connection ends. One look a second or so at each connection, no timer for each request.

Source: reference, threat row 24; OWASP ASVS 5.0 15.2.2.
"""

import asyncio
import json
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Literal

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..trust.binding import CERTIFICATE
from ..trust.certificate import PeerCertificate

LAST_WORDS_S = 2.0  # for the client to take the answer before the connection is torn down


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how much a connection may take.

    Attributes:
        head_s: seconds from the first byte of a request (or from the connection) to the end of its head.
        body_s: seconds that a body may take at any pace.
        body_rate: bytes a second that it must have kept on average after that.
        largest_head: bytes of a request's head.
        connections: that may be open at once.
    """

    head_s: float = 5.0
    body_s: float = 15.0
    body_rate: int = 32 * 1024
    largest_head: int = 16 * 1024
    connections: int = 2000


class _Guarded(asyncio.Protocol):
    """Mixed in before one of uvicorn's protocols. Everything it reads of them is in both."""

    patience: ClassVar[Patience] = Patience()
    transport: Any
    connections: Any
    app_state: dict[str, Any]
    loop: asyncio.AbstractEventLoop
    cycle: Any
    flow: Any

    _head_since: float | None = None
    _head_bytes = 0
    _body_since = 0.0
    _body_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Note whose connection it is, and start looking at it."""
        super().connection_made(transport)
        if len(self.connections) > self.patience.connections:
            self._end(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_requests", "Too many connections; try again.")
            return
        certificate = _certificate_of(transport)
        if certificate is not None:
            self.app_state = self.app_state | {CERTIFICATE: certificate}
        self._head_since = self.loop.time()
        self._look_later()

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head or a body, and let uvicorn read it."""
        if self.transport.is_closing():
            return
        before = self.cycle
        if self._head_since is None and not _at_work(before):
            self._head_since, self._head_bytes = self.loop.time(), 0
        super().data_received(data)
        if self.cycle is not before:
            self._head_since, self._body_since, self._body_bytes = None, self.loop.time(), 0
        elif self._head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > self.patience.largest_head:
                self._end(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "bad_request.headers", "Send shorter headers.")
        else:
            self._body_bytes += len(data)

    def _look_later(self) -> None:
        self.loop.call_later(min(self.patience.head_s, self.patience.body_s) / 4, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        if not self._is_slow():
            self._look_later()
            return
        told = self._head_since is None or self._head_bytes > 0  # who said nothing is not answered
        self._end(HTTPStatus.REQUEST_TIMEOUT if told else None, "bad_request.slow", "Send the request faster.")

    def _is_slow(self) -> bool:
        now = self.loop.time()
        if self._head_since is not None:
            return now - self._head_since > self.patience.head_s
        if self.cycle is None or not self.cycle.more_body:
            return False
        if self.flow.read_paused:  # the client waits for us: its time begins again
            self._body_since, self._body_bytes = now, 0
        return now - self._body_since > self.patience.body_s + self._body_bytes / self.patience.body_rate

    def _end(self, status: HTTPStatus | None, code: str, detail: str) -> None:
        """Answer, unless an answer has begun, and close; the application sees a client that went away."""
        cycle = self.cycle
        if status is not None and not (cycle is not None and cycle.response_started and not cycle.response_complete):
            self.transport.write(_answer(status, code, detail))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()
        self.loop.call_later(LAST_WORDS_S, self.transport.abort)


class GuardedH11(_Guarded, H11Protocol):
    """For callers that connect directly: h11 leaves no framing in doubt."""


class GuardedHttptools(_Guarded, HttpToolsProtocol):
    """For the place behind a proxy that guards the framing."""


def guarded(parser: Literal["h11", "httptools"], patience: Patience) -> type[asyncio.Protocol]:
    """The protocol class for one listener."""
    base = GuardedH11 if parser == "h11" else GuardedHttptools
    return type(base.__name__, (base,), {"patience": patience})


def _at_work(cycle: Any) -> bool:
    """Whether a request is being read or answered; what arrives meanwhile is its body, or waits."""
    return cycle is not None and (cycle.more_body or not cycle.response_complete)


def _certificate_of(transport: Any) -> PeerCertificate | None:
    channel: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    der = channel.getpeercert(binary_form=True) if channel is not None else None
    return PeerCertificate.of(der) if der else None


def _answer(status: HTTPStatus, code: str, detail: str) -> bytes:
    document = {"type": f"/errors/{code}", "title": status.phrase, "status": status.value, "code": code}
    body = json.dumps(document | {"detail": detail}).encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
