"""A scripted server on loopback that behaves as a broken agency does, for the conformance suite."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from adapters.kit.contract import AgencyAnswerMalformed, AgencyError, AgencyOutcomeUnknown, AgencyUnavailable

FAULTS: dict[str, tuple[type[AgencyError], ...]] = {
    "down": (AgencyUnavailable,),
    "slow": (AgencyUnavailable, AgencyOutcomeUnknown),
    "error": (AgencyUnavailable, AgencyOutcomeUnknown),
    "garbled": (AgencyAnswerMalformed, AgencyOutcomeUnknown),
    "wrong_schema": (AgencyAnswerMalformed, AgencyOutcomeUnknown),
}
"""What each fault must be called by an adapter that speaks HTTP."""

STREAMS = frozenset({"sftp", "smtp", "smpp", "sql"})
"""Transports that are no HTTP: a broken stream is noticed before any answer."""

_TOKEN = b'{"access_token":"conformance","token_type":"Bearer","expires_in":300}'
_BODIES = {
    "rest": (b'{"half": ', b'{"unexpected": true}', b"application/json"),
    "dci": (b'{"half": ', b'{"unexpected": true}', b"application/json"),
    "soap": (b"<half", b"<unexpected/>", b"text/xml; charset=utf-8"),
    "sftp": (b"\x00\xff\r\n", b"", b""),
    "smtp": (b"\x00\xff\r\n", b"", b""),
    "smpp": (b"\x00\x00\x00\x04", b"", b""),
    "sql": (b"\x00\xff\r\n\r\n\r\n", b"", b""),
}


@contextlib.asynccontextmanager
async def broken_agency(fault: str, transport: str) -> AsyncIterator[int]:
    """Serve one fault on a free port of loopback; yields the port. `down` yields a port nobody listens on."""
    garbled, wrong, kind = _BODIES[transport]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if transport in STREAMS:
                await _broken_stream(fault, garbled, writer)
            else:
                while await _answered(reader, writer, fault, (garbled, wrong, kind)):
                    pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    if fault == "down":
        server.close()
        await server.wait_closed()
    try:
        yield port
    finally:
        server.close()


async def _broken_stream(fault: str, garbled: bytes, writer: asyncio.StreamWriter) -> None:
    if fault == "slow":
        await asyncio.sleep(3600)
    if fault == "garbled":
        writer.write(garbled)
        await writer.drain()


async def _answered(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: str, bodies: tuple[bytes, bytes, bytes]
) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    await reader.readexactly(length)
    garbled, wrong, kind = bodies
    status, body = b"200 OK", garbled if fault == "garbled" else wrong
    if b"token" in head.split(b" ", 2)[1]:
        body, kind = _TOKEN, b"application/json"
    elif fault == "slow":
        await asyncio.sleep(3600)
    elif fault == "error":
        status, body, kind = b"500 Internal Server Error", b"<html>sorry</html>", b"text/html"
    writer.write(b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (status, kind, len(body), body))
    await writer.drain()
    return True
