"""A batch in one round trip of PostgreSQL: only while nobody else moved the head, and with nothing less to rely on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from sqlalchemy import Connection, Dialect, text
from sqlalchemy.exc import DBAPIError

from audit import Entry, new_id
from audit.appender import Appender
from audit.merkle import root_of
from audit.reading import head
from audit.rows import Rows, Script
from audit.store import PostgresStore
from audit.tables import metadata
from audit.writing import Conflict, Pending
from gateway.db import Database

T = TypeVar("T")
NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
LOG = 1


class Counted(PostgresStore):
    """Remembers which way was gone."""

    def __init__(self, db: Database) -> None:
        super().__init__(db.engine)
        self.ways: list[str] = []

    async def once(self, statement: str, values: Sequence[object]) -> Rows:
        rows = await super().once(statement, values)
        self.ways.append("stroke" if rows else "in vain")
        return rows

    async def run(self, script: Callable[[Dialect], Script[T]]) -> T:
        self.ways.append("long")
        return await super().run(script)


def pending(kind: str = "system.registered", **facts: object) -> Pending:
    return Pending.of(Entry(new_id(NOW), kind, NOW, facts, ("a" * 64,)))


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[Database]:
    made = Database(postgres_url)
    async with made.write() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(text("INSERT INTO log_head VALUES (1, 'origin', 0, '')"))
    yield made
    await made.close()


@pytest.fixture
async def store(db: Database) -> AsyncIterator[Counted]:
    made = Counted(db)
    yield made
    await made.close()


async def appended(appender: Appender, count: int) -> list[Pending]:
    """So many, each in a batch of its own."""
    made = [pending() for _ in range(count)]
    for each in made:
        await appender.commit([each])
    return made


def log_as_stored(connection: Connection) -> tuple[int, bytes, list[bytes]]:
    at = head(connection, LOG)
    bodies = connection.execute(text("SELECT body FROM log_entry ORDER BY seq")).scalars()
    return at.size, at.root(), [bytes(each) for each in bodies]


async def test_who_is_alone_appends_in_one_statement_and_the_tree_is_the_same(db: Database, store: Counted) -> None:
    made = await appended(Appender(store, LOG), 300)  # a full tile, so that a node is written too
    assert store.ways == ["long", "long", *["stroke"] * 298]
    async with db.read() as connection:
        size, root, bodies = await connection.run_sync(log_as_stored)
        indexed = await connection.scalar(text("SELECT count(*) FROM audit_search"))
        nodes = await connection.scalar(text("SELECT count(*) FROM log_node"))
        people = await connection.scalar(text("SELECT count(*) FROM audit_subject"))
    assert (size, bodies) == (300, [each.body for each in made])
    assert root == root_of(bodies)
    assert (indexed, nodes, people) == (300, 1, 300)


async def test_a_head_that_somebody_else_moved_is_noticed_and_nothing_is_written_twice(
    db: Database, store: Counted
) -> None:
    here, other = Appender(store, LOG), PostgresStore(db.engine)
    await appended(here, 3)
    await appended(Appender(other, LOG), 1)
    await other.close()
    store.ways.clear()
    (place,) = await here.commit([pending()])
    assert (place, store.ways) == (4, ["in vain", "long"])
    async with db.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM audit_search")) == 5


async def test_two_processes_at_once_make_one_log_without_gaps(db: Database) -> None:
    stores = [PostgresStore(db.engine), PostgresStore(db.engine)]
    await asyncio.gather(*(appended(Appender(each, LOG), 40) for each in stores))
    async with db.read() as connection:
        size, root, bodies = await connection.run_sync(log_as_stored)
    assert (size, root) == (80, root_of(bodies))
    for each in stores:
        await each.close()


async def test_an_entry_that_is_there_already_keeps_its_place(db: Database, store: Counted) -> None:
    appender = Appender(store, LOG)
    made = await appended(appender, 4)
    fresh = pending()
    assert await appender.commit([fresh, made[2]]) == [4, 2]
    assert await appender.commit([pending(), fresh]) == [5, 4]


async def test_another_content_under_a_known_id_is_a_conflict(store: Counted) -> None:
    appender = Appender(store, LOG)
    (*_, last) = await appended(appender, 4)
    changed = Pending.of(Entry(last.entry.id, "system.changed", NOW, {}))
    (place,) = await appender.commit([changed])
    assert isinstance(place, Conflict)


async def test_an_intent_and_its_outcome_in_strokes_leave_nothing_open(db: Database, store: Counted) -> None:
    appender = Appender(store, LOG)
    await appended(appender, 2)
    opened = "SELECT count(*) FROM audit_open"
    await appender.commit([pending("exchange.intent", exchange_id="x")])
    async with db.read() as connection:
        assert await connection.scalar(text(opened)) == 1
    await appender.commit([pending("exchange.outcome", exchange_id="x", outcome="answered")])
    async with db.read() as connection:
        assert await connection.scalar(text(opened)) == 0
    assert store.ways[2:] == ["stroke", "stroke"]


async def test_a_closed_log_takes_no_stroke(db: Database, store: Counted) -> None:
    appender = Appender(store, LOG)
    await appended(appender, 3)
    async with db.write() as connection:
        await connection.execute(text("INSERT INTO log_shard VALUES (1, 3, 'origin/2027')"))
    with pytest.raises(DBAPIError):
        await appender.commit([pending()])
    async with db.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM log_entry")) == 3


async def test_a_transaction_that_fails_at_its_end_is_a_refusal(db: Database, store: Counted) -> None:
    async with db.write() as connection:
        await connection.execute(text("CREATE TABLE late (id INT UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
        await connection.execute(text("INSERT INTO late VALUES (1)"))
    with pytest.raises(DBAPIError):
        await store.once("INSERT INTO late VALUES ($1) RETURNING id", [1])
    assert await store.once("INSERT INTO late VALUES ($1) RETURNING id", [2])


async def test_a_stroke_that_was_cut_is_repeated_the_long_way(db: Database, store: Counted) -> None:
    appender = Appender(store, LOG)
    await appended(appender, 3)
    async with db.read() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    (place,) = await appender.commit([pending()])
    assert (place, store.ways[3:]) == (3, ["long"])
