"""Odd framing is refused on every listener and the connection ended; slow senders are cut while good calls go on."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import quantiles

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from gateway.edges.v1 import problems
from tests.listening import listening, raw
from tests.small_ca import SmallCa

LISTENERS = ("h11", "httptools", "tls h11", "tls httptools")
HOST = b"Host: 127.0.0.1\r\n"
POST = b"POST /x HTTP/1.1\r\n" + HOST


def app() -> FastAPI:
    made = FastAPI(openapi_url=None)
    problems.install(made)

    @made.post("/x")
    async def x(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @made.get("/wait")
    async def wait() -> dict[str, bool]:
        await asyncio.sleep(0.5)
        return {"waited": True}

    return made


class Listening:
    """One listener and how to reach it."""

    def __init__(self, port: int, tls: object) -> None:
        self.port = port
        self.tls = tls

    async def sent(self, content: bytes, wait: float = 5.0) -> bytes:
        return await raw(self.port, content, tls=self.tls, wait=wait)

    def client(self) -> httpx.AsyncClient:
        scheme = "https" if self.tls else "http"
        return httpx.AsyncClient(base_url=f"{scheme}://127.0.0.1:{self.port}", verify=self.tls or True, timeout=20)


QUICK = {"HEADER_TIMEOUT": "0.6", "BODY_TIMEOUT": "0.8", "BODY_RATE": "4096", "HOSTS": "127.0.0.1,gateway.example"}


@pytest.fixture(params=LISTENERS)
async def listener(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Listening]:
    kind, _, parser = request.param.rpartition(" ")
    settings, tls = {**QUICK, "HTTP_PARSER": parser}, None
    if kind:
        authority = SmallCa(tmp_path / "ca")
        settings |= {"TLS_CERT": str(authority.server().path), "TLS_CLIENT_CA": str(authority.path)}
        tls = authority.context(authority.client("board"))
    async with listening(app(), tmp_path, settings) as port:
        yield Listening(port, tls)


REFUSED = {
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\naaaaaa",
    "a list of lengths": POST + b"Content-Length: 5, 6\r\n\r\naaaaa",
    "a signed length": POST + b"Content-Length: +5\r\n\r\naaaaa",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length in hexadecimal": POST + b"Content-Length: 0x5\r\n\r\naaaaa",
    "another transfer coding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked is not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 5\r\n\r\naaaaa",
    "a chunk size that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a huge chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 20 + b"\r\n",
    "no host": b"POST /x HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "two hosts": POST + b"Host: other.example\r\nContent-Length: 0\r\n\r\n",
    "the same host twice": POST + HOST + b"Content-Length: 0\r\n\r\n",
    "another host": b"POST /x HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n",
    "a host with credentials": b"POST /x HTTP/1.1\r\nHost: a@127.0.0.1\r\nContent-Length: 0\r\n\r\n",
    "101 headers": POST + b"".join(b"X-%d: 1\r\n" % n for n in range(100)) + b"Content-Length: 0\r\n\r\n",
    "one header of 17 kB": POST + b"X: " + b"a" * 17_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "a path of 17 kB": b"POST /" + b"a" * 17_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "headers without an end": POST + b"X: " + b"a" * 80_000,
    "a compressed body": POST
    + b"Content-Encoding: gzip\r\nContent-Length: 23\r\n\r\n"
    + gzip.compress(b"abc", mtime=0),
    "a NUL in the path": b"POST /x%00y HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    "a NUL in the query": b"POST /x?a=%00 HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    "a NUL in a header": POST + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "a header without a name": POST + b": b\r\nContent-Length: 0\r\n\r\n",
    "a folded header at the start": b"POST /x HTTP/1.1\r\n X: 1\r\n" + HOST + b"\r\n",
    "a certificate of one's own": POST + b"Client-Cert: :AAAA:\r\nContent-Length: 0\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00",
    "HTTP/2 in the clear": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


async def test_odd_framing_is_refused_and_the_connection_ended(listener: Listening) -> None:
    hidden = b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    for name, odd in REFUSED.items():
        answer = await listener.sent(odd + hidden)
        assert (name, answer[:10]) == (name, b"HTTP/1.1 4")
        assert (name, answer.count(b"HTTP/1.1 ")) == (name, 1)  # what hid behind it was not answered
        assert (name, b"connection: close" in answer.lower()) == (name, True)


async def test_the_same_length_twice_is_that_length_or_refused(listener: Listening) -> None:
    """h11 makes one of them (RFC 9112 section 6.3 allows it), httptools refuses; neither is in doubt."""
    answer = await listener.sent(POST + b"Content-Length: 5\r\nContent-Length: 5\r\nConnection: close\r\n\r\naaaaa")
    assert answer[:12] in {b"HTTP/1.1 200", b"HTTP/1.1 400"}
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_what_is_usual_passes(listener: Listening) -> None:
    async with listener.client() as caller:
        for headers in ({}, {"host": "GATEWAY.example:443"}, {"content-encoding": "identity"}):
            assert (await caller.post("/x", content=b"abc", headers=headers)).json() == {"bytes": 3}

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b"a" * 100_000

        assert (await caller.post("/x", content=chunks())).json() == {"bytes": 500_000}
        answers = await asyncio.gather(*(caller.get("/wait") for _ in range(5)))
        assert {each.status_code for each in answers} == {200}


async def test_pipelined_requests_are_answered_in_their_order(listener: Listening) -> None:
    first = b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n"
    answer = await listener.sent(first + POST + b"Content-Length: 2\r\n\r\nab", wait=1)
    assert answer.index(b'"waited"') < answer.index(b'"bytes"')


async def test_a_4xx_ends_the_connection_and_a_large_body_still_gets_its_answer(listener: Listening) -> None:
    async with listener.client() as caller:
        response = await caller.post("/nowhere", content=b"a" * 3_000_000)
    assert (response.status_code, response.headers["connection"]) == (404, "close")


SLOW = {
    "silence": b"",
    "one byte": b"P",
    "half a head": b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b\r\n",
    "no body": POST + b"Content-Length: 10\r\n\r\n",
    "half a body": POST + b"Content-Length: 10\r\n\r\naaa",
    "half a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\naa",
}


async def test_slow_requests_are_cut_at_their_deadline(listener: Listening) -> None:
    async def cut(name: str) -> tuple[str, bytes, float]:
        began = time.monotonic()
        return name, (await listener.sent(SLOW[name]))[:12], time.monotonic() - began

    for name, answer, seconds in await asyncio.gather(*map(cut, SLOW)):
        assert (name, answer) == (name, b"" if name == "silence" else b"HTTP/1.1 408")
        assert (name, 0.4 < seconds < 8) == (name, True)


async def test_a_drip_is_cut_though_it_never_stops(listener: Listening) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=listener.tls)
    writer.write(POST + b"Content-Length: 100000\r\n\r\n")
    began = time.monotonic()
    while not reader.at_eof() and time.monotonic() - began < 8:
        writer.write(b"a")
        await asyncio.sleep(0.05)
        if reader._buffer:
            break
    assert (await reader.read(12)) == b"HTTP/1.1 408"
    writer.close()


async def test_a_long_body_at_a_fair_pace_is_not_cut(listener: Listening) -> None:
    async def paced() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"a" * 2048
            await asyncio.sleep(0.15)

    async with listener.client() as caller:
        assert (await caller.post("/x", content=paced())).json() == {"bytes": 8 * 2048}


@pytest.mark.parametrize("parser", ["h11", "httptools"])
async def test_a_body_that_waits_for_us_is_not_cut(tmp_path: Path, parser: str) -> None:
    made = FastAPI(openapi_url=None)

    @made.post("/late")
    async def late(request: Request) -> dict[str, int]:
        await asyncio.sleep(1.2)
        return {"bytes": len(await request.body())}

    hurried = {"HTTP_PARSER": parser, "HEADER_TIMEOUT": "0.4", "BODY_TIMEOUT": "0.4", "BODY_RATE": "9000000"}
    async with (
        listening(made, tmp_path, hurried) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as caller,
    ):
        assert (await caller.post("/late", content=b"a" * 3_000_000)).json() == {"bytes": 3_000_000}


async def _flooded(listener: Listening, sockets: int, calls: int) -> tuple[float, float, int]:
    """p90 of good calls without and with slow senders around, and how many of those were cut."""
    async with listener.client() as caller:

        async def p90() -> float:
            taken = []
            for _ in range(calls):
                began = time.perf_counter()
                assert (await caller.post("/x", content=b"abc")).status_code == 200
                taken.append(time.perf_counter() - began)
            return quantiles(taken, n=10)[8]

        alone = await p90()
        kinds = [each for each in SLOW.values() if each]
        slow = [asyncio.create_task(listener.sent(kinds[n % len(kinds)])) for n in range(sockets)]
        await asyncio.sleep(0.3)
        among = await p90()
        answers = await asyncio.gather(*slow)
    return alone, among, sum(answer[:12] == b"HTTP/1.1 408" for answer in answers)


async def test_good_calls_go_on_among_slow_senders(listener: Listening) -> None:
    alone, among, cut = await _flooded(listener, 60, calls=100)
    assert cut == 60
    assert among < 2 * alone + 0.1  # the senders take the same core


@pytest.mark.nightly
@pytest.mark.parametrize("listener", ["h11", "httptools"], indirect=True)
async def test_good_calls_go_on_among_five_hundred_slow_senders(listener: Listening) -> None:
    alone, among, cut = await _flooded(listener, 500, calls=400)
    assert cut == 500
    assert among < 2 * alone + 0.1


async def test_more_connections_than_the_limit_are_turned_away_at_once(tmp_path: Path) -> None:
    async with listening(app(), tmp_path, {"CONNECTIONS": "3"}) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await asyncio.sleep(0.05)
        answer = await raw(port, POST + b"Content-Length: 0\r\n\r\n", wait=2)
        for _, writer in held:
            writer.close()
        await asyncio.sleep(0.1)
        after = await raw(port, POST + b"Content-Length: 0\r\nConnection: close\r\n\r\n", wait=2)
    assert answer[:12] == b"HTTP/1.1 503"
    assert after[:12] == b"HTTP/1.1 200"
