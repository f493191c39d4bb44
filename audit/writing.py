"""The one transaction that appends: lock the head, look up known ids, hash, insert, move the head.

A script without a commit: the caller owns the transaction. Only hashing and SQL happen here, because the head row is
locked. Everything that could be refused was refused before (`Entry.body`).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Dialect, bindparam, func, select, update

from .entry import INDEXED, INTENT, OUTCOME, Entry, of_many
from .errors import EntryConflict, LogUnavailable
from .merkle import CompactRange, leaf_hash
from .rows import Script, Statement, at_once, at_once_if, compiled, insert_rows, inserting, played_over, where_among
from .tables import audit_batch, audit_open, audit_search, audit_subject, log_entry, log_head, log_key, log_node

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_THIS = log_head.c.log_id == bindparam("this")
_HEAD = (log_head.c.size, log_head.c.compact_range)
_LOCK = select(*_HEAD).where(_THIS).with_for_update()
_TOUCH = update(log_head).where(_THIS).values(size=log_head.c.size).returning(*_HEAD)
"""On SQLite an update takes the write lock, whatever way the caller's transaction began."""
_MOVE = update(log_head).where(_THIS).values(size=bindparam("size"), compact_range=bindparam("compact_range"))
_MOVE_ON = _MOVE.where(
    log_head.c.size == bindparam("left_size"), log_head.c.compact_range == bindparam("left_range")
).returning(log_head.c.log_id)
_KNOWN = (
    "SELECT entry_id, seq, body, log_id, (SELECT origin FROM log_head WHERE log_head.log_id = log_entry.log_id) "
    "FROM log_entry WHERE entry_id"
)
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


class Elsewhere(NamedTuple):
    """The entry stands in a shard that is closed by now: its origin, and the place there."""

    origin: str
    seq: int


Place = int | Elsewhere | Conflict


class Appended(NamedTuple):
    """Where the entries of a batch stand, and the log's head before and after them."""

    places: list[Place]
    before: CompactRange
    after: CompactRange


def locked_head(connection: Connection, log_id: int) -> CompactRange:
    """The head, locked until the transaction ends.

    Raises:
        LogUnavailable: there is no such log.
    """
    return played_over(connection, _locked_head(connection.dialect, log_id))


def appended(connection: Connection, log_id: int, batch: Sequence[Pending]) -> list[Place]:
    """`appending`, in the transaction of a connection."""
    return played_over(connection, appending(connection.dialect, log_id, batch))


def appending(dialect: Dialect, log_id: int, batch: Sequence[Pending]) -> Script[list[Place]]:
    """Append what is not there yet; the place of every entry of the batch, in its order.

    Args:
        dialect: of the database whose transaction the caller began; committing makes the places valid.
        log_id: the log's row in `log_head`.
        batch: at most 256 entries.

    Raises:
        LogUnavailable: the head row is missing.
    """
    return (yield from appending_from_head(dialect, log_id, batch)).places


def appending_from_head(dialect: Dialect, log_id: int, batch: Sequence[Pending]) -> Script[Appended]:
    """`appending`, with the heads that it found and left."""
    head = after = yield from _locked_head(dialect, log_id)
    rows = yield where_among(dialect, _KNOWN, [pending.key for pending in batch])
    known: dict[bytes, tuple[int | Elsewhere, bytes]] = {
        bytes(key): (int(seq) if owner == log_id else Elsewhere(origin, int(seq)), bytes(body))
        for key, seq, body, owner, origin in rows
    }
    fresh: list[Pending] = []
    places: list[Place] = []
    for pending in batch:
        place = known.get(pending.key)
        if place is None:
            place = known[pending.key] = (head.size + len(fresh), pending.body)
            fresh.append(pending)
        places.append(place[0] if _same(place[1], pending.body) else Conflict())
    if fresh:
        after, inserts = _inserting(dialect, log_id, head, fresh)
        move = compiled(_MOVE, dialect), (after.size, after.to_bytes(), log_id)
        changes = at_once(dialect, [*inserts, move])
        yield from (each for each in changes)  # unlike a list, a generator may be sent rows
    return Appended(places, head, after)


def in_one_statement(
    dialect: Dialect, log_id: int, head: CompactRange, batch: Sequence[Pending]
) -> tuple[Statement, Appended]:
    """The same as one statement of PostgreSQL, for a caller that believes to know the head; and its result if so.

    It returns a row if the head was this one. If it was not, nothing was done and no row comes; if an id of the batch
    is in the log already, the database refuses. Either way `appending_from_head` finds out what to do.
    """
    after, inserts = _inserting(dialect, log_id, head, batch)
    move = (after.size, after.to_bytes(), log_id, head.size, head.to_bytes())
    statement = at_once_if((compiled(_MOVE_ON, dialect), move), inserts)
    return statement, Appended([*range(head.size, after.size)], head, after)


def _locked_head(dialect: Dialect, log_id: int) -> Script[CompactRange]:
    rows = yield compiled(_TOUCH if dialect.name == "sqlite" else _LOCK, dialect), (log_id,)
    if not rows:
        raise LogUnavailable("the log's head row is missing; run fsck, and restore the database")
    size, compact_range = rows[0]
    return CompactRange.from_bytes(size, compact_range)


def _same(stored: bytes, offered: bytes) -> bool:
    """A retry builds its entry anew, so its nonce may differ; nothing else may."""
    return stored == offered or _without_nonce(stored) == _without_nonce(offered)


def _without_nonce(body: bytes) -> object:
    return json.loads(body) | {"nonce": None}


def _inserting(
    dialect: Dialect, log_id: int, head: CompactRange, fresh: Sequence[Pending]
) -> tuple[CompactRange, list[Statement]]:
    """The head after these entries, and their rows in every other table."""
    leaves = [leaf_hash(pending.body) for pending in fresh]
    grown, nodes = head.extended(leaves)
    entries = [
        (log_id, seq, pending.key, leaf, pending.body)
        for seq, (pending, leaf) in enumerate(zip(fresh, leaves, strict=True), head.size)
    ]
    subjects = {(ref, pending.key) for pending in fresh for ref in pending.entry.subject_refs}
    return grown, [
        *inserting(dialect, log_entry, entries),
        *inserting(dialect, log_node, [(log_id, *node) for node in nodes]),
        *indexing(dialect, log_id, head.size, fresh),
        *inserting(dialect, audit_subject, sorted(subjects)),
    ]


def indexing(dialect: Dialect, log_id: int, first: int, fresh: Sequence[Pending]) -> Iterator[Statement]:
    """The lines of the derived tables for entries that stand in a row from `first`."""
    rows, many, opened, closed = [], [], [], []
    for seq, (entry, _body, key) in enumerate(fresh, first):
        at = microseconds(entry.at)
        rows.append((log_id, seq, key, at, entry.kind, *map(entry.facts.get, INDEXED)))
        if entry.kind == INTENT:
            opened.append((exchange_of(entry), key, at))
        elif entry.kind == OUTCOME:
            closed.append(exchange_of(entry))
            many += [(*each, log_id, seq, at) for each in of_many(entry.facts)]
    yield from inserting(dialect, audit_search, rows)
    yield from inserting(dialect, audit_batch, many)
    still_open = [row for row in opened if row[0] not in closed]  # the two statements do not see one another
    yield from inserting(dialect, audit_open, still_open, skip=True)
    if closed:
        yield where_among(dialect, _CLOSED, closed)


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


def exchange_of(entry: Entry) -> str:
    """Of an intent or an outcome. Intents without an exchange id open an exchange named like themselves."""
    return str(entry.facts.get("exchange_id") or entry.id)
