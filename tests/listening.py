"""Our own listener around an application, for tests: on a free port of loopback, or on a Unix socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from gateway.settings import Settings
from gateway.tls.listener import Listener


@asynccontextmanager
async def listening(app: ASGIApp, data: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[int]:
    """Serve it with these settings (`{"TLS_CERT": ...}`); gives the port, 0 for a Unix socket."""
    port = free_port()
    named = {"DATA_DIR": str(data), "PORT": str(port)} | dict(settings or {})
    read = Settings.read({f"SANDHI_{name}": value for name, value in named.items()})
    server = Listener.of(read).server(app)
    running = asyncio.create_task(server.serve())
    while not server.started and not running.done():
        await asyncio.sleep(0.01)
    if running.done():
        await running
    try:
        yield port
    finally:
        server.should_exit = True
        await running


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


async def raw(port: int, sent: bytes, *, tls: Any = None, wait: float = 10.0) -> bytes:
    """What comes back for these bytes, until the other side closes or is silent for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    writer.write(sent)
    found = b""
    try:
        async with asyncio.timeout(wait):
            while part := await reader.read(65536):
                found += part
    except (TimeoutError, ConnectionResetError):
        pass
    finally:
        writer.close()
    return found
