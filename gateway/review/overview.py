"""How many exchanges ended how, with whom and for what, day by day: counted once, then only what is new.

A batch is one exchange. The first look of a process walks over the days wanted; each later one over the entries since.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from threading import Lock
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from audit import Log
from audit.entry import OUTCOME
from audit.tables import audit_search, log_checkpoint, log_head
from audit.writing import microseconds, time_of

from ..db import Database
from . import tables

LONGEST = 90
A_DAY_US = 24 * 3600 * 1_000_000
LATE = 10_000
"""So many entries before the first one of a day are looked at too: claimed times are not quite in order."""


class Kind(NamedTuple):
    """What is counted apart."""

    outcome: str
    provider: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts of a period: by outcome, by source, by purpose (most first), and by day (oldest first, gaps are 0)."""

    outcomes: Sequence[tuple[str, int]]
    providers: Sequence[tuple[str, int]]
    purposes: Sequence[tuple[str, int]]
    days: Sequence[tuple[date, int]]


@dataclass(frozen=True, slots=True)
class LogHealth:
    """Size of the open shard, its newest checkpoint, open findings and exchanges without an end."""

    origin: str
    size: int
    signed_size: int
    signed_at: datetime | None
    open_findings: int
    open_intents: int


@dataclass(slots=True)
class Counting:
    """One for the life of a process. `_ends`: shard -> the first place not counted yet."""

    _days: dict[date, Counter[Kind]] = field(default_factory=lambda: defaultdict(Counter))
    _ends: dict[int, int] = field(default_factory=dict)
    _since: date = date.max
    _lock: Lock = field(default_factory=Lock)

    def over(self, connection: Connection, today: date, days: int) -> Overview:
        """The last `days` days, today included (1 to 90)."""
        first = today - timedelta(days=min(max(days, 1), LONGEST) - 1)
        with self._lock:  # the database is read in threads, and an entry counts once
            return self._over(connection, first, today)

    def _over(self, connection: Connection, first: date, today: date) -> Overview:
        if first < self._since:
            self._days.clear()
            self._ends.clear()
            self._since = first
        self._count(connection)
        for day in [day for day in self._days if day <= today - timedelta(days=LONGEST)]:
            del self._days[day]
        return _summed({day: kinds for day, kinds in self._days.items() if day >= first}, first, today)

    def _count(self, connection: Connection) -> None:
        begin = microseconds(datetime.combine(self._since, time(), UTC))
        for log_id, size in connection.execute(select(log_head.c.log_id, log_head.c.size)).all():
            start = self._ends.get(log_id)
            start = max(_first_since(connection, log_id, size, begin) - LATE, 0) if start is None else start
            if start < size:
                self._add(connection, log_id, start, size, begin)
            self._ends[log_id] = size

    def _add(self, connection: Connection, log_id: int, start: int, size: int, begin: int) -> None:
        table = audit_search.c
        day = (table.ts // A_DAY_US).label("day")
        query = select(day, table.outcome, table.provider, table.purpose, func.count().label("n"))
        query = query.where(table.log_id == log_id, table.seq >= start, table.seq < size, table.ts >= begin)
        query = query.where(table.kind == OUTCOME).group_by("day", table.outcome, table.provider, table.purpose)
        for row in connection.execute(query):
            at = date(1970, 1, 1) + timedelta(days=int(row.day))
            self._days[at][Kind(row.outcome or "", row.provider or "", row.purpose or "")] += row.n


def _first_since(connection: Connection, log_id: int, size: int, begin: int) -> int:
    """About where the first entry with this claimed time stands: by halving, for there is no index on times."""
    table, low, high = audit_search.c, 0, size
    while low < high:
        middle = (low + high) // 2
        query = select(table.ts).where(table.log_id == log_id, table.seq >= middle).order_by(table.seq).limit(1)
        at = connection.execute(query).scalar()
        if at is not None and at < begin:
            low = middle + 1
        else:
            high = middle
    return low


def _summed(days: Mapping[date, Counter[Kind]], first: date, today: date) -> Overview:
    by: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
    for kinds in days.values():
        for kind, count in kinds.items():
            for counter, value in zip(by, kind, strict=True):
                counter[value] += count
    outcomes, providers, purposes = (tuple(counter.most_common()) for counter in by)
    span = [first + timedelta(days=n) for n in range((today - first).days + 1)]
    return Overview(outcomes, providers, purposes, [(day, sum(days.get(day, Counter()).values())) for day in span])


async def health(db: Database, log: Log) -> LogHealth:
    """How the log is, as far as this database knows."""
    size = await log.size()
    newest = select(log_checkpoint.c.size, log_checkpoint.c.created)
    newest = newest.order_by(log_checkpoint.c.log_id.desc(), log_checkpoint.c.size.desc()).limit(1)
    open_findings = select(func.count()).where(tables.finding.c.state != "signed_off")
    async with db.read() as connection:
        signed = (await connection.execute(newest)).first()
        findings = (await connection.execute(open_findings)).scalar_one()
    intents = len(await log.open_intents(None))
    at = time_of(signed.created) if signed else None
    return LogHealth(log.origin, size, signed.size if signed else 0, at, findings, intents)
