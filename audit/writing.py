"""The one transaction that appends: lock the head, look up known ids, hash, insert, move the head.

Synchronous and without a commit: the caller owns the transaction. Only hashing and SQL happen here, because the
head row is locked. Everything that could be refused was refused before (`Entry.body`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from .entry import INDEXED, INTENT, OUTCOME, Entry
from .errors import EntryConflict, LogUnavailable
from .merkle import CompactRange, leaf_hash
from .rows import among, execute, insert_rows
from .tables import audit_open, audit_search, audit_subject, log_entry, log_head, log_key, log_node

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_THIS = log_head.c.log_id == bindparam("this")
_HEAD = (log_head.c.size, log_head.c.compact_range)
_LOCK = select(*_HEAD).where(_THIS).with_for_update()
_TOUCH = update(log_head).where(_THIS).values(size=log_head.c.size).returning(*_HEAD)
"""On SQLite an update takes the write lock, whatever way the caller's transaction began."""
_MOVE = update(log_head).where(_THIS).values(size=bindparam("size"), compact_range=bindparam("compact_range"))
_KNOWN = "SELECT entry_id, seq, body FROM log_entry WHERE entry_id"
_CLOSED = "DELETE FROM audit_open WHERE exchange_id"


class Pending(NamedTuple):
    """An entry and its bytes, which are computed once."""

    entry: Entry
    body: bytes
    key: bytes

    @classmethod
    def of(cls, entry: Entry) -> "Pending":
        """Compute them; raises what `Entry.body` raises."""
        return cls(entry, entry.body(), entry.id.bytes)


@dataclass(frozen=True, slots=True)
class Conflict:
    """The id is in the log with other content."""

    def error(self) -> EntryConflict:
        """What the caller gets to know."""
        return EntryConflict("an entry with this id and other content is in the log; give every entry its own id")


Place = int | Conflict


def locked_head(connection: Connection, log_id: int) -> CompactRange:
    """The head, locked until the transaction ends.

    Raises:
        LogUnavailable: there is no such log.
    """
    locking = _TOUCH if connection.dialect.name == "sqlite" else _LOCK
    row = execute(connection, locking, log_id).first()
    if row is None:
        raise LogUnavailable("the log's head row is missing; run fsck, and restore the database")
    return CompactRange.from_bytes(row.size, row.compact_range)


def appended(connection: Connection, log_id: int, batch: Sequence[Pending]) -> list[Place]:
    """Append what is not there yet; the place of every entry of the batch, in its order.

    Args:
        connection: in a transaction of the caller, which makes the places valid by committing.
        log_id: the log's row in `log_head`.
        batch: at most 256 entries.

    Raises:
        LogUnavailable: the head row is missing.
    """
    head = locked_head(connection, log_id)
    known = _known(connection, batch)
    fresh: list[Pending] = []
    places: list[Place] = []
    for pending in batch:
        place = known.get(pending.key)
        if place is None:
            place = known[pending.key] = (head.size + len(fresh), pending.body)
            fresh.append(pending)
        places.append(place[0] if _same(place[1], pending.body) else Conflict())
    if fresh:
        _insert(connection, log_id, head, fresh)
    return places


def _known(connection: Connection, batch: Sequence[Pending]) -> dict[bytes, tuple[int, bytes]]:
    rows = among(connection, _KNOWN, [pending.key for pending in batch])
    return {bytes(row[0]): (row[1], bytes(row[2])) for row in rows}


def _same(stored: bytes, offered: bytes) -> bool:
    """A retry builds its entry anew, so its nonce may differ; nothing else may."""
    return stored == offered or _without_nonce(stored) == _without_nonce(offered)


def _without_nonce(body: bytes) -> object:
    return json.loads(body) | {"nonce": None}


def _insert(connection: Connection, log_id: int, head: CompactRange, fresh: Sequence[Pending]) -> None:
    leaves = [leaf_hash(pending.body) for pending in fresh]
    grown, nodes = head.extended(leaves)
    entries = [
        (log_id, seq, pending.key, leaf, pending.body)
        for seq, (pending, leaf) in enumerate(zip(fresh, leaves, strict=True), head.size)
    ]
    insert_rows(connection, log_entry, entries)
    insert_rows(connection, log_node, [(log_id, *node) for node in nodes])
    _index(connection, log_id, head.size, fresh)
    subjects = {(ref, pending.key) for pending in fresh for ref in pending.entry.subject_refs}
    insert_rows(connection, audit_subject, sorted(subjects))
    execute(connection, _MOVE, grown.size, grown.to_bytes(), log_id)


def _index(connection: Connection, log_id: int, first: int, fresh: Sequence[Pending]) -> None:
    rows, opened, closed = [], [], []
    for seq, (entry, _body, key) in enumerate(fresh, first):
        at = microseconds(entry.at)
        rows.append((log_id, seq, key, at, entry.kind, *map(entry.facts.get, INDEXED)))
        if entry.kind == INTENT:
            opened.append((_exchange(entry), key, at))
        elif entry.kind == OUTCOME:
            closed.append(_exchange(entry))
    insert_rows(connection, audit_search, rows)
    insert_rows(connection, audit_open, opened, skip=True)
    if closed:
        among(connection, _CLOSED, closed)


def microseconds(at: datetime) -> int:
    """Microseconds since 1970: how the tables hold a time."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def time_of(value: int) -> datetime:
    """What `microseconds` took."""
    return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)


def first_use(connection: Connection, origin: str, vkey: str) -> int:
    """The log's id. The head row is made when the origin is new, and the key noted when it is."""
    log_id = _head_id(connection, origin)
    size = connection.execute(select(log_head.c.size).where(log_head.c.log_id == log_id)).scalar_one()
    insert_rows(connection, log_key, [(log_id, vkey, size)], skip=True)
    return log_id


def _head_id(connection: Connection, origin: str) -> int:
    query = select(log_head.c.log_id).where(log_head.c.origin == origin)
    found = connection.execute(query).scalar()
    if found is None:  # another process may be as quick: the first one makes the row
        new = connection.execute(select(func.coalesce(func.max(log_head.c.log_id), 0) + 1)).scalar_one()
        insert_rows(connection, log_head, [(new, origin, 0, b"")], skip=True)
        found = connection.execute(query).scalar_one()
    return int(found)


def _exchange(entry: Entry) -> str:
    """Intents without an exchange id open an exchange named like themselves."""
    return str(entry.facts.get("exchange_id") or entry.id)
