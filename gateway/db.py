"""The database: one engine, two ways in. `read` sees committed rows, `write` is one short transaction.

SQLite (embedded, one process): WAL, `synchronous=FULL`, write transactions begin IMMEDIATE and take
turns on one lock, so that nobody meets "database is locked". PostgreSQL: any number of processes, each with at most so
many connections that the server has room for all of them.
Nobody waits longer than `WAIT_S` for a turn or a connection.
Never hold a `write` across a call to another system.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Table, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from audit.store import Store, store_of

from .grouped import Done, Grouped, Item

T = TypeVar("T")
Together = Callable[[AsyncConnection, Sequence[Item]], Awaitable[Sequence[Done]]]
WAIT_S = 5.0
CONNECTIONS = 24  # of one process; PostgreSQL has 97 for everybody unless told otherwise
ROOM = text(
    "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    " - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())"
)
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA wal_autocheckpoint=8000",  # pages, as the log's: copying back stalls whoever commits
    "PRAGMA cache_size=-2048",  # KiB for each connection; the log, the decisions and batches have their own
)


class DatabaseBusy(Exception):
    """No write could begin in time; nothing was written."""


class NoConnectionLeft(ConnectionError):
    """PostgreSQL has given all its connections away."""

    def __init__(self) -> None:
        super().__init__(
            "PostgreSQL has no connection left: raise its max_connections, or set SANDHI_DATABASE_CONNECTIONS lower; "
            "that many are opened by each process"
        )


class Database:
    """An engine and the lock that writers share (a real one on SQLite only)."""

    def __init__(self, url: str, *, connections: int = CONNECTIONS) -> None:
        """`connections`: how many this process may have open on PostgreSQL, half of them to read."""
        self.is_sqlite, self.connections = url.startswith("sqlite"), connections
        extra: dict[str, Any] = {"pool_timeout": WAIT_S, "pool_size": 10}
        if not self.is_sqlite:
            kept = max(1, connections // 4)
            extra |= {"pool_pre_ping": True, "pool_size": kept, "max_overflow": max(1, connections // 2) - kept}
            extra |= {"connect_args": {"async_creator_fn": _connected}}
        self.engine: AsyncEngine = create_async_engine(url, **extra)
        self._reader: AsyncEngine = create_async_engine(
            url, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True, **extra
        )
        self.write_lock = asyncio.Lock()
        self._together: dict[object, Grouped[Any, Any]] = {}
        self._whole: Store | None = None
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self._reader.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_immediate)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection outside any transaction: each statement sees what is committed when it starts."""
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed on leaving, rolled back on an exception.

        Raises:
            DatabaseBusy: SQLite only: the writers before did not finish in time.
        """
        if not self.is_sqlite:
            async with self.engine.begin() as connection:
                yield connection
            return
        await self._turn()
        try:
            async with self.engine.begin() as connection:
                yield connection
        finally:
            self.write_lock.release()

    async def write_whole(self, work: Callable[[Connection], T]) -> T:
        """One transaction of many rows: on SQLite the whole `work` runs in a thread, and nobody waits for the lock
        longer than the database is busy. Every statement of `write` waits for its turn of the event loop instead.

        Args:
            work: synchronous; touches nothing but the connection.
        """
        if not self.is_sqlite:
            async with self.engine.begin() as connection:
                return await connection.run_sync(work)
        if self._whole is None:
            self._whole = store_of(self.engine, self.write_lock)
        return await self._whole.write(work)

    async def together(self, work: Together[Item, Done], item: Item) -> Done:
        """`work` on this item, in one transaction with what else comes for this `work` meanwhile.

        Of many small writes at once each would wait for all the others, and so would the log.

        Args:
            work: a function of a module: any number of items in, a result for each out.
        """
        if work not in self._together:
            self._together[work] = Grouped(partial(self._written, work))
        found: Grouped[Item, Done] = self._together[work]
        return await found(item)

    async def _written(self, work: Together[Item, Done], items: Sequence[Item]) -> Sequence[Done]:
        async with self.write() as connection:
            return await work(connection, items)

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                await self.write_lock.acquire()
        except TimeoutError:
            raise DatabaseBusy("The database is busy writing; try again.") from None

    async def room(self) -> int | None:
        """How many connections PostgreSQL has left for this process; None on SQLite, which has no limit."""
        if self.is_sqlite:
            return None
        async with self.read() as connection:
            return int((await connection.execute(ROOM)).scalar_one())

    async def close(self) -> None:
        """Give all connections back."""
        if self._whole is not None:
            await self._whole.close()
        await self.engine.dispose()
        await self._reader.dispose()


async def new_rows(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Insert those whose key nobody has; says of each whether it is new. Of several alike the first one is."""
    keys = [tuple(row[each.name] for each in table.primary_key) for row in rows]
    ordered = [dict(row) for _, row in sorted(zip(keys, rows, strict=True), key=itemgetter(0))]  # or two would deadlock
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    adding = dialect.insert(table).on_conflict_do_nothing().returning(*table.primary_key)
    added = {tuple(row) for row in await connection.execute(adding, ordered)}
    new = []
    for key in keys:
        new.append(key in added)
        added.discard(key)
    return new


async def _connected(*where: Any, **how: Any) -> Any:
    try:
        return await asyncpg.connect(*where, **how)
    except asyncpg.TooManyConnectionsError:
        raise NoConnectionLeft from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver shall not begin transactions by itself
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
