"""The registry's own database: one SQLite file that the server and the steps share.

Write-ahead log, a busy timeout, short transactions: a step that is killed leaves whole rows or none. Every step
looks here for what is done already, so any step may be run again at any time.

The view `ended` holds who is eligible no more since the list date, and why, a death before all else: civil registration
tells deaths, household visits jobs and withdrawals. Who moved, or left employment support, may be eligible still.
The view `standing` holds what employment support said last about who was pushed, as `progress.standing` reads it:
`silent` where it said nothing, and no line for the dead of whom it had said something.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

Row = sqlite3.Row

SCHEMA = """
CREATE TABLE IF NOT EXISTS member (
    id TEXT PRIMARY KEY, household TEXT NOT NULL, number TEXT NOT NULL, district TEXT NOT NULL,
    employment_status INTEGER NOT NULL, record TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS member_number ON member (number);
CREATE TABLE IF NOT EXISTS consent (
    id TEXT PRIMARY KEY, member TEXT NOT NULL, place INTEGER NOT NULL, line TEXT NOT NULL,
    recorded INTEGER NOT NULL DEFAULT 0, UNIQUE (member, place));
CREATE TABLE IF NOT EXISTS subscription (
    provider TEXT NOT NULL, event_type TEXT NOT NULL, code TEXT NOT NULL, PRIMARY KEY (provider, event_type));
CREATE TABLE IF NOT EXISTS confirmation (code TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS flagged (member TEXT PRIMARY KEY, duplicate INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batch (
    step TEXT NOT NULL, part INTEGER NOT NULL, state TEXT NOT NULL, batch_id TEXT NOT NULL DEFAULT '',
    exchange_id TEXT NOT NULL DEFAULT '', PRIMARY KEY (step, part));
CREATE TABLE IF NOT EXISTS ask (
    step TEXT NOT NULL, member TEXT NOT NULL, part INTEGER NOT NULL, line INTEGER NOT NULL,
    PRIMARY KEY (step, member), UNIQUE (step, part, line));
CREATE TABLE IF NOT EXISTS answer (
    step TEXT NOT NULL, member TEXT NOT NULL, service TEXT NOT NULL, exchange_id TEXT NOT NULL, outcome TEXT NOT NULL,
    content TEXT NOT NULL, complete INTEGER NOT NULL, as_of TEXT, code TEXT NOT NULL, PRIMARY KEY (step, member));
CREATE TABLE IF NOT EXISTS line (
    member TEXT PRIMARY KEY, outcome TEXT NOT NULL, reasons TEXT NOT NULL, verify TEXT NOT NULL,
    evidence TEXT NOT NULL, decision TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS review (
    id INTEGER PRIMARY KEY, member TEXT NOT NULL, action TEXT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL,
    at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS handover (
    member TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, day TEXT NOT NULL, state TEXT NOT NULL,
    delivery_id TEXT NOT NULL DEFAULT '', PRIMARY KEY (member, kind));
CREATE TABLE IF NOT EXISTS event (
    reference TEXT PRIMARY KEY, name TEXT NOT NULL, member TEXT, state TEXT NOT NULL, day TEXT NOT NULL,
    record TEXT NOT NULL, received TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS event_member ON event (member);
CREATE TABLE IF NOT EXISTS compliance (
    member TEXT PRIMARY KEY, exchange_id TEXT NOT NULL, finding TEXT NOT NULL, language TEXT NOT NULL,
    notice TEXT NOT NULL, decision TEXT NOT NULL, by TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS download (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, by TEXT NOT NULL, filters TEXT NOT NULL, lines INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS event_death ON event (member) WHERE name = 'vital-event' AND state = 'death';
CREATE VIEW IF NOT EXISTS ended AS
    SELECT member, min(why) AS why FROM (
        SELECT member, 'died' AS why FROM event WHERE name = 'vital-event' AND state = 'death'
        UNION ALL SELECT member, kind FROM handover WHERE kind IN ('job_found', 'withdrew'))
    WHERE member IS NOT NULL GROUP BY member;
CREATE VIEW IF NOT EXISTS standing AS
    SELECT member, state FROM (SELECT handover.member, coalesce((
        SELECT event.state FROM event WHERE event.member = handover.member AND name = 'enrolment'
        ORDER BY day DESC, instr('accepted not_reached declined enrolled confirmed rejected', event.state) DESC LIMIT 1
        ), 'silent') AS state FROM handover WHERE kind = 'referral' AND handover.state = 'sent') AS said
    WHERE state = 'silent' OR NOT EXISTS (SELECT 1 FROM event AS death
        WHERE death.member = said.member AND name = 'vital-event' AND death.state = 'death');
CREATE TABLE IF NOT EXISTS control (report TEXT NOT NULL, signed TEXT NOT NULL);
"""


class Store:
    """One connection; open one per process or thread."""

    def __init__(self, folder: Path) -> None:
        path = folder / "registry.db"
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is durable afterwards, or nothing of it happened."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def rows(self, query: str, *values: object) -> list[Row]:
        """All rows of a query."""
        return self._connection.execute(query, values).fetchall()

    def named_rows(self, query: str, values: Mapping[str, object]) -> list[Row]:
        """All rows of a query whose values have names."""
        return self._connection.execute(query, values).fetchall()

    def count(self, query: str, *values: object) -> int:
        """The one number that a query gives."""
        return int(self._connection.execute(query, values).fetchone()[0])

    def counts(self, query: str, *values: object) -> dict[str, int]:
        """`word -> number` of a query with two columns."""
        return {str(word): int(number) for word, number in self._connection.execute(query, values)}

    def put(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for many rows in one transaction."""
        with self.change() as connection:
            connection.executemany(statement, rows)


def packed(value: object) -> str:
    """JSON text for a column."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def unpacked(text: str) -> Any:
    """What `packed` packed."""
    return json.loads(text)
