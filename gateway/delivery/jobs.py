"""The job queue, a transactional outbox: jobs are added with what causes them, leased, then finished or tried again.

A worker that dies leaves its leases to run out; the next one picks the work up. So every handler
must be safe to run twice. Many workers share the table on PostgreSQL (`SKIP LOCKED`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from secrets import SystemRandom

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from .tables import job

LEASE_S = 60.0
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 3600.0
HELD_S = 60.0
MOST_ATTEMPTS = 60  # with the pauses of `again`, the shortest of them: more than a day
KEPT = timedelta(days=7)
"""How long it is kept how the tries of finished work went."""

LIVE, BULK, EVENTS = 0, 1, 2  # each lane has its own places in a worker, so none starves another
JITTER = SystemRandom()


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed piece of work. `last_try`: if it fails again, it is dead."""

    id: int
    kind: str
    ref: str
    attempts: int

    @property
    def last_try(self) -> bool:
        return self.attempts >= MOST_ATTEMPTS


async def add(connection: AsyncConnection, kind: str, ref: str, *, now: float, lane: int, held_s: float = 0.0) -> None:
    """Add work in the caller's transaction; adding the same (kind, ref) again changes nothing.

    `held_s` keeps workers away for that long: the caller means to do the first step itself.
    """
    await add_all(connection, kind, [ref], now=now, lane=lane, held_s=held_s)


async def add_all(
    connection: AsyncConnection,
    kind: str,
    refs: Sequence[str],
    *,
    now: float,
    lane: int,
    held_s: float = 0.0,
    not_before: float = 0.0,
) -> None:
    """`add` for any number; `not_before` is when the work is wanted, where that is not now."""
    rows = [
        {
            "kind": kind,
            "ref": ref,
            "lane": lane,
            "state": "ready",
            "attempts": 0,
            "not_before": max(now, not_before),
            "lease_until": now + held_s,
            "failure": "",
            "created": now,
        }
        for ref in refs
    ]
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    await connection.execute(dialect.insert(job).on_conflict_do_nothing(), rows)


async def claim(connection: AsyncConnection, *, now: float, most: int, lane: int | None = None) -> list[Job]:
    """Lease up to `most` ready jobs, live lane first, oldest first."""
    ready = select(job.c.id).where(job.c.state == "ready", job.c.not_before <= now, job.c.lease_until <= now)
    if lane is not None:
        ready = ready.where(job.c.lane == lane)
    ready = ready.order_by(job.c.lane, job.c.not_before).limit(most).with_for_update(skip_locked=True)
    ids = (await connection.execute(ready)).scalars().all()
    if not ids:
        return []
    leased = (
        update(job)
        .where(job.c.id.in_(ids))
        .values(lease_until=now + LEASE_S, attempts=job.c.attempts + 1)
        .returning(job.c.id, job.c.kind, job.c.ref, job.c.attempts)
    )
    rows = (await connection.execute(leased)).all()
    return sorted((Job(row.id, row.kind, row.ref, row.attempts) for row in rows), key=lambda each: each.id)


async def renew(connection: AsyncConnection, claimed: Job, *, now: float) -> None:
    """Keep the lease of long work."""
    await connection.execute(update(job).where(job.c.id == claimed.id).values(lease_until=now + LEASE_S))


async def release(connection: AsyncConnection, kind: str, refs: Sequence[str]) -> None:
    """Let workers have work that was added with `held_s`."""
    await connection.execute(update(job).where(job.c.kind == kind, job.c.ref.in_(refs)).values(lease_until=0))


async def finish(connection: AsyncConnection, kind: str, *refs: str) -> None:
    """The work is done, for good or ill; in the transaction that records its outcome."""
    await connection.execute(update(job).where(job.c.kind == kind, job.c.ref.in_(refs)).values(state="done"))


async def again(connection: AsyncConnection, claimed: Job, failure: str, *, now: float) -> None:
    """Try later: a pause that doubles up to an hour, of which chance takes up to a half."""
    pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(claimed.attempts - 1, 20))
    later = now + pause * JITTER.uniform(0.5, 1.0)
    values = {"not_before": later, "lease_until": 0.0, "failure": failure[:40]}
    await connection.execute(update(job).where(job.c.id == claimed.id).values(values))


async def retry(connection: AsyncConnection, claimed: Job, failure: str, *, now: float) -> None:
    """`again`, or `bury` after the last try."""
    if claimed.last_try:
        await bury(connection, claimed, failure)
    else:
        await again(connection, claimed, failure, now=now)


async def hold(connection: AsyncConnection, claimed: Job, *, now: float, for_s: float = HELD_S) -> None:
    """Nothing failed, but it has to wait: this was no try."""
    values = {"not_before": now + for_s, "lease_until": 0.0, "attempts": max(0, claimed.attempts - 1)}
    await connection.execute(update(job).where(job.c.id == claimed.id).values(values))


async def forget(connection: AsyncConnection, ref: str) -> None:
    """Forget what was done for this, so that it can be done again."""
    await connection.execute(delete(job).where(job.c.ref == ref, job.c.state == "done"))


async def revive(connection: AsyncConnection, kind: str, refs: Sequence[str], *, now: float) -> None:
    """Let what was dead be tried again from the beginning: a person has mended the cause."""
    dead = update(job).where(job.c.kind == kind, job.c.ref.in_(refs), job.c.state == "dead")
    fresh = {"state": "ready", "attempts": 0, "not_before": now, "lease_until": 0.0, "failure": ""}
    await connection.execute(dead.values(fresh))


async def bury(connection: AsyncConnection, claimed: Job, failure: str = "") -> None:
    """No more tries: a person has to look. What another worker has done meanwhile stays done.

    Without a `failure` the last one stands.
    """
    open_ = update(job).where(job.c.id == claimed.id, job.c.state == "ready")
    await connection.execute(open_.values({"state": "dead"} | ({"failure": failure[:40]} if failure else {})))


async def forget_done(connection: AsyncConnection, *, before: float) -> None:
    """Delete jobs that were done long ago; what they worked on stays."""
    await connection.execute(delete(job).where(job.c.state == "done", job.c.created < before))
