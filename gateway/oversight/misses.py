"""The miss-rate alarm: somebody who tries numbers misses often, whatever the answers look like.

Counted in memory, and added up in the database over all processes at every fifth miss; so a consumer that misses
rarely costs nothing, and one that misses often is found by its fiftieth miss (in N processes at most 4 (N - 1) later).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, LogUnavailable, new_id

from ..db import Database, DatabaseBusy
from ..gate import utc_now
from .tables import consumer_miss

logger = logging.getLogger("sandhi.oversight")

TOGETHER = 5  # misses that are added up at once
HOUR_S = 3600
KEPT_S = 48 * HOUR_S
ADD = text(
    "INSERT INTO consumer_miss (consumer, since, asked, missed) VALUES (:consumer, :since, :asked, :missed)"
    " ON CONFLICT (consumer, since) DO UPDATE SET asked = consumer_miss.asked + :asked,"
    " missed = consumer_miss.missed + :missed"
)


@dataclass(slots=True)
class _Tally:
    """What one consumer did since it was last added up."""

    asked: int = 0
    missed: int = 0
    adding: bool = False


class Misses:
    """Implements `gate_ports.CountMisses`."""

    def __init__(
        self, db: Database, log: Log, *, most: int = 50, rate: float = 0.5, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """
        Args:
            most: misses in one hour that raise the alarm; 0: there is none.
            rate: but only if they are more than this part of the questions.
        """
        self._db, self._log, self._most, self._rate, self._clock = db, log, most, rate, clock
        self._tallies: dict[str, _Tally] = {}
        self._running: set[asyncio.Task[None]] = set()
        self.missed: Counter[str] = Counter()
        """Misses by consumer, of this process."""
        self.alarms: Counter[str] = Counter()
        """Alarms by consumer, of this process."""

    def __call__(self, consumer: str, asked: int, missed: int) -> None:
        """Note what was found; never waits."""
        tally = self._tallies.setdefault(consumer, _Tally())
        tally.asked += asked
        tally.missed += missed
        if not missed:
            return
        self.missed[consumer] += missed
        if self._most and tally.missed >= min(TOGETHER, self._most) and not tally.adding:
            tally.adding = True
            task = asyncio.create_task(self._added(consumer, tally))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def settled(self) -> None:
        """Wait for what is being added up."""
        while self._running:
            await asyncio.gather(*self._running)

    async def forget(self, now: datetime) -> None:
        """Erase the hours that are over."""
        old = consumer_miss.c.since < int(now.timestamp()) - KEPT_S
        async with self._db.write() as connection:
            await connection.execute(delete(consumer_miss).where(old))

    async def _added(self, consumer: str, tally: _Tally) -> None:
        try:
            while tally.missed >= min(TOGETHER, self._most):
                asked, missed, tally.asked, tally.missed = tally.asked, tally.missed, 0, 0
                try:
                    await self._write(consumer, asked, missed)
                except (SQLAlchemyError, DatabaseBusy, LogUnavailable):
                    tally.asked, tally.missed = tally.asked + asked, tally.missed + missed
                    logger.warning("misses cannot be added up now; trying again at the next one")
                    return
        finally:
            tally.adding = False

    async def _write(self, consumer: str, asked: int, missed: int) -> None:
        now = self._clock()
        since = int(now.timestamp()) // HOUR_S * HOUR_S
        async with self._db.write() as connection:
            row = {"consumer": consumer, "since": since, "asked": asked, "missed": missed}
            await connection.execute(ADD, row)
            alarm = await self._alarm(connection, consumer, since, now)
            if alarm:
                await self._log.append_in(connection, alarm)
        if alarm:
            self.alarms[consumer] += 1
            logger.critical("%s misses far too often: somebody may be trying numbers; see docs/guides/run.md", consumer)

    async def _alarm(self, connection: AsyncConnection, consumer: str, since: int, now: datetime) -> Entry | None:
        """The entry of the alarm, once an hour for each consumer."""
        this = (consumer_miss.c.consumer == consumer) & (consumer_miss.c.since == since)
        found = (await connection.execute(select(consumer_miss).where(this))).one()
        if found.missed < self._most or found.missed <= self._rate * found.asked:
            return None
        quiet = update(consumer_miss).where(this, consumer_miss.c.alarmed_at.is_(None))
        if not (await connection.execute(quiet.values(alarmed_at=int(now.timestamp() * 1_000_000)))).rowcount:
            return None
        facts = {"consumer": consumer, "asked": found.asked, "missed": found.missed, "since_s": since}
        return Entry(new_id(now), "alarm.miss_rate", now, facts)
