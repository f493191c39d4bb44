"""What follows at once when an agreement is ended, suspended or resumed: work that waits is looked at again now.

Every decision reads the agreements as they are, so nothing is released after the end anyhow. But a delivery may wait an
hour for its next try, and a subscription for an event that never comes: they are brought forward, and told.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log
from consent import Agreement, store

from ..db import Database
from ..delivery import jobs
from ..delivery.tables import batch, delivery, job
from ..events.subscriptions import UNSUBSCRIBED, ended
from ..events.tables import subscription
from ..gate import utc_now

JOB = "agreement"
WAITING = ("delivery", "batch")


@dataclass(frozen=True, slots=True)
class Ending:
    """Runs the jobs of kind `agreement`: one for each change of an agreement's state, named by its log entry."""

    db: Database
    log: Log
    clock: Callable[[], datetime] = utc_now

    async def run(self, claimed: jobs.Job) -> None:
        """Bring forward what waits between the two members; end subscriptions that nothing allows any more."""
        (changed,) = await self.log.find([UUID(claimed.ref)])
        members = {str(changed.entry.facts["consumer"]), str(changed.entry.facts["provider"])}
        now = self.clock()
        async with self.db.write() as connection:
            await _brought_forward(connection, members)
            await self._ended(connection, now)
            await jobs.finish(connection, claimed.kind, claimed.ref)

    async def sweep(self) -> int:
        """End the subscriptions whose agreements ran out by themselves; gives how many."""
        async with self.db.write() as connection:
            return await self._ended(connection, self.clock())

    async def _ended(self, connection: AsyncConnection, now: datetime) -> int:
        """End each subscription that an agreement carried and none does any more, with its entry; it will be told."""
        active = select(subscription).where(subscription.c.state == "active")
        rows = (await connection.execute(active)).all()
        known = [each.agreement for each in await store.list_agreements(connection)]
        over = [
            row
            for row in rows
            if not any(_carries(each, row.provider, row.subscriber, row.purpose) for each in _alive(known, now))
            and any(_carries(each, row.provider, row.subscriber, row.purpose) for each in known)
        ]
        for row in over:
            await ended(connection, self.log, row, now)
            await jobs.add(connection, UNSUBSCRIBED, row.code, now=now.timestamp(), lane=jobs.LIVE)
        return len(over)


def _alive(agreements: Iterable[Agreement], now: datetime) -> list[Agreement]:
    """Those that hold, or may be resumed: a suspended one only pauses what rests on it."""
    return [each for each in agreements if each.standing(now) in {"in force", "suspended", "not yet valid"}]


def _carries(agreement: Agreement, sender: str, receiver: str, purpose: str) -> bool:
    """Whether it lets one system push to the other for this purpose; an event is handed over by its provider."""
    return (
        sender in agreement.consumer.systems
        and receiver in agreement.provider.systems
        and purpose in agreement.purposes
        and any("push" in each.actions for each in agreement.grants.values())
    )


async def _brought_forward(connection: AsyncConnection, members: set[str]) -> None:
    """Let waiting deliveries and batches of these members be tried now, whatever pause they are in."""
    senders = or_(*(delivery.c.consumer.like(f"{each}/%") for each in members))
    askers = or_(*(batch.c.consumer.like(f"{each}/%") for each in members))
    refs = select(delivery.c.id).where(senders, delivery.c.state == "queued")
    asked = select(batch.c.id).where(askers, batch.c.state == "running")
    waiting = update(job).where(
        job.c.kind.in_(WAITING), job.c.state == "ready", or_(job.c.ref.in_(refs), job.c.ref.in_(asked))
    )
    await connection.execute(waiting.values(not_before=0.0))
