"""Finding entries through the derived tables. For people and for start-up; a verifier never reads them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, and_, asc, desc, exists, or_, select, tuple_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from .entry import INDEXED, MANY, Entry
from .rows import MOST_ROWS, among
from .tables import audit_batch, audit_open, audit_search, audit_subject, log_entry, log_head
from .writing import microseconds, time_of

_FOUND = "SELECT entry_id, seq, body FROM log_entry WHERE entry_id"
PAGE = 50
END = 2**63 - 1
"""Beyond every place of a log."""
Columns = ReadOnlyColumnCollection[str, Column[Any]]
_QueryOf = Callable[..., Select[Any]]  # of a log and what is wanted; `sqlite`: for which database


@dataclass(frozen=True, slots=True)
class Found:
    """One line of a search result; `facts` holds the indexed facts that the entry has, `log_id` names the shard."""

    log_id: int
    seq: int
    entry_id: UUID
    at: datetime
    kind: str
    facts: dict[str, str]

    @property
    def place(self) -> tuple[int, int]:
        """What `Wanted.before` takes."""
        return self.log_id, self.seq


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to search for. All given conditions hold at once; a condition is an exact text.

    Attributes:
        facts: key of `INDEXED` -> text. Of `MANY`, a batch says several texts, and any of them will do.
        kind: kind of entry.
        subject_ref: entries that concern this person.
        since, until: claimed time, `until` excluded.
        before: only entries before this one: the `place` of the last line of the page before.
        after: only entries after this one, the nearest to it: the `place` of the first line of a page, to go back.
        limit: lines in a page.
    """

    facts: tuple[tuple[str, str], ...] = ()
    kind: str | None = None
    subject_ref: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[int, int] | None = None
    limit: int = PAGE
    after: tuple[int, int] | None = None

    @property
    def of_times(self) -> bool:
        """Whether a period is asked for: its lines come by claimed time, everything else by place in the log."""
        return self.since is not None or self.until is not None

    def order(self, found: Found) -> tuple[int, ...]:
        """Sorts lines as a page has them, oldest first."""
        at = (microseconds(found.at),) if self.of_times else ()
        return (found.log_id, *at, found.seq)


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry in its place."""

    seq: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An exchange that has an intent and no outcome."""

    exchange_id: str
    entry_id: UUID
    at: datetime


def search(connection: Connection, wanted: Wanted) -> list[Found]:
    """One page, newest first (`Wanted.order`). What batches have several of stands apart (`audit_batch`)."""
    names = {name for name, _ in wanted.facts}
    found = _paged(connection, wanted, _query, audit_search.c)
    if not names & set(MANY) or "exchange_id" in names or not _in_batches(connection, wanted):
        return found
    both = {each.place: each for each in (*found, *_paged(connection, wanted, _query_of_batches, audit_batch.c))}
    lines = sorted(both.values(), key=wanted.order, reverse=True)
    return lines[-wanted.limit :] if wanted.after else lines[: wanted.limit]


def _in_batches(connection: Connection, wanted: Wanted) -> bool:
    """Whether any batch says all of it: of one look into the index each, where a search takes a plan of its own."""
    line = audit_batch.c
    said = [each for each in wanted.facts if each[0] in MANY]
    looks = (select(line.seq).where(line.name == name, line.value == text).limit(1) for name, text in said)
    return all(connection.execute(look).first() is not None for look in looks)


def _paged(connection: Connection, wanted: Wanted, query_of: _QueryOf, columns: Columns) -> list[Found]:
    """Shard after shard, so that each question finds its index; `columns` has the place and time to page by."""
    found: list[Found] = []
    for log_id in connection.execute(_shards(wanted)).scalars().all():
        query = query_of(log_id, wanted, sqlite=connection.dialect.name == "sqlite")
        query = query.where(*_beyond(connection, columns, log_id, wanted))
        found += map(_found, connection.execute(query.limit(wanted.limit - len(found))))
        if len(found) >= wanted.limit:
            break
    return found[::-1] if wanted.after else found


def find(connection: Connection, entry_ids: Sequence[UUID]) -> list[Logged]:
    """The entries with these ids, oldest first; ids that are not in the log are left out."""
    rows: list[tuple[int, bytes]] = []
    for at in range(0, len(entry_ids), MOST_ROWS):
        keys = [each.bytes for each in entry_ids[at : at + MOST_ROWS]]
        rows += [(row[1], bytes(row[2])) for row in among(connection, _FOUND, keys)]
    return [Logged(seq, Entry.from_body(body)) for seq, body in sorted(rows)]


def open_intents(connection: Connection, before: datetime | None) -> list[OpenIntent]:
    """Exchanges without an outcome, oldest first; only those whose intent is older than `before`."""
    rows = select(audit_open).order_by(audit_open.c.ts)
    if before is not None:
        rows = rows.where(audit_open.c.ts < microseconds(before))
    return [
        OpenIntent(row.exchange_id, UUID(bytes=bytes(row.entry_id)), time_of(row.ts))
        for row in connection.execute(rows)
    ]


