"""HTTP/1.1 over one kept connection, as a client speaks it: one call at a time, and nothing lenient.

llhttp (through httptools) reads; here are the caps on what is kept of it, and when a connection may be used again.
What an agency sends unasked, after its answer or while nobody asks, ends the connection. See decision record 0083.

Source: RFC 9112 sections 6.3 (where a body ends) and 9.3 (persistence); RFC 9110 section 15.2 (interim answers).
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from adapters.kit.contract import AgencyAnswerMalformed

MOST_HEADERS = 100  # of one answer
LONGEST_HEADER = 8 * 1024
LARGEST_HEAD = 64 * 1024
_NEVER_IN_A_HEAD = re.compile(r"[\x00-\x08\n-\x1f\x7f]")
_BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back. Header names are in lower case; the body is at most `max_bytes` long and not decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty if none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def request_bytes(method: str, target: str, headers: Mapping[str, str], content: bytes | None) -> bytes:
    """A request as it goes over the wire; `headers` have the host, and no length.

    Raises:
        ValueError: a character that would end a line, or the request.
    """
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    if content or method not in {"GET", "HEAD", "DELETE"}:
        lines.append(f"content-length: {len(content or b'')}")
    if any(map(_NEVER_IN_A_HEAD.search, lines)) or " " in target:
        raise ValueError("a header or a target of a request has a character that no line of one may have")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (content or b"")


class Wire(asyncio.Protocol):
    """One connection. `usable`: it may be asked now; `silent`: nothing came back on what was asked last."""

    _parser: HttpResponseParser
    _headers: dict[str, str]
    _body: list[bytes]
    _held: int  # bytes of the body
    _seen: int  # headers
    _size: int  # bytes of them
    _status: int
    _begun: bool  # the head is complete
    _until_the_end: bool  # of the connection lasts the body

    def __init__(self) -> None:
        self.usable = False
        self.silent = True
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._most = 0
        self._clear()  # the loop may tell of an end before anything was asked

    async def call(self, request: bytes, most: int) -> HttpAnswer:
        """Ask; `most`: bytes that the body may have.

        Raises:
            AgencyAnswerMalformed: not HTTP, or too much of it.
            ConnectionError: the connection ended before the answer did.
        """
        if self._transport is None or not self.usable:
            raise ConnectionResetError
        self.usable, self.silent, self._most = False, True, most
        self._expect()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            self._answer = None
            if not self.usable:  # also of a caller that gives up: what comes late is nobody's answer
                self.close()

    def close(self) -> None:
        """Hang up."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    # --- what the loop tells ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class, which has the same methods
        self.usable = True

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        answer = self._answer
        if answer is None or answer.done():
            return self.close()
        self.silent = False
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.usable = False
            refusal = error.__context__ if isinstance(error.__context__, AgencyAnswerMalformed) else None
            return self._fail(refusal or AgencyAnswerMalformed("the answer is not HTTP"))
        if not self._begun:
            self._size += len(data)
            if self._size > LARGEST_HEAD:
                self._fail(_too_much_head())
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`. The end of the connection ends a body that has no length."""
        self.usable = False
        self._transport = None
        if exc is None and self._begun and self._until_the_end and self._answer and not self._answer.done():
            self._complete()
        self._fail(ConnectionResetError("the connection was cut"))

    # --- what the parser tells --------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A second answer to one question."""
        if self._answer is None or self._answer.done():
            self.usable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Repeated ones are joined (RFC 9110, section 5.3); those after the body are not kept."""
        self._seen += 1
        self._size += len(name) + len(value)
        if self._seen > MOST_HEADERS or len(name) + len(value) > LONGEST_HEADER or self._size > LARGEST_HEAD:
            raise _too_much_head()
        if not self._begun:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """Where the body ends is known now."""
        self._begun, self._status, headers = True, self._parser.get_status_code(), self._headers
        coding = headers.get("transfer-encoding")
        if coding is not None and coding.strip().lower() != "chunked":
            raise AgencyAnswerMalformed("the answer has a transfer coding that we did not ask for")
        has_length = coding is not None or "content-length" in headers
        self._until_the_end = not has_length and self._status not in _BODILESS

    def on_body(self, part: bytes) -> None:
        """A piece of it."""
        self._held += len(part)
        if self._held > self._most:
            raise AgencyAnswerMalformed(f"the answer is larger than {self._most} bytes")
        self._body.append(part)

    def on_message_complete(self) -> None:
        """All of an answer, or an interim one before it."""
        if self._status < 200:
            seen, size = self._seen, self._size
            self._clear()
            self._seen, self._size = seen, size
            return
        if self._answer is None or self._answer.done():
            return
        self.usable = self._transport is not None and self._parser.should_keep_alive()
        self._complete()

    # ----------------------------------------------------------------------------------------------------

    def _expect(self) -> None:
        self._parser = HttpResponseParser(self)
        self._clear()

    def _clear(self) -> None:
        self._headers, self._body = {}, []
        self._held = self._seen = self._size = self._status = 0
        self._begun = self._until_the_end = False

    def _complete(self) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(HttpAnswer(self._status, self._headers, b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)


def _too_much_head() -> AgencyAnswerMalformed:
    return AgencyAnswerMalformed(f"the answer has more than {MOST_HEADERS} headers, or too large ones")
