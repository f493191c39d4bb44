"""The lookup that every decision needs, over a connection of its own that stays open, in the driver's own interface.

The layers between cost ten times what the statement costs (decision record 0081). PostgreSQL: a prepared statement on
one connection, which is opened anew when it was lost. SQLite: a connection of its own, asked on the event loop: some
microseconds a person, for a reader of a WAL waits for nobody; in a thread each row would wait for its turn with Python.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from .errors import ConsentError

MOST_AT_ONCE = 64  # people in one question: on SQLite the event loop stands still for about a millisecond
WAIT_S = 5.0
BUSY_PAUSES_S = (0.01, 0.05, 0.2, 1.0)  # SQLite is only busy while somebody recovers or closes the database
FAILURES = (
    SQLAlchemyError,
    sqlite3.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConsentError,
    OSError,
    TimeoutError,
)
"""How a database, its driver or what it holds may fail."""

SETTINGS = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off"
"""By index and planned once, also in the minutes after an import when statistics are of a small table."""
PRAGMAS = ("query_only=ON", "cache_size=-4096")  # KiB: the upper pages of a million consents; the system has the rest

Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
Row = Sequence[Any]
"""kind, id, subject_ref, body, extra, since, until, ended, numbers: see `LOOKUP`."""

LOOKUP = """
    SELECT 'generation' AS kind, '' AS id, '' AS subject_ref, '' AS body, '' AS extra,
           coalesce(max(value), 0) AS since, 0 AS until, NULL AS ended, '' AS numbers
      FROM consent_generation
    UNION ALL
    SELECT 'consent', c.id, c.subject_ref, t.body, c.evidence, c.valid_from, c.valid_until, c.withdrawn_at, c.numbers
      FROM consent_consent c {index_consent} JOIN consent_terms t {index_terms} ON t.digest = c.terms
     WHERE c.subject_ref {among}
    UNION ALL
    SELECT 'objection', o.id, o.subject_ref, t.body, '', 0, 0, o.lifted_at, ''
      FROM consent_objection o {index_objection} JOIN consent_terms t {index_terms} ON t.digest = o.terms
     WHERE o.subject_ref {among}
    UNION ALL
    SELECT 'relationship', r.id, r.subject_ref, t.body, r.case_ref, r.valid_from, r.valid_until, r.ended_at, ''
      FROM consent_relationship r {index_relationship} JOIN consent_terms t {index_terms} ON t.digest = r.terms
     WHERE r.subject_ref {among}
"""
TABLES = ("consent", "objection", "relationship")


def lookup_statement(dialect: str, refs: Sequence[str]) -> tuple[str, tuple[object, ...]]:
    """The statement that reads everything about these people, and its parameters.

    SQLite: lengths of powers of two only, so that the database prepares nine statements and not 256.
    """
    if dialect == "postgresql":
        return _POSTGRESQL, (list(refs),)
    length = 1 << (len(refs) - 1).bit_length()
    return _SQLITE[length], (*refs, *[refs[-1]] * (length - len(refs)))


def _sqlite(length: int) -> str:
    """With its plan spelled out: statistics from when a table was small would have it read from end to end."""
    by_index = {f"index_{table}": f"INDEXED BY consent_{table}_subject CROSS" for table in TABLES}
    by_index["index_consent"] = "INDEXED BY consent_consent_said CROSS"
    by_index["index_terms"] = "INDEXED BY sqlite_autoindex_consent_terms_1"
    return LOOKUP.format(among=f"IN ({', '.join(f'?{n}' for n in range(1, length + 1))})", **by_index)


_POSTGRESQL = LOOKUP.format(
    among="= ANY($1::text[])", index_consent="", index_objection="", index_relationship="", index_terms=""
)
_SQLITE = {length: _sqlite(length) for length in (1 << power for power in range(9))}


class LookupConnection(Protocol):
    """Answers one lookup at a time, each about at most `MOST_AT_ONCE` people."""

    async def rows(self, refs: Sequence[str]) -> Sequence[Row]:
        """The rows of `LOOKUP`; what is committed when the question is asked. Raises one of FAILURES."""

    async def close(self) -> None:
        """Close the connection."""


async def lookup_connection(connect: Connect) -> LookupConnection:
    """To the database behind `connect`, which gives connections that see what is committed."""
    async with connect() as connection:
        if connection.dialect.name == "sqlite":
            return SqliteLookup(Path(connection.engine.url.database or ""))
    return PostgresLookup(connect)


class SqliteLookup:
    """A file in WAL mode. See the module."""

    def __init__(self, path: Path) -> None:
        self._address = f"{path.resolve().as_uri()}?mode=rw"  # never a new and empty file
        self._connection: sqlite3.Connection | None = None

    async def rows(self, refs: Sequence[str]) -> Sequence[Row]:
        """See `LookupConnection`."""
        for pause in BUSY_PAUSES_S:
            try:
                return self._asked(refs)
            except sqlite3.OperationalError:
                await self.close()  # the next attempt opens the file anew
                await asyncio.sleep(pause)
        return self._asked(refs)

    async def close(self) -> None:
        """See `LookupConnection`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _asked(self, refs: Sequence[str]) -> Sequence[Row]:
        if self._connection is None:
            self._connection = sqlite3.connect(self._address, uri=True, timeout=0, isolation_level=None)
            for pragma in PRAGMAS:
                self._connection.execute(f"PRAGMA {pragma}")
        return self._connection.execute(*lookup_statement("sqlite", refs)).fetchall()


class PostgresLookup:
    """A connection of asyncpg, outside any transaction."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._held = AsyncExitStack()
        self._driver: Any = None

    async def rows(self, refs: Sequence[str]) -> Sequence[Row]:
        """See `LookupConnection`. A connection that was lost while nobody asked is opened anew."""
        if self._driver is None or self._driver.is_closed():
            await self._open()
        statement, parameters = lookup_statement("postgresql", refs)
        try:
            rows: Sequence[Row] = await self._driver.fetch(statement, *parameters, timeout=WAIT_S)
        except BaseException:
            await self.close()  # it may be dead, or in the middle of an answer: never use it again
            raise
        return rows

    async def close(self) -> None:
        """See `LookupConnection`."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.terminate()
        await self._held.aclose()

    async def _open(self) -> None:
        await self.close()
        connection = await self._held.enter_async_context(self._connect())
        self._held.push_async_callback(connection.invalidate)  # before the pool gets it back
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute(SETTINGS)
        self._driver = driver
