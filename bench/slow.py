"""An agency that answers after a while, any number of callers at once. `python -m bench.slow PORT SECONDS`."""

import asyncio
import sys
from typing import cast

import uvloop

BODY = b'{"enrolled":true,"status":"Active"}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Slow(asyncio.Protocol):
    """Answers each request on a kept connection `seconds` after its last byte; requests come one at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class, which has the same methods

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        wanted = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        if found and len(body) >= wanted:
            self._buffer = b""
            asyncio.get_running_loop().call_later(self._seconds, self._answer)

    def _answer(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(ANSWER)


async def serve(port: int, seconds: float) -> None:
    """Until ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Slow(seconds), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), float(sys.argv[2])))
