"""Whatever an agency's connection does, each transport ends in the outcome of the table, within the deadline, with
nothing followed, nothing unpacked, and nothing of one answer left over for the next question."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.kit import conformance, discovery
from adapters.kit import manifest as manifests
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyOutcomeUnknown,
    AgencyTimeout,
    AgencyUnavailable,
)
from adapters.kit.egress import Dialler, Limits
from gateway.errors import translated
from tests.broken_ways import DEADLINE_S, PATIENCE_S, Passes, our_time

ADAPTERS = Path(__file__).parents[2] / "adapters"
TRANSPORTS = {
    "rest, asked and pushed to": "grievance",
    "rest, HAL": "tax",
    "fhir": "health",
    "dci, asked and pushed to": "ess",
    "soap over X-Road": "driving_licence",
    "form, never repeated": "messaging",
}
"""One adapter for each way to speak HTTP; the others share their code, and are tried every night."""

TOKEN = b'{"access_token":"made-up","token_type":"Bearer","expires_in":300}'
HUGE = 200 * 1024 * 1024
BOMB = gzip.compress(b"0" * 5_000_000)


def answer(body: bytes, kind: str, status: str = "200 OK", *more: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", *more]
    lines.append(f"content-length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(kind: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return head + b"5\r\n     \r\n"


@dataclass
class Fault:
    """What is written for a question, what the gateway calls it, whether the connection is closed then, and what is
    written without an end."""

    wire: Callable[[str], bytes]
    calls: tuple[type[AgencyError], ...]
    close: bool = True
    endless: bytes = b""


DOWN, BROKEN = (AgencyUnavailable,), (AgencyAnswerMalformed,)
LOGIN = "<html>sign in</html>"
FAULTS: dict[str, Fault] = {
    "cut before a word": Fault(lambda _: b"", DOWN),
    "cut within the head": Fault(
        lambda _: b"HTTP/1.1 200 OK\r\ncontent-ty", (AgencyUnavailable, AgencyAnswerMalformed)
    ),
    "cut within the body": Fault(
        lambda kind: answer(b'{"half', kind, length=4000), (AgencyUnavailable, AgencyAnswerMalformed)
    ),
    "slow": Fault(lambda _: b"", (AgencyTimeout,), close=False),
    "slow within the body": Fault(lambda kind: answer(b"{", kind, length=4000), (AgencyTimeout,), close=False),
    "garbled": Fault(lambda kind: answer(b"\xff\xfe{<", kind), BROKEN),
    "not HTTP": Fault(lambda _: b"220 mail.example ESMTP\r\n", BROKEN),
    "another type": Fault(lambda _: answer(LOGIN.encode(), "text/html"), BROKEN),
    "another schema": Fault(lambda kind: answer(_unexpected(kind), kind), BROKEN),
    "500": Fault(lambda _: answer(LOGIN.encode(), "text/html", "500 Internal Server Error"), DOWN),
    "503 for an hour": Fault(lambda _: answer(b"", "text/plain", "503 Service Unavailable", "retry-after: 3600"), DOWN),
    "429 for an hour": Fault(lambda _: answer(b"", "text/plain", "429 Too Many Requests", "retry-after: 3600"), DOWN),
    "redirected": Fault(lambda _: answer(b"", "text/plain", "302 Found", "location: {trap}"), BROKEN),
    "huge": Fault(lambda kind: answer(b"", kind, length=HUGE), BROKEN, endless=b" " * 65536),
    "huge in chunks": Fault(chunked, BROKEN, endless=b"5\r\n     \r\n" * 8192),
    "a head without an end": Fault(lambda _: b"HTTP/1.1 200 OK\r\nx-more: ", BROKEN, endless=b" " * 65536),
    "compressed bomb": Fault(lambda kind: answer(BOMB, kind, "200 OK", "content-encoding: gzip"), BROKEN),
    "two lengths": Fault(lambda kind: answer(b"{}", kind, "200 OK", "content-length: 4"), BROKEN),
}


def _unexpected(kind: str) -> bytes:
    return b"<unexpected/>" if "xml" in kind else b'{"unexpected":true}'


@dataclass
class Agency:
    """A server that answers tokens well and everything else with one fault."""

    fault: Fault
    kind: str
    trap: str = ""
    passes: Passes = lambda _: None
    heard: int = 0
    working: list[tuple[asyncio.Task[None], asyncio.StreamWriter]] = field(default_factory=list)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.working.append((asyncio.create_task(self.serve(reader, writer)), writer))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._answered(reader, writer):
                pass
        writer.close()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        await reader.readexactly(next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0))
        if b"token" in head.split(b" ", 2)[1]:
            writer.write(answer(TOKEN, "application/json"))
            return True
        self.heard += 1
        writer.write(self.fault.wire(self.kind).replace(b"{trap}", self.trap.encode()))
        await writer.drain()
        while self.fault.endless:
            writer.write(self.fault.endless)
            await asyncio.sleep(0)
            await writer.drain()
        if not self.fault.close:
            self.passes(DEADLINE_S)
            await asyncio.sleep(3600)
        return False


@asynccontextmanager
async def listening(agency: Agency) -> AsyncIterator[int]:
    server = await asyncio.start_server(agency.accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.01)  # a connection that is just being accepted is one, too
        for task, writer in agency.working:
            task.cancel()
            writer.transport.abort()
        ended = (awaited for task, writer in agency.working for awaited in (task, writer.wait_closed()))
        await asyncio.gather(*ended, return_exceptions=True)
        await server.wait_closed()


async def told(folder: Path, name: str, passes: Passes) -> list[tuple[str, AgencyError | None]]:
    """What the adapter calls one fault, service by service; it never falls into the trap."""
    kind = "text/xml; charset=utf-8" if manifests.load(folder).transport.kind == "soap" else "application/json"
    agency, trap = Agency(FAULTS[name], kind, passes=passes), Agency(FAULTS["garbled"], kind)
    async with listening(trap) as elsewhere, listening(agency) as port:
        agency.trap = f"http://127.0.0.1:{elsewhere}/"
        dialler = Dialler({f"127.0.0.1:{port}", f"127.0.0.1:{elsewhere}"})
        adapter: Any = conformance._opened(folder, dialler, port, DEADLINE_S)
        services = [each for each in manifests.load(folder).services.values() if each.immediate]
        try:
            async with asyncio.timeout(PATIENCE_S * len(services)):
                found = [
                    (each.id, error) for each in services for error in await conformance._errors(adapter, folder, each)
                ]
        finally:
            await adapter.close()
            await dialler.close()
        assert agency.heard
        assert not trap.heard, "a redirect was followed"
        return [(service, error) for service, error in found]


def right(fault: Fault, error: AgencyError | None) -> bool:
    """A thing that may have been done is `unknown`, and never tried again by itself; all else is the source's fault.
    Only where the fault is time is it the deadline that ends the call."""
    if isinstance(error, AgencyOutcomeUnknown):
        return translated(error).code == "unknown"
    if fault.close and isinstance(error, AgencyTimeout):
        return False
    return error is not None and isinstance(error, fault.calls) and translated(error).code == "source_down"


async def matrix(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """The faults that ended otherwise than the table says."""
    at_once = [name for name, fault in FAULTS.items() if fault.close]
    with our_time() as passes:
        found = await asyncio.gather(*(told(folder, name, passes) for name in at_once))
        answers = dict(zip(at_once, found, strict=True))
        for name in FAULTS.keys() - set(at_once):  # alone: time passes for everybody
            answers[name] = await told(folder, name, passes)
    wrong = {
        name: [(service, repr(error)) for service, error in found if not right(FAULTS[name], error)]
        for name, found in answers.items()
    }
    return {name: found for name, found in wrong.items() if found}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_every_fault_of_a_connection_ends_in_its_outcome(transport: str) -> None:
    assert await matrix(ADAPTERS / TRANSPORTS[transport]) == {}


def _over_http() -> list[str]:
    found = discovery.discover()
    return [name for name in found if manifests.load(found[name]).transport.base_url]


@pytest.mark.nightly
@pytest.mark.parametrize("adapter", sorted(set(_over_http()) - set(TRANSPORTS.values())))
async def test_every_fault_of_a_connection_ends_in_its_outcome_with_every_adapter(adapter: str) -> None:
    assert await matrix(ADAPTERS / adapter) == {}


async def test_a_second_answer_to_one_question_is_never_taken_for_the_answer_to_the_next() -> None:
    asked, writers = 0, []

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                asked += 1
                writer.write(2 * answer(b"%d" % asked, "application/json"))
                await writer.drain()

    async with await asyncio.start_server(twice, "127.0.0.1", 0) as server:
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        dialler = Dialler({place})
        client = dialler.http(f"http://{place}")
        heard = []
        for _ in range(3):
            try:
                heard.append((await client.request("GET", "/")).body)
            except AgencyAnswerMalformed:
                heard.append(b"%d" % asked)  # refused, which is as good
        await dialler.close()
        for writer in writers:
            writer.transport.abort()
    assert heard == [b"1", b"2", b"3"]


async def test_an_agency_that_never_answers_takes_no_time_of_another() -> None:
    dead = Agency(FAULTS["slow"], "application/json")
    well = Agency(Fault(lambda kind: answer(b"{}", kind), ()), "application/json")
    async with listening(dead) as dead_port, listening(well) as well_port:
        dialler = Dialler({f"127.0.0.1:{dead_port}", f"127.0.0.1:{well_port}"})
        limits = Limits(timeout_s=10 * DEADLINE_S, concurrent=16)
        silent, speaking = (dialler.http(f"http://127.0.0.1:{port}", limits) for port in (dead_port, well_port))
        waiting = [asyncio.create_task(silent.request("GET", "/")) for _ in range(200)]
        while dead.heard < 16:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(DEADLINE_S):
            answers = [await speaking.request("GET", "/") for _ in range(50)]
        assert [each.body for each in answers] == [b"{}"] * 50
        assert dead.heard == 16  # its own places are taken, and nobody else's
        assert not any(each.done() for each in waiting)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await dialler.close()
