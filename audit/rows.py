"""Many rows in one statement.

SQLite: one `VALUES` list, because its driver gives up and takes back the interpreter lock for every row of an
`executemany`, which is slow beside a busy event loop (15 times, measured). PostgreSQL: one array a column through
`unnest`, one round trip and one prepared statement for any number of rows.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import ClauseElement, Connection, CursorResult, Dialect, Table, insert

MOST_ROWS = 256


def insert_rows(connection: Connection, table: Table, rows: Sequence[Sequence[object]], *, skip: bool = False) -> None:
    """Insert rows whose values are in the order of the table's columns.

    Args:
        connection: in a transaction.
        table: where to.
        rows: any number.
        skip: leave out rows whose key is there already, instead of failing.
    """
    if not rows:
        return
    tail = " ON CONFLICT DO NOTHING" if skip else ""
    if connection.dialect.name == "postgresql":
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        connection.exec_driver_sql(_arrays(table, connection.dialect) + tail, columns)
        return
    for part in _powers_of_two(rows):
        values = tuple(chain.from_iterable(part))
        connection.exec_driver_sql(_values(table, connection.dialect, len(part)) + tail, values)


def execute(connection: Connection, statement: ClauseElement, *values: object) -> CursorResult[*tuple[Any, ...]]:
    """Execute a constant statement, compiled once; the values are in the order of its parameters."""
    return connection.exec_driver_sql(_text(statement, connection.dialect), values)


def among(
    connection: Connection, statement: str, keys: Sequence[bytes] | Sequence[str]
) -> CursorResult[*tuple[Any, ...]]:
    """Execute a statement that ends in the name of a column, for the rows where it is one of at most 256 keys."""
    if connection.dialect.name == "postgresql":
        return connection.exec_driver_sql(statement + " = ANY($1)", (list(keys),))
    padded = [*keys, *[keys[-1]] * (_power_of_two_from(len(keys)) - len(keys))]  # few texts, so the driver caches them
    return connection.exec_driver_sql(statement + " IN (?" + ", ?" * (len(padded) - 1) + ")", tuple(padded))


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
def _text(statement: ClauseElement, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))


@cache
def _values(table: Table, dialect: Dialect, count: int) -> str:
    row = ", (" + ", ".join("?" * len(table.columns)) + ")"
    return _head(table, dialect) + " VALUES" + (row * count)[1:]


@cache
def _arrays(table: Table, dialect: Dialect) -> str:
    types = (column.type.compile(dialect) for column in table.columns)
    return _head(table, dialect) + " SELECT " + ", ".join(f"unnest(${n}::{kind}[])" for n, kind in enumerate(types, 1))


def _head(table: Table, dialect: Dialect) -> str:
    return str(insert(table).compile(dialect=dialect)).partition(" VALUES")[0]
