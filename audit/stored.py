"""fsck's view of a log in a database: reads the evidence tables, and `audit_search` only for a hint."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Cast, Column, Connection, LargeBinary, bindparam, cast, func, select

from .entry import Entry
from .errors import EntryInvalid, SourceUnreadable
from .merkle import CompactRange
from .rows import plain_rows
from .shards import CLOSED, OPENED
from .sources import Page
from .tables import SAME_PLACE, audit_search, log_checkpoint, log_entry, log_head, log_key, log_node
from .tiles import WIDTH

PAGE = 2 * WIDTH
"""Entries read at once: few enough that they are still in the processor's cache when they are hashed."""


def _exactly(column: Column[bytes]) -> Cast[bytes]:
    """The stored bytes: SQLite lets a tamperer put a text into a column of bytes."""
    return cast(column, LargeBinary)


_PAGE = (
    select(log_entry.c.seq, *map(_exactly, (log_entry.c.body, log_entry.c.leaf, log_entry.c.entry_id)))
    .where(log_entry.c.log_id == bindparam("this"))
    .where(log_entry.c.seq >= bindparam("first"), log_entry.c.seq < bindparam("stop"))
    .order_by(log_entry.c.seq)
)


def logs_in(connection: Connection) -> list["StoredLog"]:
    """All logs of a database, oldest first.

    Raises:
        SourceUnreadable: it holds none.
    """
    ids = connection.execute(select(log_head.c.log_id).order_by(log_head.c.log_id)).scalars().all()
    if not ids:
        raise SourceUnreadable("this database holds no log; check its URL")
    return [StoredLog(connection, log_id) for log_id in ids]


class StoredLog:
    """One log of a database, read in pages while it may grow: what is committed later is not looked at."""

    def __init__(self, connection: Connection, log_id: int) -> None:
        self._connection = connection
        self.log_id = log_id
        self.origin = str(connection.execute(select(log_head.c.origin).where(log_head.c.log_id == log_id)).scalar_one())
        sizes = select(func.coalesce(func.max(log_checkpoint.c.size), 0)).where(log_checkpoint.c.log_id == log_id)
        self._signed = int(connection.execute(sizes).scalar_one())  # before the head, which is never behind it
        heads = select(log_head.c.size, log_head.c.compact_range).where(log_head.c.log_id == log_id)
        row = connection.execute(heads).one()
        self._head = CompactRange(row.size, tuple(_split(bytes(row.compact_range))))

    def begins_with(self) -> bytes | None:
        """The checkpoint of the shard before, which the first entry carries; None: nothing went before."""
        body = next((body for page in self.pages(0, 1) for body in page.bodies), b"")
        try:
            first = Entry.from_body(body)
        except EntryInvalid:
            return None  # fsck names it
        return str(first.facts.get("checkpoint", "")).encode() if first.kind == OPENED else None

    def goes_on_as(self) -> str | None:
        """The origin of the shard after, which the last entry names; None: this log is open."""
        size = self._head.size
        body = next((body for page in self.pages(size - 1, size) for body in page.bodies), b"") if size else b""
        try:
            last = Entry.from_body(body)
        except EntryInvalid:
            return None
        return str(last.facts.get("next", "")) if last.kind == CLOSED else None

    def vkeys(self) -> Sequence[str]:
        """See `Source`."""
        return self._connection.execute(select(log_key.c.vkey).where(log_key.c.log_id == self.log_id)).scalars().all()

    def size(self) -> int:
        """See `Source`."""
        return max(self._head.size, self._signed)

    def head(self) -> CompactRange | None:
        """See `Source`."""
        return self._head

    def notes(self) -> Iterator[bytes]:
        """See `Source`."""
        size, table = -1, log_checkpoint.c
        query = select(table.size, _exactly(table.note).label("note")).where(
            table.log_id == self.log_id, table.size <= self.size()
        )
        while page := self._connection.execute(query.where(table.size > size).order_by(table.size).limit(PAGE)).all():
            yield from (row.note for row in page)
            size = page[-1].size

    def pages(self, first: int, stop: int, /) -> Iterator[Page]:
        """See `Source`. In the driver's own words: what SQLAlchemy makes of a row costs more than checking it."""
        for at in range(first, stop, PAGE):
            rows = plain_rows(self._connection, _PAGE, self.log_id, at, min(at + PAGE, stop))
            whole = len(rows)
            if rows and rows[-1][0] != at + whole - 1:  # they are in order, so one of them is missing
                whole = next(n for n, row in enumerate(rows) if row[0] != at + n)
            if whole:
                _, bodies, leaves, ids = zip(*rows[:whole], strict=True)
                yield Page(at, bodies, leaves, ids)
            if whole < min(PAGE, stop - at):
                return

    def nodes(self, level: int, n: int, width: int) -> Sequence[bytes]:
        """See `Source`. A missing hash is an empty one."""
        table = log_node.c
        query = select(table.n, _exactly(table.hash).label("hash")).where(
            table.log_id == self.log_id, table.level == level
        )
        query = query.where(table.n >= n * WIDTH, table.n < n * WIDTH + width)
        found = {row.n: row.hash for row in self._connection.execute(query)}
        return [found.get(n * WIDTH + at, b"") for at in range(width)]

    def misplaced(self, first: int, stop: int, /) -> int | None:
        """See `Source`."""
        entry, found = log_entry.c, audit_search.c
        query = select(entry.seq).join(audit_search, SAME_PLACE)
        query = query.where(entry.log_id == self.log_id, entry.seq >= first, entry.seq < stop)
        return self._connection.execute(
            query.where(entry.entry_id != found.entry_id).order_by(entry.seq).limit(1)
        ).scalar()


def _split(packed: bytes) -> Iterator[bytes]:
    return (packed[at : at + 32] for at in range(0, len(packed), 32))
