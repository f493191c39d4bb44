"""What an agency may do to a connection: nothing that makes one answer another's, or holds more than it may."""

import asyncio

import pytest

from adapters.kit.contract import AgencyAnswerMalformed, AgencyOutcomeUnknown, AgencyUnavailable
from adapters.kit.egress import Dialler, HttpAnswer, Limits
from adapters.kit.http_wire import Wire, request_bytes

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Raw:
    """An agency that says these bytes, one piece a request, on one connection after the other."""

    def __init__(self, *says: bytes, hangs_up: bool = False) -> None:
        self.says, self.hangs_up = list(says), hangs_up
        self.heard: list[bytes] = []
        self.connections = 0
        self.running: list[asyncio.Task[None] | None] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.running.append(asyncio.current_task())
        try:
            while self.says:
                self.heard.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.says.pop(0))
                if self.hangs_up:
                    break
            else:
                await reader.read()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def asked(self, times: int = 1, *, repeatable: bool = True, pause_s: float = 0.0) -> list[HttpAnswer]:
        server = await asyncio.start_server(self, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        dialler = Dialler({f"127.0.0.1:{port}"})
        http = dialler.http(f"http://127.0.0.1:{port}/base", Limits(timeout_s=20.0, attempts=1, max_bytes=4096))
        try:
            answers = []
            for _ in range(times):
                answers.append(await http.request("GET", "/p", repeatable=repeatable))
                await asyncio.sleep(pause_s)
            return answers
        finally:
            await dialler.close()
            server.close()
            await asyncio.gather(*filter(None, self.running), return_exceptions=True)


async def test_the_path_stands_below_the_base_and_the_host_is_the_agency() -> None:
    raw = Raw(OK)
    await raw.asked()
    head = raw.heard[0].decode().lower().split("\r\n")
    assert head[0] == "get /base/p http/1.1"
    assert [each for each in head if each.startswith("host: 127.0.0.1:")]
    assert not [each for each in head if each.startswith("content-length")]


@pytest.mark.parametrize(
    ("said", "body"),
    [
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n", b"ok", id="chunks"
        ),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK, b"ok", id="interim"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", b"", id="no-content"),
    ],
)
async def test_a_kept_connection_is_used_for_the_next_question(said: bytes, body: bytes) -> None:
    raw = Raw(said, OK)
    first, second = await raw.asked(2)
    assert (first.body, second.body, raw.connections) == (body, b"ok", 1)
    assert "x" not in first.headers
    assert "link" not in first.headers


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    raw = Raw(b"HTTP/1.1 200 OK\r\n\r\nall of it", OK, hangs_up=True)
    assert [each.body for each in await raw.asked(2)] == [b"all of it", b"ok"]
    assert raw.connections == 2


async def test_what_follows_an_answer_unasked_is_nobodys_answer() -> None:
    raw = Raw(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong", OK)
    assert [each.body for each in await raw.asked(2)] == [b"ok", b"ok"]
    assert raw.connections == 2


async def test_a_connection_that_the_agency_closed_meanwhile_is_replaced() -> None:
    raw = Raw(OK, OK, hangs_up=True)
    assert [each.body for each in await raw.asked(2, repeatable=False, pause_s=0.05)] == [b"ok", b"ok"]
    assert raw.connections == 2


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            id="two-lengths",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok", id="another-length"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="coded"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101 + b"content-length: 0\r\n\r\n", id="many-headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\na: " + b"b" * 9000 + b"\r\ncontent-length: 0\r\n\r\n", id="long-header"),
        pytest.param(b"HTTP/1.1 200 OK\r\na: " + b"b" * 200_000, id="endless-header"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + b"HTTP/1.1 100 C\r\na: b\r\n\r\n" * 101, id="endless-interim"
        ),
        pytest.param(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", id="upgrade"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"x" * 5000, id="large"),
    ],
)
async def test_what_can_be_read_in_two_ways_or_is_too_much_is_no_answer(said: bytes) -> None:
    with pytest.raises(AgencyAnswerMalformed):
        await Raw(said).asked()
    with pytest.raises(AgencyOutcomeUnknown):
        await Raw(said).asked(repeatable=False)


async def test_an_answer_that_is_cut_short_is_told_apart_from_none() -> None:
    cut = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nok"
    with pytest.raises(AgencyUnavailable):
        await Raw(cut, hangs_up=True).asked()
    with pytest.raises(AgencyOutcomeUnknown):
        await Raw(cut, hangs_up=True).asked(repeatable=False)


def test_a_connection_that_ends_before_anything_was_asked_ends_quietly() -> None:
    wire = Wire()
    wire.connection_made(asyncio.Transport())
    wire.connection_lost(None)
    assert not wire.usable


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\x00b"])
def test_no_header_and_no_target_can_end_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="character"):
        request_bytes("GET", "/", {"a": value}, None)
    with pytest.raises(ValueError, match="character"):
        request_bytes("GET", f"/{value}", {}, None)
