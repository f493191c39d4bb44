"""Walking over what was logged in a period, in pages, without keeping it."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, select

from audit import Entry
from audit.tables import audit_search, log_entry
from audit.writing import microseconds

PAGE = 5_000
_SAME = (log_entry.c.log_id == audit_search.c.log_id) & (log_entry.c.seq == audit_search.c.seq)


def entries_between(
    connection: Connection, since: datetime, until: datetime, *kinds: str, without: tuple[str, ...] = ()
) -> Iterator[Entry]:
    """The entries of a period (claimed time, `until` excluded), oldest first.

    Args:
        kinds: only of these kinds; none: of every kind.
        without: of every kind but these.
    """
    table, last = audit_search.c, (-1, -1)
    query = select(table.log_id, table.seq, log_entry.c.body).join(log_entry, _SAME)
    query = query.where(table.ts >= microseconds(since), table.ts < microseconds(until))
    query = query.where(table.kind.in_(kinds)) if kinds else query.where(~table.kind.in_(without)) if without else query
    query = query.order_by(table.log_id, table.seq).limit(PAGE)
    while True:
        after = (table.log_id > last[0]) | ((table.log_id == last[0]) & (table.seq > last[1]))
        page = connection.execute(query.where(after)).all()
        yield from (Entry.from_body(bytes(row.body)) for row in page)
        if len(page) < PAGE:
            return
        last = (page[-1].log_id, page[-1].seq)
