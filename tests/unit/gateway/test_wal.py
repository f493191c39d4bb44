"""The WAL is copied back beside the writers, and begins anew."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.db import Database
from gateway.wal import FRAMES, LONGEST_S, SHORTEST_S, WalCheckpointer, next_pause


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite+aiosqlite:///{tmp_path / 'sandhi.db'}")
    async with opened.write() as connection:
        await connection.execute(text("CREATE TABLE said (words TEXT)"))
    yield opened
    await opened.close()


async def say(db: Database, times: int) -> None:
    async with db.write() as connection:
        for _ in range(times):
            await connection.execute(text("INSERT INTO said VALUES (hex(randomblob(2000)))"))


def in_file(folder: Path) -> int:
    """How many rows the database has without its WAL."""
    alone = sqlite3.connect(f"file:{folder / 'sandhi.db'}?immutable=1", uri=True)
    try:
        (found,) = alone.execute("SELECT count(*) FROM said").fetchone()
    except sqlite3.DatabaseError:  # in the middle of being copied, or nothing is there yet
        return 0
    finally:
        alone.close()
    return int(found)


async def test_what_was_written_is_in_the_database_and_the_next_writer_begins_the_wal_anew(
    db: Database, tmp_path: Path
) -> None:
    checkpointer, wal = WalCheckpointer(db), tmp_path / "sandhi.db-wal"
    await say(db, 300)
    long = wal.stat().st_size
    assert await checkpointer.run_once() >= 300
    await say(db, 1)
    checkpointer.close()
    assert wal.stat().st_size == long  # written from its beginning again, not at its end
    assert in_file(tmp_path) == 300


async def test_where_nobody_wrote_nothing_is_copied(db: Database) -> None:
    checkpointer = WalCheckpointer(db)
    await say(db, 1)
    assert await checkpointer.run_once() > 0
    assert await checkpointer.run_once() == 0
    checkpointer.close()


async def test_it_is_copied_while_somebody_writes(db: Database, tmp_path: Path) -> None:
    checkpointer = WalCheckpointer(db)
    await say(db, 300)
    async with db.write() as connection:
        await connection.execute(text("INSERT INTO said VALUES ('later')"))
        turning = asyncio.create_task(checkpointer.run_once())
        async with asyncio.timeout(10):
            while in_file(tmp_path) < 300:
                await asyncio.sleep(0.01)
        assert not turning.done()  # the last of it waits for the writer
    await turning
    assert in_file(tmp_path) == 301
    checkpointer.close()


def test_the_pause_follows_how_fast_the_wal_grows() -> None:
    assert next_pause(1.0, 0) == LONGEST_S
    assert next_pause(0.4, FRAMES * 2) == 0.2
    assert next_pause(0.1, FRAMES // 2) == 0.2
    assert next_pause(0.1, FRAMES * 100) == SHORTEST_S
    assert next_pause(1.0, 1) == LONGEST_S