def _query(log_id: int, wanted: Wanted, *, sqlite: bool) -> Select[Any]:
    query = select(audit_search).where(*conditions(log_id, wanted))
    return _in_order(query, audit_search.c, log_id, wanted, sqlite=sqlite)


def _query_of_batches(log_id: int, wanted: Wanted, *, sqlite: bool) -> Select[Any]:
    """Those whose facts of `MANY` stand in `audit_batch`, in the order of its index."""
    table, line = audit_search.c, audit_batch.c
    (name, text), *more = [each for each in wanted.facts if each[0] in MANY]
    # + 0: else SQLite, without statistics, takes the log for the best way in, and reads all of it
    query = select(audit_search).join(audit_batch, (table.log_id == line.log_id + 0) & (table.seq == line.seq))
    query = query.where(line.name == name, line.value == text, *(_of_batch(*each) for each in more))
    others = tuple(each for each in wanted.facts if each[0] not in MANY)
    query = query.where(*conditions(log_id, replace(wanted, facts=others, since=None, until=None)))
    return _in_order(query.where(*_between(line, wanted)), line, log_id, wanted, sqlite=sqlite)


def _of_batch(name: str, text: str) -> ColumnElement[bool]:
    other = audit_batch.alias()
    place = (other.c.log_id == audit_search.c.log_id) & (other.c.seq == audit_search.c.seq)
    return exists().where(other.c.name == name, other.c.value == text, place)


def _in_order(query: Select[Any], table: Columns, log_id: int, wanted: Wanted, *, sqlite: bool) -> Select[Any]:
    order = asc if wanted.after else desc
    if wanted.of_times:
        return query.where(table.log_id == log_id).order_by(order(table.ts), order(table.seq))
    query = query.where(_placed(table, log_id, wanted, sqlite=sqlite))
    return query.order_by(order(table.log_id), order(table.seq))


def _placed(table: Columns, log_id: int, wanted: Wanted, *, sqlite: bool) -> ColumnElement[bool]:
    """That a line stands in this log, and beyond the last one of the page before; going back, before its first one.

    SQLite, without statistics, takes an equality for the best way in there is, and reads the whole log; and of two
    ranges it takes the one that does not know the page: one range of places, then. PostgreSQL guesses from the first
    column of a place how many there are, and walks through the log for what is rare: each column by itself, then.
    """
    first, last, here = -1, END, wanted.after or wanted.before
    if here and here[0] == log_id:
        first, last = (here[1], END) if wanted.after else (-1, here[1])
    if sqlite:
        place = tuple_(table.log_id, table.seq)
        return (place > tuple_(log_id, first)) & (place < tuple_(log_id, last))
    edges = ([table.seq > first] if first >= 0 else []) + ([table.seq < last] if last < END else [])
    return and_(table.log_id == log_id, *edges)


def _beyond(connection: Connection, table: Columns, log_id: int, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """Of a period: that a line comes after the last one of the page before; going back, before its first one."""
    place, lines = wanted.after or wanted.before, audit_search.c
    if place is None or place[0] != log_id or not wanted.of_times:
        return
    seq = place[1]
    at = connection.execute(select(lines.ts).where(lines.log_id == log_id, lines.seq == seq)).scalar()
    column, value = (table.log_id, log_id) if at is None else (table.ts, at)
    line, edge = tuple_(column, table.seq), tuple_(value, seq)
    yield line > edge if wanted.after else line < edge


def _shards(wanted: Wanted) -> Select[Any]:
    """The logs that may hold what is wanted, in the order in which they are looked through."""
    log_id = log_head.c.log_id
    if wanted.after:
        return select(log_id).where(log_id >= wanted.after[0]).order_by(log_id)
    logs = select(log_id).order_by(log_id.desc())
    return logs.where(log_id <= wanted.before[0]) if wanted.before else logs


def conditions(log_id: int, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """What a search demands of a line of `audit_search` of one shard, but for its page.

    Only of one exchange by its id, this includes what a batch says in `audit_batch`.
    """
    table = audit_search.c
    one = any(key == "exchange_id" for key, _ in wanted.facts)
    for key, text in wanted.facts:
        yield or_(table[key] == text, _of_batch(key, text)) if one and key in MANY else table[key] == text
    if wanted.kind is not None:
        yield table.kind == wanted.kind
    if wanted.subject_ref is not None:
        concerned = select(log_entry.c.seq).join(audit_subject, audit_subject.c.entry_id == log_entry.c.entry_id)
        concerned = concerned.where(audit_subject.c.subject_ref == wanted.subject_ref)
        yield table.seq.in_(concerned.where(log_entry.c.log_id + 0 == log_id))  # not by the log: that is all of it
    yield from _between(table, wanted)


def _between(table: Columns, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield table.ts >= microseconds(wanted.since)
    if wanted.until is not None:
        yield table.ts < microseconds(wanted.until)


def _found(row: Row[Any]) -> Found:
    facts = {key: text for key in INDEXED if (text := getattr(row, key)) is not None}
    return Found(row.log_id, row.seq, UUID(bytes=bytes(row.entry_id)), time_of(row.ts), row.kind, facts)
