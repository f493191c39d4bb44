"""How the log reaches its database: `read(work)` and `write(work)`, where work is a plain synchronous function.

SQLite: the work runs as a whole in one thread with a connection of its own, because a hop between threads per
statement costs more than the statement; writers of the process take turns on the shared lock. PostgreSQL: one
connection kept for writing, the pool for reading; any number of processes.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Dialect, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from .errors import UnsafeDurability
from .rows import Rows, Script, played

try:
    from asyncpg import InterfaceError, InternalClientError, PostgresError
except ImportError:  # an auditor of an SQLite log needs no driver of PostgreSQL
    _REFUSALS: tuple[type[Exception], ...] = ()
else:
    _REFUSALS = (InterfaceError, InternalClientError, PostgresError)

T = TypeVar("T")

LOCK_TIMEOUT_MS = 2_000
READERS = 4

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    f"busy_timeout={LOCK_TIMEOUT_MS}",
    "wal_autocheckpoint=8000",  # pages: copying back stalls whoever commits, so rarely, and once for many commits
)


class Store(Protocol):
    """A database, asked in transactions."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`; each of its statements sees what is committed when it starts."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction: durable on return, without any trace after an exception."""

    async def run(self, script: Callable[[Dialect], Script[T]]) -> T:
        """`write` for a script, in the driver's own words: for what happens all the time.

        Raises:
            DBAPIError: the database refused, or does not answer.
        """

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
        event.listen(self._writing, "connect", _give_room)
        event.listen(self._writing, "begin", _begin_immediate)
        self._writer = ThreadPoolExecutor(1, "audit-writer")
        self._readers = ThreadPoolExecutor(READERS, "audit-reader")
        self._turn: AbstractAsyncContextManager[object] = write_lock or nullcontext()
        self._held: Connection | None = None  # by the writer's thread, from transaction to transaction

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See `Store`."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See `Store`."""
        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

    async def run(self, script: Callable[[Dialect], Script[T]]) -> T:
        """See `Store`."""
        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(self._writer, self._run, script)

    async def close(self) -> None:
        """See `Store`."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._let_go()
        self._writing.dispose()
        self._reading.dispose()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._reading.connect() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._connected().begin() as transaction:
                return work(transaction.connection)
        except BaseException:
            self._let_go()
            raise

    def _run(self, script: Callable[[Dialect], Script[T]]) -> T:
        try:
            driver: Any = self._connected().connection.driver_connection
            driver.execute("BEGIN IMMEDIATE")
            result = played(script(self._writing.dialect), lambda *each: driver.execute(*each).fetchall())
            driver.execute("COMMIT")
        except BaseException as error:
            self._let_go()
            if isinstance(error, sqlite3.Error):
                raise DBAPIError(None, None, error) from error
            raise
        return result

    def _connected(self) -> Connection:
        if self._held is None:
            self._held = self._writing.connect()
        return self._held

    def _let_go(self) -> None:
        """The next transaction begins on a connection from the pool; what was not committed is rolled back."""
        held, self._held = self._held, None
        if held is not None:
            held.close()


class PostgresStore:
    """READ COMMITTED; the head row's lock is the only point of order."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.dialect = engine.dialect
        self._engine = engine
        self._writer: AsyncConnection | None = None
        self._kept: Any = None  # the driver's connection below the writer
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

    async def run(self, script: Callable[[Dialect], Script[T]]) -> T:
        """See `Store`, and `write`. asyncpg itself is asked, over the connection that `write` has."""
        return await self._driven(lambda driver: _committed(driver, script(self.dialect)))

    async def once(self, statement: str, values: Sequence[object]) -> Rows:
        """One statement as a transaction of its own: one round trip. Otherwise as `run`."""
        rows: Rows = await self._driven(lambda driver: driver.fetch(statement, *values))
        return rows

    async def _driven(self, work: Callable[[Any], Awaitable[T]]) -> T:
        async with self._turn, asyncio.timeout(2 * LOCK_TIMEOUT_MS / 1000):
            try:
                return await work(await self._driver())
            except BaseException as error:
                await self._disconnect()
                if isinstance(error, _REFUSALS):
                    raise DBAPIError(None, None, error) from error
                raise

    async def _driver(self) -> Any:
        if self._kept is None:
            self._kept = (await (await self._connected()).get_raw_connection()).driver_connection
        return self._kept

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
            writer, self._writer, self._kept = self._writer, None, None
            await writer.invalidate()  # its session settings are ours: not back into the pool
            await writer.close()


async def _committed(driver: Any, script: Script[T]) -> T:
    await driver.execute("BEGIN")
    try:
        statement, values = next(script)
        while True:
            statement, values = script.send(await driver.fetch(statement, *values))
    except StopIteration as end:
        result: T = end.value
    await driver.execute("COMMIT")
    return result


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


def _give_room(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA cache_size=-16384")  # KiB: the writer meets the same index pages again and again


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
