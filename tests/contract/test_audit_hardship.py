"""When the database cannot take an entry: a refusal at once, nothing released, nothing acknowledged lost, no repair."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from audit import Entry, FileMemory, Log, LogUnavailable, Receipt, Signer, new_id
from audit.places import checked_database
from audit.tables import metadata
from gateway.db import Database
from tests.own_postgres import own_postgres, stopped_at_once, url_of

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
RESTART_S = 10.0
KILLED = 3


def entry(**facts: object) -> Entry:
    return Entry(new_id(), "system.registered", NOW, facts)


async def opened(db: Database, folder: Path, **options: float) -> Log:
    signer = Signer("gw.example/log", KEY, FileMemory(folder / "signed"))
    return await Log.open(db.engine, signer, db.write_lock, **options)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    async with made.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield made
    await made.close()


async def all_there(log: Log, receipts: list[Receipt], url: str) -> None:
    """Every acknowledged entry stands where its receipt says, and the log verifies."""
    found = {str(each.entry.id): each.seq for each in await log.find([UUID(each.entry_id) for each in receipts])}
    assert found == {each.entry_id: each.seq for each in receipts}
    await log.checkpoint()
    assert (await checked_database(url))[0].findings == ()


async def test_lock_timeout_refuses_and_recovers(db: Database, tmp_path: Path, database_url: str) -> None:
    log = await opened(db, tmp_path, deadline_s=0.3)
    receipts = [await log.append(entry(n=0))]
    other = Database(database_url)
    async with other.engine.begin() as connection:  # another program holds the head
        await connection.execute(text("UPDATE log_head SET size = size"))
        began = time.monotonic()
        with pytest.raises(LogUnavailable):
            await log.append(entry(n=1))
        assert time.monotonic() - began < 2
        await connection.rollback()
    receipts.append(await log.append(entry(n=2)))
    await all_there(log, receipts, database_url)
    await other.close()
    await log.close()


async def test_entry_whose_commit_answer_was_lost_is_found_and_not_doubled(
    db: Database, tmp_path: Path, database_url: str
) -> None:
    log = await opened(db, tmp_path)
    written = entry(n=1)
    run = log.store.run

    async def cut(script):
        await run(script)
        raise ConnectionResetError("the connection was lost during COMMIT")

    log.store.run = cut  # both tries commit, and neither is heard
    with pytest.raises(LogUnavailable):
        await log.append(written)
    log.store.run = run
    receipts = [await log.append(written), await log.append(entry(n=2))]
    assert [each.seq for each in receipts] == [0, 1]
    await all_there(log, receipts, database_url)
    await log.close()


async def test_connections_cut_by_the_server_are_made_anew(postgres_url: str, tmp_path: Path) -> None:
    db = Database(postgres_url)
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    log = await opened(db, tmp_path)
    receipts: list[Receipt] = []

    async def writing(name: int) -> None:
        for n in range(60):
            with contextlib.suppress(LogUnavailable):
                receipts.append(await log.append(entry(n=n, name=name)))

    async def cutting() -> None:
        killer = Database(postgres_url)
        for _ in range(5):
            await asyncio.sleep(0.03)
            async with killer.read() as connection:
                mine = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                await connection.execute(
                    text(f"{mine} AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
                )
        await killer.close()

    await asyncio.gather(cutting(), *(writing(name) for name in range(8)))
    receipts.append(await log.append(entry(last=True)))
    assert len(receipts) > 100
    await all_there(log, receipts, postgres_url)
    await log.close()
    await db.close()


def sqlite_at(path: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{path}")


async def test_read_only_database_refuses_and_recovers(tmp_path: Path) -> None:
    db = sqlite_at(tmp_path / "log.db")
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    log = await opened(db, tmp_path)
    receipts = [await log.append(entry(n=0))]
    await log.store.write(lambda connection: connection.exec_driver_sql("PRAGMA query_only=ON").close())
    with pytest.raises(LogUnavailable):
        await log.append(entry(n=1))
    assert not await log.writable()
    await log.close()
    again = await opened(db, tmp_path)
    receipts.append(await again.append(entry(n=2)))
    await all_there(again, receipts, f"sqlite+aiosqlite:///{tmp_path / 'log.db'}")
    await again.close()
    await db.close()


FILLING = """
import asyncio, resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from audit import Entry, FileMemory, Log, LogUnavailable, Signer, new_id
from gateway.db import Database

