"""Servers of one fault on loopback, and what comes of asking them: the outcome of the table, within the deadline."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic

from adapters.kit.contract import AgencyError
from gateway.errors import translated

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DEADLINE_S = 1.5  # of a call
PATIENCE_S = DEADLINE_S + 1.5  # what a busy machine adds


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
    """The outcome of the table and the source's code; `answered` if it went well. Fails when the deadline is passed."""
    begun = monotonic()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await call
    except AgencyError as error:
        return translated(error).code, error.code
    finally:
        assert monotonic() - begun < PATIENCE_S
    return "answered", ""
