"""Reading the log out of its tables: tiles, bundles, nodes, proofs. Synchronous; only committed rows are served."""

from sqlalchemy import BindParameter, Connection, bindparam, select

from .errors import NotInLog
from .merkle import CompactRange, consistency_proof, inclusion_proof
from .rows import plain_rows
from .tables import log_checkpoint, log_entry, log_head, log_node
from .tiles import LEVELS, WIDTH, Place, Rows, TileTree, bundle

TILES_KEPT = 64
"""The upper tiles and those at the right edge are in every proof, so each connection remembers some: 16 KiB each."""

_THIS: BindParameter[int] = bindparam("this")
_FIRST: BindParameter[int] = bindparam("first")
_BEYOND: BindParameter[int] = bindparam("beyond")
_LEAVES = (
    select(log_entry.c.leaf)
    .where(log_entry.c.log_id == _THIS, log_entry.c.seq >= _FIRST, log_entry.c.seq < _BEYOND)
    .order_by(log_entry.c.seq)
)
_NODES = (
    select(log_node.c.hash)
    .where(log_node.c.log_id == _THIS, log_node.c.level == bindparam("tile_level"))
    .where(log_node.c.n >= _FIRST, log_node.c.n < _BEYOND)
    .order_by(log_node.c.n)
)


def head(connection: Connection, log_id: int) -> CompactRange:
    """The committed head, not locked.

    Raises:
        NotInLog: there is no such log.
    """
    row = connection.execute(
        select(log_head.c.size, log_head.c.compact_range).where(log_head.c.log_id == log_id)
    ).first()
    if row is None:
        raise NotInLog("the log's head row is missing; restore the database")
    return CompactRange.from_bytes(row.size, bytes(row.compact_range))


def tile(connection: Connection, log_id: int, level: int, n: int, width: int) -> bytes:
    """The first `width` hashes of a tile.

    Raises:
        NotInLog: the log is not that long yet.
    """
    if not 0 <= level < LEVELS:
        raise NotInLog(f"tiles have levels 0 to {LEVELS - 1}")
    first = n * WIDTH
    if level:
        rows = plain_rows(connection, _NODES, log_id, level, first, first + width)
    else:
        rows = plain_rows(connection, _LEAVES, log_id, first, first + width)
    return b"".join(_complete([row[0] for row in rows], width))


def entries(connection: Connection, log_id: int, n: int, width: int) -> bytes:
    """The first `width` entries of a bundle.

    Raises:
        NotInLog: the log is not that long yet.
    """
    place = log_entry.c.seq
    rows = select(log_entry.c.body).where(log_entry.c.log_id == log_id)
    rows = rows.where(place >= n * WIDTH, place < n * WIDTH + width).order_by(place)
    return bundle(_complete([bytes(row[0]) for row in connection.execute(rows)], width))


def inclusion(connection: Connection, log_id: int, index: int, size: int) -> list[bytes]:
    """The inclusion proof of an entry in the tree of this size."""
    return inclusion_proof(index, size, _tree(connection, log_id, size).subtree)


def consistency(connection: Connection, log_id: int, old: int, new: int) -> list[bytes]:
    """The proof that the tree of size `old` is a prefix of the one of size `new`."""
    return consistency_proof(old, new, _tree(connection, log_id, new).subtree)


def checkpoint(connection: Connection, log_id: int, size: int) -> bytes | None:
    """The stored note of this size."""
    rows = select(log_checkpoint.c.note).where(log_checkpoint.c.log_id == log_id, log_checkpoint.c.size == size)
    note = connection.execute(rows).scalar()
    return bytes(note) if note is not None else None


def latest_checkpoint(connection: Connection, log_id: int) -> bytes | None:
    """The stored note of the greatest size."""
    rows = select(log_checkpoint.c.note).where(log_checkpoint.c.log_id == log_id)
    note = connection.execute(rows.order_by(log_checkpoint.c.size.desc()).limit(1)).scalar()
    return bytes(note) if note is not None else None


def _tree(connection: Connection, log_id: int, size: int) -> TileTree:
    kept: dict[Place, Rows] = connection.info.setdefault(f"audit.tiles.{log_id}", {})
    while len(kept) > TILES_KEPT:
        del kept[next(iter(kept))]  # the one that was not needed for longest
    return TileTree(size, lambda level, n, width: tile(connection, log_id, level, n, width), kept)


def _complete(found: list[bytes], width: int) -> list[bytes]:
    if not found or len(found) != width:
        raise NotInLog("the log is not that long")
    return found
