"""Servers of one fault on loopback, and what comes of asking them: the outcome of the table, within the deadline."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import pytest

from adapters.kit import egress
from adapters.kit.contract import AgencyError
from gateway.errors import translated

DEADLINE_S = 30.0  # of a call: longer than any machine is busy, and over when a test says so
PATIENCE_S = 20 * DEADLINE_S  # by the same clock
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Passes = Callable[[float], None]


@contextmanager
def our_time() -> Iterator[Passes]:
    """Seconds pass for the loop's timers when they are told to: a deadline is over as soon as the other side is silent,
    and never because the machine is busy."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0

    def passes(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(loop, "time", lambda: real() + ahead)
        patching.setattr(egress, "CONNECT_S", PATIENCE_S)
        yield passes


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A server of one fault on a free port; whoever is connected at the end is hung up."""
    working: set[asyncio.Task[None]] = set()

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        working.add(asyncio.create_task(serving(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.01)  # a connection that is just being accepted is one, too
        for each in working:
            each.cancel()
        await asyncio.gather(*working, return_exceptions=True)


async def outcome(call: Awaitable[object]) -> tuple[str, str]:
    """The outcome of the table and the source's code; `answered` if it went well. Fails when it never ends."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await call
    except AgencyError as error:
        return translated(error).code, error.code
    return "answered", ""
