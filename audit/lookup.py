"""Finding entries through the derived tables. For people and for start-up; a verifier never reads them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, asc, desc, select, tuple_

from .entry import INDEXED, Entry
from .rows import MOST_ROWS, among
from .tables import audit_open, audit_search, audit_subject, log_entry, log_head
from .writing import microseconds, time_of

_FOUND = "SELECT entry_id, seq, body FROM log_entry WHERE entry_id"
PAGE = 50


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
        facts: key of `INDEXED` -> text.
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
    """One page, newest first (`Wanted.order`): shard after shard, so that each question finds its index."""
    found: list[Found] = []
    for log_id in connection.execute(_shards(wanted)).scalars().all():
        query = _query(log_id, wanted).where(*_beyond(connection, log_id, wanted))
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


def _query(log_id: int, wanted: Wanted) -> Select[Any]:
    table = audit_search.c
    query = select(audit_search).where(*conditions(log_id, wanted))
    order = asc if wanted.after else desc
    if wanted.of_times:
        return query.where(table.log_id == log_id).order_by(order(table.ts), order(table.seq))
    # a range: SQLite, without statistics, takes an equality for the best way in there is, and reads the whole log
    return query.where(table.log_id.between(log_id, log_id)).order_by(order(table.log_id), order(table.seq))


def _beyond(connection: Connection, log_id: int, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """That a line comes after the last one of the page before; going back, before its first one."""
    table, place = audit_search.c, wanted.after or wanted.before
    if place is None or place[0] != log_id:
        return
    seq = place[1]
    last = select(table.ts).where(table.log_id == log_id, table.seq == seq)
    at = connection.execute(last).scalar() if wanted.of_times else None
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
    """What a search demands of a line of `audit_search` of one shard, but for its page."""
    table = audit_search.c
    for key, text in wanted.facts:
        yield table[key] == text
    if wanted.kind is not None:
        yield table.kind == wanted.kind
    if wanted.subject_ref is not None:
        concerned = select(log_entry.c.seq).join(audit_subject, audit_subject.c.entry_id == log_entry.c.entry_id)
        concerned = concerned.where(audit_subject.c.subject_ref == wanted.subject_ref)
        yield table.seq.in_(concerned.where(log_entry.c.log_id + 0 == log_id))  # not by the log: that is all of it
    if wanted.since is not None:
        yield table.ts >= microseconds(wanted.since)
    if wanted.until is not None:
        yield table.ts < microseconds(wanted.until)


def _found(row: Row[Any]) -> Found:
    facts = {key: text for key in INDEXED if (text := getattr(row, key)) is not None}
    return Found(row.log_id, row.seq, UUID(bytes=bytes(row.entry_id)), time_of(row.ts), row.kind, facts)
