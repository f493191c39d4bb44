"""A transaction as plain statements, and many rows in one of them.

A `Script` is written once and runs over whatever executes: SQLAlchemy, where the transaction is the caller's, and the
drivers themselves for the log's own (`store`), because the layers between cost several times what a statement costs.

Many rows. SQLite: one `VALUES` list, because its driver gives up and takes back the interpreter lock for every row of
an `executemany`, which is slow beside a busy event loop (15 times, measured). PostgreSQL: one array a column through
`unnest`, one round trip and one prepared statement for any number of rows.
"""

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import ClauseElement, Connection, CursorResult, Dialect, Table, insert

T = TypeVar("T")

MOST_ROWS = 256

Statement = tuple[str, Sequence[object]]
"""The driver's own text and its values."""

Rows = Sequence[Sequence[Any]]

Script = Generator[Statement, Rows, T]
"""Yields statements, is sent the rows of each, returns a result. It begins and commits nothing."""


def played(script: Script[T], execute: Callable[[str, Sequence[object]], Rows]) -> T:
    """Run a script with whatever executes a statement and gives its rows."""
    try:
        statement = next(script)
        while True:
            statement = script.send(execute(*statement))
    except StopIteration as end:
        result: T = end.value
        return result


def played_over(connection: Connection, script: Script[T]) -> T:
    """Run a script in the transaction of a connection."""

    def execute(statement: str, values: Sequence[object]) -> Rows:
        found = connection.exec_driver_sql(statement, tuple(values))
        return found.all() if found.returns_rows else ()

    return played(script, execute)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Sequence[object]], *, skip: bool = False) -> None:
    """Insert rows whose values are in the order of the table's columns.

    Args:
        connection: in a transaction.
        table: where to.
        rows: any number.
        skip: leave out rows whose key is there already, instead of failing.
    """
    for statement, values in inserting(connection.dialect, table, rows, skip=skip):
        connection.exec_driver_sql(statement, tuple(values))


def inserting(
    dialect: Dialect, table: Table, rows: Sequence[Sequence[object]], *, skip: bool = False
) -> Iterator[Statement]:
    """The statements of `insert_rows`."""
    if not rows:
        return
    tail = " ON CONFLICT DO NOTHING" if skip else ""
    if dialect.name == "postgresql":
        yield _arrays(table, dialect) + tail, [list(column) for column in zip(*rows, strict=True)]
        return
    for part in _powers_of_two(rows):
        yield _values(table, dialect, len(part)) + tail, tuple(chain.from_iterable(part))


def at_once(dialect: Dialect, statements: Sequence[Statement]) -> Sequence[Statement]:
    """Changes of different tables, which need to see nothing of one another: on PostgreSQL one round trip."""
    if dialect.name != "postgresql":
        return statements
    values = [each for _, values in statements for each in values]
    return [(_together(tuple(text for text, _ in statements)), values)]


def at_once_if(first: Statement, others: Sequence[Statement]) -> Statement:
    """One statement of PostgreSQL: `first`, a change that returns rows, and `others` only if it returned one.

    Returns those rows. Outside a transaction it is one: all of it is durable, or nothing was done.
    """
    values = [each for _, values in (first, *others) for each in values]
    return _together((first[0], *(_if_first(text) for text, _ in others), "SELECT 1 FROM part0")), values


def execute(connection: Connection, statement: ClauseElement, *values: object) -> CursorResult[*tuple[Any, ...]]:
    """Execute a constant statement, compiled once; the values are in the order of its parameters."""
    return connection.exec_driver_sql(compiled(statement, connection.dialect), values)


def plain_rows(connection: Connection, statement: ClauseElement, *values: object) -> Sequence[Sequence[Any]]:
    """The rows of a constant statement as the driver gives them: `execute` without what SQLAlchemy makes of each."""
    found = connection.exec_driver_sql(compiled(statement, connection.dialect), values)
    assert found.cursor is not None
    rows: Sequence[Sequence[Any]] = found.cursor.fetchall()
    found.close()
    return rows


def among(
    connection: Connection, statement: str, keys: Sequence[bytes] | Sequence[str]
) -> CursorResult[*tuple[Any, ...]]:
    """Execute a statement that ends in the name of a column, for the rows where it is one of at most 256 keys."""
    text, values = where_among(connection.dialect, statement, keys)
    return connection.exec_driver_sql(text, tuple(values))


def where_among(dialect: Dialect, statement: str, keys: Sequence[bytes] | Sequence[str]) -> Statement:
    """The statement of `among`."""
    if dialect.name == "postgresql":
        return statement + " = ANY($1)", (list(keys),)
    padded = [*keys, *[keys[-1]] * (_power_of_two_from(len(keys)) - len(keys))]  # few texts, so the driver caches them
    before, _, column = statement.rpartition(" ")
    # statistics from when the table was small would have it read from end to end
    return f"{before} unlikely({column} IN (?{', ?' * (len(padded) - 1)}))", padded


@cache
def compiled(statement: ClauseElement, dialect: Dialect) -> str:
    """A constant statement as the driver's text."""
    return str(statement.compile(dialect=dialect))


def _powers_of_two(rows: Sequence[Sequence[object]]) -> Iterator[Sequence[Sequence[object]]]:
    """Parts of 256, 128, ... 1 rows: nine statements instead of 256, so the driver caches them."""
    at = 0
    while at < len(rows):
        count = min(MOST_ROWS, 1 << (len(rows) - at).bit_length() - 1)
        yield rows[at : at + count]
        at += count


def _power_of_two_from(count: int) -> int:
    return 1 << (count - 1).bit_length()


@cache
def _values(table: Table, dialect: Dialect, count: int) -> str:
    row = ", (" + ", ".join("?" * len(table.columns)) + ")"
    return _head(table, dialect) + " VALUES" + (row * count)[1:]


@cache
def _arrays(table: Table, dialect: Dialect) -> str:
    types = (column.type.compile(dialect) for column in table.columns)
    return _head(table, dialect) + " SELECT " + ", ".join(f"unnest(${n}::{kind}[])" for n, kind in enumerate(types, 1))


@lru_cache(maxsize=64)
def _together(texts: tuple[str, ...]) -> str:
    """`WITH part0 AS (...), part1 AS (...) last`, the parameters numbered through."""
    numbered, before = [], 0
    for text in texts:
        numbered.append(_numbered_from(before, text))
        before += text.count("$")
    *parts, last = numbered
    named = ", ".join(f"part{n} AS ({text})" for n, text in enumerate(parts))
    return f"WITH {named} {last}" if parts else last


@lru_cache(maxsize=64)
def _if_first(text: str) -> str:
    change, conflict, skip = text.partition(" ON CONFLICT ")
    return f"{change} {'AND' if ' WHERE ' in change else 'WHERE'} EXISTS (SELECT FROM part0){conflict}{skip}"


def _numbered_from(before: int, text: str) -> str:
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + before}", text)


def _head(table: Table, dialect: Dialect) -> str:
    return str(insert(table).compile(dialect=dialect)).partition(" VALUES")[0]
