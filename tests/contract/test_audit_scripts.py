"""The log's own transactions, in the drivers' words: all or nothing, on both databases, also when one goes away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Dialect, text
from sqlalchemy.exc import DBAPIError

from audit import Entry, FileMemory, Log, LogUnavailable, Signer, new_id
from audit.rows import Script, where_among
from audit.store import store_of
from audit.tables import metadata
from audit.writing import Pending, appending
from gateway.db import Database

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


def entry(kind: str = "system.registered", **facts: object) -> Entry:
    return Entry(new_id(NOW), kind, NOW, facts)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    async with made.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield made
    await made.close()


@pytest.fixture
async def log(db: Database, tmp_path: Path) -> AsyncIterator[Log]:
    signer = Signer("gw.example.gov/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))
    opened = await Log.open(db.engine, signer, db.write_lock)
    yield opened
    await opened.close()


async def test_a_script_that_fails_leaves_no_trace_and_the_next_one_is_committed(db: Database, log: Log) -> None:
    store = store_of(db.engine, db.write_lock)

    def failing(dialect: Dialect) -> Script[None]:
        yield from appending(dialect, 1, [Pending.of(entry())])
        raise LogUnavailable("after everything was inserted")

    with pytest.raises(LogUnavailable):
        await store.run(failing)
    assert await log.size() == 0
    assert await store.run(lambda dialect: appending(dialect, 1, [Pending.of(entry())])) == [0]
    assert await log.size() == 1
    await store.close()


async def test_what_a_database_refuses_is_told_like_every_refusal_of_it(db: Database) -> None:
    store = store_of(db.engine, db.write_lock)

    def refused(_dialect: Dialect) -> Script[None]:
        yield "INSERT INTO log_head (log_id) VALUES (NULL)", ()

    with pytest.raises(DBAPIError):
        await store.run(refused)
    await store.close()


async def test_a_caller_that_hangs_up_leaves_the_store_usable(db: Database, log: Log) -> None:
    store = store_of(db.engine, db.write_lock)
    one = Pending.of(entry())
    running = asyncio.create_task(store.run(lambda dialect: appending(dialect, 1, [one])))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    (place,) = await store.run(lambda dialect: appending(dialect, 1, [one]))
    assert (place, await log.size()) == (0, 1)
    await store.close()


async def test_an_intent_and_its_outcome_in_one_batch_leave_nothing_open(log: Log) -> None:
    both = [entry("exchange.intent", exchange_id="x"), entry("exchange.outcome", exchange_id="x", outcome="answered")]
    await asyncio.gather(*map(log.append, both))
    assert await log.size() == 2
    assert await log.open_intents() == []


async def test_the_log_goes_on_after_its_connection_was_lost(postgres_url: str, tmp_path: Path) -> None:
    db = Database(postgres_url)
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    signer = Signer("gw.example.gov/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))
    log = await Log.open(db.engine, signer)
    await log.append(entry())
    async with db.read() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    receipts = await asyncio.gather(*(log.append(entry()) for _ in range(5)))
    assert sorted(receipt.seq for receipt in receipts) == [1, 2, 3, 4, 5]
    await log.close()
    await db.close()


async def test_an_old_count_of_rows_does_not_make_an_append_read_the_whole_log(sqlite_url: str) -> None:
    db = Database(sqlite_url)
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.exec_driver_sql("INSERT INTO log_head VALUES (1, 'origin', 0, x'')")
    store = store_of(db.engine, db.write_lock)
    await store.run(lambda dialect: appending(dialect, 1, [Pending.of(entry())]))
    async with db.write() as connection:
        await connection.exec_driver_sql("ANALYZE")  # from now on the planner takes the tables for tiny
    statement, keys = where_among(db.engine.dialect, "SELECT seq FROM log_entry WHERE entry_id", [b"k"] * 200)
    async with db.read() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(keys))
        steps = [str(row[-1]) for row in plan]
    assert not [step for step in steps if step.startswith("SCAN")], steps
    await store.close()
    await db.close()
