"""Where callbacks arrive: a small HTTP server that acknowledges every envelope and keeps it for the checks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from .talk import Waiting, stamp

MOST = 4 * 1024 * 1024


@asynccontextmanager
async def listening(address: str) -> AsyncIterator[Waiting | None]:
    """Callbacks at `host:port` while the block lasts; None where no address is given."""
    if not address:
        yield None
        return
    host, _, port = address.rpartition(":")
    waiting = Waiting()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ValueError, TypeError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            envelope = await _envelope(reader)
            writer.write(_acknowledgement())
            await writer.drain()
            await waiting.put(envelope)
        writer.close()

    server = await asyncio.start_server(serve, host, int(port), limit=MOST)
    async with server:
        yield waiting


async def _envelope(reader: asyncio.StreamReader) -> dict[str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    lengths = [line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:")]
    found = json.loads(await reader.readexactly(min(int(lengths[0]) if lengths else 0, MOST)))
    return dict(found)


def _acknowledgement() -> bytes:
    message = {"ack_status": "ACK", "timestamp": stamp(), "correlation_id": str(uuid4())}
    body = json.dumps({"message": message}).encode()
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
