"""The search tables held against the evidence they were derived from.

A verifier never reads them; people do, in every search, finding and statement. Who may write to the database and
takes out a line there hides an exchange from everybody who looks, though each of its bytes still verifies.
`audit_subject` cannot be held against anything: no entry says whom it is about.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from .databases import in_database
from .entry import INDEXED, INTENT, OUTCOME, of_many
from .fsck import Finding, Report
from .rows import MOST_ROWS
from .sources import Page
from .stored import StoredLog, logs_in
from .tables import audit_batch, audit_open, audit_search
from .writing import microseconds

MOST_FINDINGS = 20
"""Told one by one; whoever took out more is found by these."""

MEND = "`python -m audit rebuild` makes the search tables again"
HIDDEN = f"searches do not find it, for its line of the search table was taken out; {MEND}"
ANOTHER = f"searches find another thing than it says, for its line of the search table was changed; {MEND}"
OPEN = f"nobody is told that its exchange has no outcome: its line among the open ones was taken out; {MEND}"

_Said = tuple[Any, ...]
"""Of an entry: its id as 16 bytes, microseconds since 1970, its kind, its `INDEXED` facts, the exchange first, and what
the outcome of a batch says of many (`of_many`).
"""

_LINE = (audit_search.c.seq, audit_search.c.entry_id, audit_search.c.ts, audit_search.c.kind)
_LINES = select(*_LINE, *(audit_search.c[name] for name in INDEXED))


def with_search_tables(where: str, reports: Sequence[Report]) -> list[Report]:
    """The reports of `places.checked`, with what is wrong with the search tables where `where` is a database.

    Raises:
        SourceUnreadable: it cannot be read.
    """
    if where.startswith(("http://", "https://")) or Path(where).is_dir():
        return [*reports]
    found = asyncio.run(in_database(where, lambda connection: strayed(connection, logs_in(connection))))
    return [replace(each, findings=(*each.findings, *found.get(each.origin, ()))) for each in reports]


def strayed(connection: Connection, logs: Sequence[StoredLog]) -> dict[str, list[Finding]]:
    """Origin -> what is wrong with the search tables of that log. Entries that cannot be read are left to fsck."""
    opened: dict[str, tuple[str, int]] = {}  # exchange -> the log and place of its intent, while no outcome was met
    found: dict[str, list[Finding]] = {log.origin: [] for log in logs}
    for log in logs:
        for page in log.pages(0, log.size()):
            said = list(_said(page))
            _follow(opened, log.origin, said)
            found[log.origin] += _of_page(connection, log.log_id, page, said)
            if len(found[log.origin]) >= MOST_FINDINGS:
                return _fewer(found)
    for origin, seq in _unlisted(connection, opened):
        found[origin].append(Finding(OPEN, seq))
    return _fewer(found)


def _fewer(found: Mapping[str, list[Finding]]) -> dict[str, list[Finding]]:
    return {origin: each[:MOST_FINDINGS] for origin, each in found.items()}


def _said(page: Page) -> Iterator[tuple[int, _Said]]:
    """What the lines should say, by place; read by hand, for a log has millions of entries."""
    for seq, body in enumerate(page.bodies, page.first):
        try:
            read = json.loads(body.decode())
            key = bytes.fromhex(read["id"].replace("-", ""))
            at = microseconds(datetime.fromisoformat(read["at"]))
            many = [(*each, at) for each in of_many(read["facts"])] if read["kind"] == OUTCOME else []
            yield seq, (key, at, read["kind"], *map(read["facts"].get, INDEXED), many)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue


def _follow(opened: dict[str, tuple[str, int]], origin: str, entries: Sequence[tuple[int, _Said]]) -> None:
    for seq, (key, _, kind, exchange, *_) in entries:
        if kind == INTENT:
            opened[exchange or str(UUID(bytes=key))] = origin, seq
        elif kind == OUTCOME:
            opened.pop(exchange or str(UUID(bytes=key)), None)


def _of_page(
    connection: Connection, log_id: int, page: Page, entries: Sequence[tuple[int, _Said]]
) -> Iterator[Finding]:
    table, stop = audit_search.c, page.first + len(page.bodies)
    query = _LINES.where(table.log_id == log_id, table.seq >= page.first, table.seq < stop)
    many = _of_batches(connection, log_id, page.first, stop)
    lines = {seq: (bytes(key), *line, sorted(many[seq])) for seq, key, *line in connection.execute(query)}
    for seq, said in entries:
        if seq not in lines:
            yield Finding(HIDDEN, seq)
        elif lines[seq] != said:
            yield Finding(ANOTHER, seq)


def _of_batches(connection: Connection, log_id: int, first: int, stop: int) -> Mapping[int, list[tuple[str, str, int]]]:
    table, found = audit_batch.c, defaultdict[int, list[tuple[str, str, int]]](list)
    query = select(table.seq, table.name, table.value, table.ts)
    for seq, name, value, at in connection.execute(
        query.where(table.log_id == log_id, table.seq.between(first, stop - 1))
    ):
        found[seq].append((name, value, at))
    return found


def _unlisted(connection: Connection, opened: dict[str, tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """The open exchanges that are not listed as such, and were not closed while we looked."""
    exchanges, table = sorted(opened), audit_search.c
    for at in range(0, len(exchanges), MOST_ROWS):
        some = exchanges[at : at + MOST_ROWS]
        listed = select(audit_open.c.exchange_id).where(audit_open.c.exchange_id.in_(some))
        known = set(connection.execute(listed).scalars())
        ended = select(table.exchange_id).where(table.kind == OUTCOME, table.exchange_id.in_(some))
        known |= set(connection.execute(ended).scalars())
        yield from (opened[each] for each in some if each not in known)
