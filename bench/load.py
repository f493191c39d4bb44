"""The load generator: one process of its own, spoken to by lines of JSON. `python -m bench.load`.

A caller needs a fresh proof for every request, and a proof is good for 60 s and once, so the requests of a round are
made and signed right before it, outside the measured time. Then each connection sends its next request as soon as
the answer to the last one is complete (closed loop), over a minimal client, so that little of the machine is spent
on asking.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, cast

import orjson
import uvloop
from sandhi_client import Client, SandhiError

from bench import people

DRAIN_S = 40.0  # how long answers may take that are still out when the round ends


@dataclass(slots=True)
class Tally:
    """What one round gives."""

    requests: Iterator[bytes]
    end: float = 0.0
    micros: list[int] = field(default_factory=list)
    bad: int = 0
    first_bad: str = ""
    last: float = 0.0
    open: int = 0
    finished: asyncio.Event = field(default_factory=asyncio.Event)


class Connection(asyncio.Protocol):
    """One kept connection: send, wait for the whole answer, send the next."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._wanted = -1
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class, which has the same methods
        self._tally.open += 1

    def start(self) -> None:
        """Send the next request, or hang up when the round is over."""
        assert self._transport is not None
        now = time.perf_counter()
        request = next(self._tally.requests, None) if now < self._tally.end else None
        if request is None:
            self._transport.close()
            return
        self._sent = now
        self._transport.write(request)

    def hang_up(self) -> None:
        """Leave whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._buffer += data
        if self._wanted < 0:
            head, found, _ = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            self._wanted = len(head) + 4 + length_of(head)
        if len(self._buffer) < self._wanted:
            return
        tally, now = self._tally, time.perf_counter()
        tally.micros.append(round((now - self._sent) * 1_000_000))
        tally.last = now
        if not self._buffer.startswith(b"HTTP/1.1 2"):
            tally.bad += 1
            tally.first_bad = tally.first_bad or self._buffer.decode(errors="replace")[:600]
        self._buffer, self._wanted = b"", -1
        self.start()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._tally.open -= 1
        if exc or self._buffer:
            self._tally.bad += 1
            self._tally.first_bad = self._tally.first_bad or "the connection was cut"
        if not self._tally.open:
            self._tally.finished.set()


def length_of(head: bytes) -> int:
    """The `content-length` of a response head; 0 without one."""
    for line in head.lower().split(b"\r\n")[1:]:
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def request_bytes(path: str, host: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """One POST as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", f"host: {host}", "content-type: application/json"]
    lines += [f"content-length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


class Load:
    """Prepares rounds and runs them."""

    def __init__(self) -> None:
        self._requests: list[bytes] = []
        self._clients: dict[str, Client] = {}

    async def prepare(self, said: Mapping[str, Any]) -> dict[str, object]:
        """Make and sign the requests of one round."""
        random = Random(said["seed"])
        host = f"127.0.0.1:{said['ports'][0]}"
        if not said.get("client"):
            fixed = request_bytes(said["path"], host, orjson.dumps(said["body"]), {})
            self._requests = [fixed] * said["most"]
            return {"ready": said["most"]}
        client = self._clients.setdefault(said["client"], Client.from_file(Path(said["client"])))
        token = await client.session.token()
        self._requests = []
        for _ in range(said["most"]):
            number = people.nic(random.randrange(said["people"]))
            body = said["body"] | {"subject": {"identifiers": [{"type": "NIC", "value": number}]}}
            proof = client.session.proof("POST", said["path"], token)
            headers = {"authorization": f"DPoP {token}", "dpop": proof}
            self._requests.append(request_bytes(said["path"], host, orjson.dumps(body), headers))
        return {"ready": len(self._requests)}

    async def run(self, said: Mapping[str, Any]) -> dict[str, object]:
        """One round: `connections` over the ports in turn, for `seconds`."""
        loop, ports = asyncio.get_running_loop(), said["ports"]
        tally = Tally(iter(self._requests))
        opened = [
            (await loop.create_connection(lambda: Connection(tally), "127.0.0.1", ports[n % len(ports)]))[1]
            for n in range(said["connections"])
        ]
        begun = time.perf_counter()
        tally.end = begun + said["seconds"]
        for connection in opened:
            connection.start()
        self._requests = []
        if said["abandoned"]:
            await asyncio.sleep(said["seconds"])
            for connection in opened:
                connection.hang_up()
            return {"seconds": said["seconds"], "micros": tally.micros, "bad": 0, "first_bad": ""}
        async with asyncio.timeout(said["seconds"] + DRAIN_S):
            await tally.finished.wait()
        return {"seconds": tally.last - begun, "micros": tally.micros, "bad": tally.bad, "first_bad": tally.first_bad}

    async def serve(self) -> None:
        """Answer each line from the parent with one line, until it hangs up."""
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
            said = orjson.loads(line)
            try:
                told = await (self.prepare(said) if said["do"] == "prepare" else self.run(said))
            except (SandhiError, OSError, TimeoutError) as error:
                told = {"error": f"{type(error).__name__}: {error}"}
            sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
            sys.stdout.buffer.flush()
        for client in self._clients.values():
            await client.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Load().serve())
