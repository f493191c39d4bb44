"""What a hostile source, or whoever sits between, answers: each is cut, counted as malformed, and costs little.
Threat 15."""

import asyncio
import gzip
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from adapters.kit.contract import AgencyAnswerMalformed, AgencyError, AgencyTimeout, AgencyUnavailable
from adapters.kit.egress import Dialler, HttpClient, Limits

OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b"0" * 50_000_000)
Write = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def source(write: Write, timeout_s: float = 60.0) -> AsyncIterator[HttpClient]:
    """A source that answers every request by `write`; gives a client with small limits."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await write(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    dialler = Dialler({f"127.0.0.1:{port}"})
    try:
        yield dialler.http(f"http://127.0.0.1:{port}", Limits(timeout_s=timeout_s, attempts=1, max_bytes=64 * 1024))
    finally:
        await dialler.close()
        server.close()


def at_once(raw: bytes) -> Write:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return write


def endless(head: bytes, part: bytes) -> Write:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)

    return write


def drip(head: bytes, part: bytes) -> Write:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for _ in range(200):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)

    return write


HOSTILE: dict[str, tuple[Write, type[AgencyError]]] = {
    "a body without end": (endless(OK + b"\r\n", b"x" * 65536), AgencyAnswerMalformed),
    "chunks without end": (
        endless(OK + b"transfer-encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 32768 + b"\r\n"),
        AgencyAnswerMalformed,
    ),
    "a length that is announced too large": (
        at_once(OK + b"content-length: 70000\r\n\r\n" + b"x" * 70000),
        AgencyAnswerMalformed,
    ),
    "a bomb": (
        at_once(OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(BOMB) + BOMB),
        AgencyAnswerMalformed,
    ),
    "a bomb of another kind": (at_once(OK + b"content-encoding: br\r\n\r\n" + BOMB), AgencyAnswerMalformed),
    "headers without end": (endless(OK, b"x-more: 1\r\n"), AgencyAnswerMalformed),
    "five hundred headers": (at_once(OK + b"x-more: 1\r\n" * 500 + b"\r\n"), AgencyAnswerMalformed),
    "one header without end": (endless(OK + b"x-more: ", b"x" * 65536), AgencyAnswerMalformed),
    "a status line without end": (endless(b"HTTP/1.1 200 ", b"x" * 65536), AgencyAnswerMalformed),
    "trailers without end": (
        endless(OK + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x-more: 1\r\n"),
        AgencyError,
    ),
    "interim answers without end": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), AgencyAnswerMalformed),
    "a drip": (drip(OK + b"content-length: 60000\r\n\r\n", b"x"), AgencyTimeout),
    "a dripped header": (drip(OK, b"x"), AgencyTimeout),
    "half a body": (at_once(OK + b"content-length: 50\r\n\r\nhalf"), AgencyUnavailable),
    "nothing": (at_once(b""), AgencyUnavailable),
    "garbage": (at_once(b"\x16\x03\x01\x02\x00" * 100), AgencyError),
    "two lengths": (at_once(OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nokk"), AgencyAnswerMalformed),
    "length and chunks": (
        at_once(OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        AgencyAnswerMalformed,
    ),
    "a negative length": (at_once(OK + b"content-length: -1\r\n\r\nok"), AgencyAnswerMalformed),
    "NUL in a header": (at_once(OK + b"x-a: \x00\r\n\r\n"), AgencyAnswerMalformed),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_a_hostile_answer_is_cut(case: str) -> None:
    write, expected = HOSTILE[case]
    before = _peak()
    async with source(write, 1.0 if expected is AgencyTimeout else 60.0) as http:
        with pytest.raises(expected) as caught:
            await http.request("GET", "/")
    assert isinstance(caught.value, AgencyTimeout) == (expected is AgencyTimeout)
    assert _peak() - before < 32 * 1024


async def test_a_transfer_coding_that_nobody_asked_for_is_refused() -> None:
    small = gzip.compress(b"0" * 1000)
    chunk = b"%x\r\n" % len(small) + small + b"\r\n0\r\n\r\n"
    async with source(at_once(OK + b"transfer-encoding: gzip, chunked\r\n\r\n" + chunk)) as http:
        with pytest.raises(AgencyAnswerMalformed):
            await http.request("GET", "/")


async def test_a_changed_protocol_is_no_answer() -> None:
    async with source(at_once(b"HTTP/1.1 101 X\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\nmore")) as http:
        with pytest.raises(AgencyAnswerMalformed):
            await http.request("GET", "/")


def _peak() -> int:
    """The most memory this process ever held, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
