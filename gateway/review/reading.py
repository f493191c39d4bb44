"""Walking over what was logged in a period, in pages, without keeping it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from audit import Entry
from audit.tables import SAME_PLACE, audit_search, log_entry, log_head
from audit.writing import microseconds

PAGE = 5_000


def entries_between(
    connection: Connection, since: datetime, until: datetime, *kinds: str, without: tuple[str, ...] = ()
) -> Iterator[Entry]:
    """The entries of a period (claimed time, `until` excluded), oldest first.

    Args:
        kinds: only of these kinds; none: of every kind.
        without: of every kind but these.
    """
    table = audit_search.c
    query = select(table.seq, log_entry.c.body).join(log_entry, SAME_PLACE)
    query = query.where(table.ts >= microseconds(since), table.ts < microseconds(until))
    query = query.where(table.kind.in_(kinds)) if kinds else query.where(~table.kind.in_(without)) if without else query
    for log_id in connection.execute(select(log_head.c.log_id).order_by(log_head.c.log_id)).scalars().all():
        yield from _of_one_log(connection, query.where(table.log_id == log_id).order_by(table.seq).limit(PAGE))


def _of_one_log(connection: Connection, query: Select[Any]) -> Iterator[Entry]:
    last = -1
    while page := connection.execute(query.where(audit_search.c.seq > last)).all():
        yield from (Entry.from_body(bytes(row.body)) for row in page)
        last = page[-1].seq
