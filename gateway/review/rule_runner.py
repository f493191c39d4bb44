"""Running the rules: day by day from where the last run ended, on one pass over each day."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log, Wanted
from audit.tables import audit_search, log_alarm, log_head
from audit.writing import time_of
from consent.amendment import difference, widens
from consent.history import events_of
from consent.store import RecordedAgreement, list_agreements

from ..db import Database
from ..delivery.tables import job
from . import findings, tables
from .calendar import OfficeHours
from .replay import DIFFERENT, Replaying, persons_of
from .rules import RULES, Hit, rule_named
from .rules.amounts import MANY_OF_ONE, MANY_PEOPLE
from .rules.seen import HISTORY_DAYS, Seen, counted
from .search import Filters, exchanges

if TYPE_CHECKING:
    from ..wiring import Services

MARK = "findings"
REPLAYED_A_DAY = 50
OPEN_AFTER = timedelta(hours=1)
_FIRST_LOG = select(func.min(log_head.c.log_id)).scalar_subquery()
_BEGUN = select(func.min(audit_search.c.ts)).where(audit_search.c.log_id == _FIRST_LOG)


def rule_runner(here: "Services") -> "RuleRunner":
    """The one of a running gateway, with its country's office hours."""
    hours = OfficeHours.of(here.profile.raw, here.profile.zone)
    return RuleRunner(here.db, here.log, hours, Replaying(here.db, here.gate, here.person_ref))


@dataclass(frozen=True, slots=True)
class RuleRunner:
    """Runs the rules over one gateway's log, and keeps what they find."""

    db: Database
    log: Log
    hours: OfficeHours
    replaying: Replaying

    async def run(self, now: datetime, *, since: date | None = None) -> int:
        """Look at every day from the last run's (or `since`) until now; gives how many findings are new.

        Days are those of the country's clocks.

        Raises:
            LogUnavailable: the log cannot be read or written.
        """
        first = since or await self._first(now)
        new = 0
        for number in range((self._day(now) - first).days + 1):
            day = first + timedelta(days=number)
            new += await self._kept(await self._hits(day), now)
            await self._marked(day)
        return new + await self._kept(await self._standing(now), now)

    async def _first(self, now: datetime) -> date:
        today = self._day(now)
        oldest = today - timedelta(days=HISTORY_DAYS)
        async with self.db.read() as connection:
            last = await marked(connection, MARK)
            begun = (await connection.execute(_BEGUN)).scalar()
        if last:
            return max(min(self._day(last), today), oldest)
        return max(self._day(time_of(begun)), oldest) if begun else today

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.hours.zone).date()

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.hours.zone)

    async def _hits(self, day: date) -> list[tuple[str, Hit]]:
        async with self.db.read() as connection:
            seen = await self._seen(connection, day)
        found = [(rule.name, hit) for rule in RULES if rule.look for hit in rule.look(seen)]
        return [*found, *await self._replays(day)]

    async def _seen(self, connection: AsyncConnection, day: date) -> Seen:
        recorded = await list_agreements(connection)
        seen = Seen(day, self.hours)
        seen.agreements = {(each.agreement.id, each.agreement.version): each.agreement for each in recorded}
        seen.states = await events_of(connection)
        seen.widened = widenings(recorded)
        seen.history, seen.before = await connection.run_sync(_history, day)
        midnight = self._midnight(day)
        await connection.run_sync(counted, seen, midnight)
        await connection.run_sync(_people_without_case, seen)
        await self._counts_kept(seen)
        return seen

    async def _counts_kept(self, seen: Seen) -> None:
        said = seen.day.isoformat()
        rows = [{"day": said, "what": f"{one} {two}", "calls": count} for (one, two), count in seen.calls.items()]
        rows += [{"day": said, "what": f"agreement {name}", "calls": count} for name, count in seen.per_day.items()]
        async with self.db.write() as connection:
            await connection.execute(delete(tables.day).where(tables.day.c.day == said))
            if rows:
                await connection.execute(insert(tables.day), rows)

    async def _replays(self, day: date) -> list[tuple[str, Hit]]:
        midnight = self._midnight(day)
        window = Wanted(since=midnight, until=self._midnight(day + timedelta(days=1)), limit=REPLAYED_A_DAY)
        page = await self.log.store.read(lambda connection: exchanges(connection, Filters(window=window)))
        replayed = await self.replaying.replayed_all(page)
        return [
            ("replay_mismatch", Hit(id_, (), {"lines": list(each.different[:20])}))
            for id_, each in replayed.items()
            if each.result == DIFFERENT
        ]

    async def _standing(self, now: datetime) -> list[tuple[str, Hit]]:
        """What is so now, whatever the day: open intents, alarms of the log."""
        async with self.db.read() as connection:
            working = set((await connection.execute(select(job.c.ref).where(job.c.state == "ready"))).scalars())
        intents = await self.log.open_intents(now - OPEN_AFTER)
        found = [("open_intent", Hit(each.exchange_id)) for each in intents if each.exchange_id not in working]
        alarms = await self.log.store.read(_alarms)
        return [
            *found,
            *(("log_integrity", Hit(f"{kind} {at.isoformat()}", (), {"alarm": kind})) for kind, at in alarms),
        ]

    async def _kept(self, hits: Iterable[tuple[str, Hit]], now: datetime) -> int:
        by_id = {findings.finding_id(name, hit.subject): (name, hit) for name, hit in hits}
        ids, new = sorted(by_id), 0
        for part in (ids[at : at + 100] for at in range(0, len(ids), 100)):
            async with self.db.write() as connection:
                kept = await findings.known(connection, part)
                for id_ in part:
                    name, hit = by_id[id_]
                    new += id_ not in kept and await findings.opened(connection, self.log, rule_named(name), hit, now)
        return new

    async def _marked(self, day: date) -> None:
        async with self.db.write() as connection:
            await mark(connection, MARK, self._midnight(day))