async def main(path, memory):
    db = Database(f"sqlite+aiosqlite:///{path}")
    signer = Signer("gw.example/log", Ed25519PrivateKey.from_private_bytes(b"k" * 32), FileMemory(Path(memory)))
    log = await Log.open(db.engine, signer, db.write_lock)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    most = Path(path).stat().st_size + 400_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # from here on the disk is full
    refused = 0
    for n in range(4000):
        now = datetime.now(UTC)
        try:
            receipt = await log.append(Entry(new_id(now), "k", now, {"n": n, "long": "x" * 2000}))
            print(receipt.seq, receipt.entry_id, flush=True)
        except LogUnavailable:
            refused += 1
            if refused == 5:
                break
    print("refused", refused, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_full_disk_refuses_loses_nothing_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    db = sqlite_at(path)
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    root = Path(__file__).parents[2]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", FILLING, str(path), str(tmp_path / "signed")],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env={"PYTHONPATH": str(root)},
    )
    *lines, last = done.stdout.splitlines()
    assert last == "refused 5", done.stderr
    said = [Receipt("gw.example/log", int(line.split()[0]), line.split()[1]) for line in lines]
    assert said
    began = time.monotonic()
    log = await opened(db, tmp_path)
    said.append(await log.append(entry(room=True)))
    assert time.monotonic() - began < RESTART_S
    await all_there(log, said, f"sqlite+aiosqlite:///{path}")
    await log.close()
    await db.close()


@pytest.fixture
def own_server() -> Iterator[Any]:
    with own_postgres() as server:
        yield server


async def until_refused(log: Log, receipts: list[Receipt]) -> None:
    with contextlib.suppress(LogUnavailable):
        while True:
            receipts.append(await log.append(entry()))


async def test_killed_database_server_loses_no_acknowledged_entry(own_server: Any, tmp_path: Path) -> None:
    url = url_of(own_server)
    db = Database(url)
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    log = await opened(db, tmp_path)
    receipts: list[Receipt] = []
    for round_ in range(KILLED):
        writing = [asyncio.create_task(until_refused(log, receipts)) for _ in range(8)]
        await asyncio.sleep(0.4)
        await asyncio.to_thread(stopped_at_once, own_server.get_pid())
        await asyncio.gather(*writing)
        assert len(receipts) > round_
        began = time.monotonic()
        await asyncio.to_thread(own_server.ensure_postgres_running)
        receipts.append(await log.append(entry(again=True)))
        assert time.monotonic() - began < RESTART_S
    await all_there(log, receipts, url)
    await log.close()
    await db.close()


async def test_two_copies_of_one_gateway_cannot_both_go_on(tmp_path: Path) -> None:
    """A copied machine has a copy of the database and shares the signer's memory: the second one stops."""
    first = sqlite_at(tmp_path / "log.db")
    async with first.write() as connection:
        await connection.run_sync(metadata.create_all)
    log = await opened(first, tmp_path)
    await log.append(entry(n=1))
    await log.checkpoint()
    with sqlite3.connect(tmp_path / "log.db") as source, sqlite3.connect(tmp_path / "copy.db") as target:
        source.backup(target)
    copy_db = sqlite_at(tmp_path / "copy.db")
    copy = await opened(copy_db, tmp_path)
    await log.append(entry(n=2))
    await copy.append(entry(n=3))
    await log.checkpoint()
    with pytest.raises(Exception, match="history was changed"):
        await copy.checkpoint()
    with pytest.raises(LogUnavailable):
        await copy.append(entry(n=4))
    await log.append(entry(n=5))
    for each in (log, copy):
        await each.close()
    for each in (first, copy_db):
        await each.close()
