"""How the log reaches its database: `read(work)` and `write(work)`, where work is a plain synchronous function.

SQLite: the work runs as a whole in one thread with a connection of its own, because a hop between threads per
statement costs more than the statement; writers of the process take turns on the shared lock. PostgreSQL: one
connection kept for writing, the pool for reading; any number of processes.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from .errors import UnsafeDurability

T = TypeVar("T")

LOCK_TIMEOUT_MS = 2_000
READERS = 4

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    f"busy_timeout={LOCK_TIMEOUT_MS}",
    "cache_size=-32768",
    "wal_autocheckpoint=4000",  # pages: a busy index page is copied back once for many commits
)


class Store(Protocol):
    """A database, asked in transactions."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`; each of its statements sees what is committed when it starts."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction: durable on return, without any trace after an exception."""

    async def close(self) -> None:
        """Give all connections back."""


def store_of(engine: AsyncEngine, write_lock: asyncio.Lock | None = None) -> Store:
    """The store behind an engine.

    Args:
        engine: `sqlite+aiosqlite` on a file, or `postgresql+asyncpg`.
        write_lock: what all writers of this process hold on SQLite; callers of `append_in` hold it already.

    Raises:
        UnsafeDurability: an SQLite database in memory.
    """
    if engine.dialect.name == "sqlite":
        return SqliteStore(engine, write_lock)
    return PostgresStore(engine)


class SqliteStore:
    """WAL, `synchronous=FULL`, transactions that write begin IMMEDIATE."""

    def __init__(self, engine: AsyncEngine, write_lock: asyncio.Lock | None) -> None:
        if engine.url.database in {None, "", ":memory:"}:
            raise UnsafeDurability("the log needs a database file; an SQLite database in memory is gone after a crash")
        url = engine.url.set(drivername="sqlite")
        self._writing = create_engine(url, pool_size=1)
        self._reading = create_engine(url, pool_size=READERS, isolation_level="AUTOCOMMIT")
        event.listen(self._writing, "connect", _prepare)
        event.listen(self._reading, "connect", _prepare)
        event.listen(self._writing, "begin", _begin_immediate)
        self._writer = ThreadPoolExecutor(1, "audit-writer")
        self._readers = ThreadPoolExecutor(READERS, "audit-reader")
        self._turn: AbstractAsyncContextManager[object] = write_lock or nullcontext()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See `Store`."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See `Store`."""
        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

    async def close(self) -> None:
        """See `Store`."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._writing.dispose()
        self._reading.dispose()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._reading.connect() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._writing.begin() as connection:
            return work(connection)


class PostgresStore:
    """READ COMMITTED; the head row's lock is the only point of order."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer: AsyncConnection | None = None
        self._turn = asyncio.Lock()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See `Store`."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See `Store`. A dead server is given up after twice the lock timeout."""
        async with self._turn, asyncio.timeout(2 * LOCK_TIMEOUT_MS / 1000):
            try:
                connection = await self._connected()
                async with connection.begin():
                    return await connection.run_sync(work)
            except BaseException:
                await self._disconnect()  # the state of the transaction may be unknown: never use it again
                raise

    async def close(self) -> None:
        """See `Store`."""
        async with self._turn:
            await self._disconnect()

    async def _connected(self) -> AsyncConnection:
        if self._writer is None:
            self._writer = await self._engine.connect()
            await self._writer.run_sync(_pin_session)
            await self._writer.commit()
        return self._writer

    async def _disconnect(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await writer.invalidate()  # its session settings are ours: not back into the pool
            await writer.close()


def pin_transaction(connection: Connection) -> None:
    """Make the caller's PostgreSQL transaction durable and impatient, whatever its role's defaults are."""
    connection.exec_driver_sql(_PIN.format(local="true"))


def _pin_session(connection: Connection) -> None:
    connection.exec_driver_sql(_PIN.format(local="false"))


# `remote_apply` and `remote_write` are stronger than `on` and stay
_PIN = (
    f"SELECT set_config('lock_timeout', '{LOCK_TIMEOUT_MS}', {{local}}), CASE "
    "WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', {local}) END"
)


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin deferred, and too late
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
