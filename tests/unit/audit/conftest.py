"""A log on a fresh SQLite file. Imports nothing but the package, so that the folder can be copied out with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from audit import Entry, FileMemory, Log, Signer, new_id
from audit.tables import metadata

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An engine on a file, set up as the product sets it up, with the tables."""
    made = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'log.db'}")

    @event.listens_for(made.sync_engine, "connect")
    def durable(connection, _record):
        connection.execute("PRAGMA journal_mode=WAL").close()
        connection.execute("PRAGMA synchronous=FULL").close()

    async with made.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield made
    await made.dispose()


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """A signer whose memory is a file."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return Signer("gw.example.gov/log", key, FileMemory(tmp_path / "signed"))


@pytest.fixture
async def log(engine: AsyncEngine, signer: Signer) -> AsyncIterator[Log]:
    """An open log, closed afterwards."""
    opened = await Log.open(engine, signer, deadline_s=60)
    yield opened
    await opened.close()


@pytest.fixture
def entry() -> Callable[..., Entry]:
    """Makes entries: `entry(kind, **facts)`."""

    def make(kind: str = "system.registered", *refs: str, **facts: object) -> Entry:
        return Entry(new_id(NOW), kind, NOW, facts, refs)

    return make


@pytest.fixture
def filled(log: Log, entry: Callable[..., Entry]) -> Callable[[int], Awaitable[list[Entry]]]:
    """Appends that many entries, in order."""

    async def fill(count: int) -> list[Entry]:
        entries = [entry(n=n) for n in range(count)]
        await asyncio.gather(*map(log.append, entries))
        return entries

    return fill