async def marked(connection: AsyncConnection, name: str) -> datetime | None:
    """How far something has come."""
    found: datetime | None = (
        await connection.execute(select(tables.mark.c.at).where(tables.mark.c.name == name))
    ).scalar()
    return found


async def mark(connection: AsyncConnection, name: str, at: datetime) -> None:
    """Note how far something has come."""
    await connection.execute(delete(tables.mark).where(tables.mark.c.name == name))
    await connection.execute(insert(tables.mark).values(name=name, at=at))


def widenings(recorded: Iterable[RecordedAgreement]) -> Mapping[str, datetime]:
    """When each agreement last let more through than the version before."""
    versions = {(each.agreement.id, each.agreement.version): each for each in recorded}
    found: dict[str, datetime] = {}
    for (name, version), each in sorted(versions.items()):
        before = versions.get((name, version - 1))
        if before and widens(difference(before.agreement, each.agreement)):
            found[name] = each.recorded_at
    return found


def _history(connection: Connection, day: date) -> tuple[dict[tuple[str, str], list[int]], dict[str, list[int]]]:
    """What was asked on the days before: by system and service, and by agreement."""
    oldest = day - timedelta(days=HISTORY_DAYS)
    table = tables.day.c
    query = select(table.what, table.calls).where(table.day >= oldest.isoformat(), table.day < day.isoformat())
    by_service, by_agreement = defaultdict[tuple[str, str], list[int]](list), defaultdict[str, list[int]](list)
    for what, calls in connection.execute(query):
        one, _, two = what.partition(" ")
        if one == "agreement":
            by_agreement[two].append(calls)
        else:
            by_service[one, two].append(calls)
    return by_service, by_agreement


def _people_without_case(connection: Connection, seen: Seen) -> None:
    """Count distinct people only where there are enough questions; the index is kept by person."""
    many = {consumer: ids for consumer, ids in seen.no_case.items() if len(ids) >= MANY_PEOPLE}
    of_one = {officer: ids for officer, ids in seen.officers.items() if len(ids) >= MANY_OF_ONE}
    if many or of_one:
        people = persons_of(connection, set().union(*many.values(), *of_one.values()))
        seen.without_case = {name: _distinct(people, ids) for name, ids in many.items()}
        seen.by_officer = {officer: _distinct(people, ids) for officer, ids in of_one.items()}


def _distinct(people: Mapping[bytes, str], ids: Iterable[bytes]) -> int:
    return len({people[each] for each in ids if each in people})


def _alarms(connection: Connection) -> list[tuple[str, datetime]]:
    query = select(log_alarm.c.kind, log_alarm.c.at).order_by(log_alarm.c.at)
    return [(row.kind, time_of(row.at)) for row in connection.execute(query)]
