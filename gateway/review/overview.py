"""How many exchanges ended how, with whom and for what, day by day: counted once, then only what is new.

A batch is one exchange. The first look of a process walks over the days wanted; each later one over the entries since.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from threading import Lock
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log
from audit.entry import OUTCOME
from audit.tables import audit_search, log_anchor, log_checkpoint, log_cosignature, log_head
from audit.writing import microseconds, time_of

from ..db import Database
from . import tables

LONGEST = 90
A_DAY_US = 24 * 3600 * 1_000_000
NEVER = 2**62
LATE = 10_000
"""So many entries before the first one of a day are looked at too: claimed times are not quite in order."""


NEWEST = 50
"""So many of the newest signatures and stamps from outside are looked at: each witness signs each checkpoint."""


class Kind(NamedTuple):
    """What is counted apart."""

    outcome: str
    provider: str
    purpose: str


class Counted(NamedTuple):
    """How many of one outcome, source or purpose: altogether, and on each day of the period."""

    name: str
    exchanges: int
    days: Sequence[int]


class Outside(NamedTuple):
    """Who vouches for the log from outside: a witness, or a time-stamping authority; when, and for how many entries."""

    name: str
    at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts of a period: by outcome, by source, by purpose (most first), and by day (oldest first, gaps are 0).

    Days are those of the clocks that `Counting` goes by.
    """

    outcomes: Sequence[Counted]
    providers: Sequence[Counted]
    purposes: Sequence[Counted]
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
    witnesses: Sequence[Outside] = ()
    anchors: Sequence[Outside] = ()


@dataclass(slots=True)
class Counting:
    """One for the life of a process. `_ends`: shard -> the first place not counted yet."""

    zone: tzinfo = UTC
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
        midnight = datetime.combine(self._since, time(), self.zone).astimezone(UTC)
        begin, clocks = microseconds(midnight), list(_clocks(midnight, self.zone))
        for log_id, size in connection.execute(select(log_head.c.log_id, log_head.c.size)).all():
            start = self._ends.get(log_id)
            start = max(_first_since(connection, log_id, size, begin) - LATE, 0) if start is None else start
            if start < size:
                for since, until, offset in clocks:
                    self._add(connection, log_id, (start, size), (since, until), offset)
            self._ends[log_id] = size

    def _add(
        self, connection: Connection, log_id: int, places: tuple[int, int], period: tuple[int, int], offset: int
    ) -> None:
        table = audit_search.c
        day = ((table.ts + offset) // A_DAY_US).label("day")
        query = select(day, table.outcome, table.provider, table.purpose, func.count().label("n"))
        query = query.where(table.log_id == log_id, table.seq >= places[0], table.seq < places[1])
        claimed = table.ts + 0  # not by the index of times: it leads to all of the period, the places to what is new
        query = query.where(claimed >= period[0], claimed < period[1])
        query = query.where(table.kind == OUTCOME).group_by("day", table.outcome, table.provider, table.purpose)
        for row in connection.execute(query):
            at = date(1970, 1, 1) + timedelta(days=int(row.day))
            self._days[at][Kind(row.outcome or "", row.provider or "", row.purpose or "")] += row.n


def _clocks(begin: datetime, zone: tzinfo) -> Iterator[tuple[int, int, int]]:
    """Since when, until when and how far clocks are from UTC, in microseconds: several where they are changed."""
    at, day, hour = begin, timedelta(days=1), timedelta(hours=1)
    for _ in range(2 * LONGEST):
        offset = at.astimezone(zone).utcoffset()
        if (at + day).astimezone(zone).utcoffset() == offset:
            at += day
            continue
        at = next(at + n * hour for n in range(1, 25) if (at + n * hour).astimezone(zone).utcoffset() != offset)
        yield microseconds(begin), microseconds(at), _us(offset)
        begin = at
    yield microseconds(begin), NEVER, _us(at.astimezone(zone).utcoffset())


def _us(offset: timedelta | None) -> int:
    return (offset or timedelta()) // timedelta(microseconds=1)


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
    span = [first + timedelta(days=n) for n in range((today - first).days + 1)]
    by = [[Counter[str]() for _ in span] for _ in Kind._fields]
    for place, day in enumerate(span):
        for kind, count in days.get(day, Counter[Kind]()).items():
            for counters, value in zip(by, kind, strict=True):
                counters[place][value] += count
    outcomes, providers, purposes = map(_named, by)
    return Overview(outcomes, providers, purposes, [(day, sum(days.get(day, Counter()).values())) for day in span])


def _named(days: Sequence[Counter[str]]) -> Sequence[Counted]:
    total = sum(days, Counter[str]())
    return [Counted(name, count, [each[name] for each in days]) for name, count in total.most_common()]


async def health(db: Database, log: Log) -> LogHealth:
    """How the log is, as far as this database knows."""
    size = await log.size()
    newest = select(log_checkpoint.c.size, log_checkpoint.c.created)
    newest = newest.order_by(log_checkpoint.c.log_id.desc(), log_checkpoint.c.size.desc()).limit(1)
    open_findings = select(func.count()).where(tables.finding.c.state != "signed_off")
    async with db.read() as connection:
        signed = (await connection.execute(newest)).first()
        findings = (await connection.execute(open_findings)).scalar_one()
        witnesses, anchors = await _witnesses(connection), await _anchors(connection)
    intents = len(await log.open_intents(None))
    at = time_of(signed.created) if signed else None
    return LogHealth(log.origin, size, signed.size if signed else 0, at, findings, intents, witnesses, anchors)


async def _witnesses(connection: AsyncConnection) -> Sequence[Outside]:
    table = log_cosignature.c
    query = select(table.name, table.at, table.size).order_by(table.log_id.desc(), table.size.desc()).limit(NEWEST)
    return _newest((await connection.execute(query)).all())


async def _anchors(connection: AsyncConnection) -> Sequence[Outside]:
    table = log_anchor.c
    query = select(table.tsa, table.gen_time, table.size).where(table.gen_time.is_not(None))
    query = query.order_by(table.log_id.desc(), table.size.desc()).limit(NEWEST)
    return _newest((await connection.execute(query)).all())


def _newest(rows: Iterable[Row[Any, Any, Any]]) -> Sequence[Outside]:
    """Of each the newest, by name."""
    found: dict[str, Outside] = {}
    for name, at, size in rows:
        found.setdefault(name, Outside(name, time_of(at), size))
    return [found[name] for name in sorted(found)]
