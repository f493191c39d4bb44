"""fsck's view of a log in a database: reads the evidence tables, and `audit_search` only for a hint."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Cast, Column, Connection, LargeBinary, cast, func, select

from .errors import SourceUnreadable
from .merkle import CompactRange
from .sources import Row
from .tables import audit_search, log_checkpoint, log_entry, log_head, log_key, log_node
from .tiles import WIDTH

PAGE = 4_096


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
        sizes = select(func.coalesce(func.max(log_checkpoint.c.size), 0)).where(log_checkpoint.c.log_id == log_id)
        self._signed = int(connection.execute(sizes).scalar_one())  # before the head, which is never behind it
        heads = select(log_head.c.size, log_head.c.compact_range).where(log_head.c.log_id == log_id)
        row = connection.execute(heads).one()
        self._head = CompactRange(row.size, tuple(_split(bytes(row.compact_range))))

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

    def rows(self, size: int) -> Iterator[Row]:
        """See `Source`."""
        seq, table = -1, log_entry.c
        query = select(table.seq, *map(_exactly, (table.body, table.leaf, table.entry_id)))
        query = query.where(table.log_id == self.log_id)
        query = query.where(table.seq < size).order_by(table.seq).limit(PAGE)
        while page := self._connection.execute(query.where(table.seq > seq)).all():
            yield from (Row(*row) for row in page)
            seq = page[-1][0]

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
        query = select(entry.seq).join(audit_search, (found.log_id == entry.log_id) & (found.seq == entry.seq))
        query = query.where(entry.log_id == self.log_id, entry.seq >= first, entry.seq < stop)
        return self._connection.execute(
            query.where(entry.entry_id != found.entry_id).order_by(entry.seq).limit(1)
        ).scalar()


def _exactly(column: Column[bytes]) -> Cast[bytes]:
    """The stored bytes: SQLite lets a tamperer put a text into a column of bytes."""
    return cast(column, LargeBinary)


def _split(packed: bytes) -> Iterator[bytes]:
    return (packed[at : at + 32] for at in range(0, len(packed), 32))
