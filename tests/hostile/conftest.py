"""What hostile cases share: a resolver that answers as told, a record of what was dialled, and a canary on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.kit.dial_rules import is_literal


@dataclass
class World:
    """The outside as one test makes it. Nothing in it is ever really dialled, but for what the test lets through."""

    names: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)
    connecting: Callable[[Any, Any], Any] | None = None

    def says(self, name: str, *answers: Sequence[str]) -> None:
        """The answers to one question after the other; the last one stays."""
        self.names[name] = list(answers)

    async def getaddrinfo(self, host: str, port: int, **_: object) -> list[object]:
        self.asked.append(host)
        if is_literal(host):
            return [_info(host, port)]
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "no such name in this world")
        answers = self.names[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [_info(address, port) for address in addresses]

    async def sock_connect(self, opened: socket.socket, address: tuple[Any, ...]) -> None:
        self.dialled.append((str(address[0]), int(address[1])))
        if self.connecting is None:
            raise ConnectionRefusedError
        await self.connecting(opened, address)


def _info(address: str, port: int) -> object:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The running loop resolves and connects in a made-up world."""
    made, loop = World(), asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", made.getaddrinfo)
    monkeypatch.setattr(loop, "sock_connect", made.sock_connect)
    return made


@dataclass
class Canary:
    """Listens on loopback and counts: one connection is one proof too many."""

    port: int = 0
    hits: int = 0


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    """Whatever a hostile document wants fetched, it names this server."""
    bird = Canary()

    async def hit(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bird.hits += 1
        writer.close()

    server = await asyncio.start_server(hit, "127.0.0.1", 0)
    bird.port = server.sockets[0].getsockname()[1]
    yield bird
    await asyncio.sleep(0)
    server.close()
