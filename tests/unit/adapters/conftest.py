"""A small agency on loopback whose every answer a test writes by hand."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from adapters.kit.egress import Dialler


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: object = b""
    headers: dict[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} Scripted\r\n{lines}\r\n".encode() + body


Handler = Callable[[Request], Answer | Awaitable[Answer] | bytes]


class ScriptedAgency:
    """Answers with `handler`; raw `bytes` are sent as they are and the connection is cut."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[Request] = []
        self.connections = 0
        self.port = 0
        self._diallers: list[Dialler] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def dialler(self) -> Dialler:
        """Allowed to come here only; closed when the test ends."""
        self._diallers.append(Dialler({f"127.0.0.1:{self.port}"}))
        return self._diallers[-1]

    async def close(self) -> None:
        for dialler in self._diallers:
            await dialler.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await self._read(reader):
                self.requests.append(request)
                answer = self.handler(request)
                answer = await answer if isinstance(answer, Awaitable) else answer
                writer.write(answer if isinstance(answer, bytes) else answer.bytes())
                await writer.drain()
                if isinstance(answer, bytes):
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> Request | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(method, path, headers, body)


@pytest.fixture
async def agency() -> AsyncIterator[Callable[[Handler], Awaitable[ScriptedAgency]]]:
    """`server = await agency(handler)`: serving on a free port until the test ends."""
    running: list[tuple[ScriptedAgency, asyncio.Server]] = []

    async def start(handler: Handler) -> ScriptedAgency:
        scripted = ScriptedAgency(handler)
        server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
        scripted.port = server.sockets[0].getsockname()[1]
        running.append((scripted, server))
        return scripted

    yield start
    for scripted, server in running:
        await scripted.close()
        server.close()


@pytest.fixture
def reply() -> type[Answer]:
    return Answer
