"""The worker: claims jobs and runs them, deliveries beside batches beside events, until it is told to stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from ..db import Database
from . import jobs

log = logging.getLogger("sandhi.worker")

IDLE_S = 1.0
Handler = Callable[[jobs.Job], Awaitable[None]]


@dataclass(slots=True)
class Worker:
    """Runs jobs of each lane side by side: neither a batch of hours nor a flood of events starves a delivery.

    Attributes:
        handlers: what runs each kind of job; must be safe to run twice.
        wake: per lane, set by whoever adds work in this process; other processes' work is found within a second.
        give_up: what closes work of a kind whose last try failed.
        width: how many jobs of a lane run at once.
    """

    db: Database
    handlers: Mapping[str, Handler]
    wake: Mapping[int, asyncio.Event]
    clock: Callable[[], float]
    give_up: Mapping[str, Handler] = field(default_factory=dict)
    width: Mapping[int, int] = field(default_factory=lambda: {jobs.LIVE: 64, jobs.BULK: 2, jobs.EVENTS: 64})

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in self.width:
                group.create_task(self._lane(lane))

    async def _lane(self, lane: int) -> None:
        running: set[asyncio.Task[None]] = set()
        wake = self.wake.get(lane) or asyncio.Event()
        try:
            while True:
                wake.clear()  # before looking, or a call in between would be lost
                claimed = await self._claimed(lane, self.width[lane] - len(running))
                for each in claimed:
                    task = asyncio.create_task(self.run_one(each))
                    running.add(task)
                    task.add_done_callback(running.discard)
                await self._pause(wake, running, full=len(running) >= self.width[lane], idle=not claimed)
        finally:
            await asyncio.gather(*running, return_exceptions=True)

    async def _claimed(self, lane: int, free: int) -> list[jobs.Job]:
        if free <= 0:
            return []
        try:
            async with self.db.write() as connection:
                return await jobs.claim(connection, now=self.clock(), most=free, lane=lane)
        except Exception:
            log.exception("jobs cannot be claimed; trying again")
            return []

    async def _pause(self, wake: asyncio.Event, running: set[asyncio.Task[None]], *, full: bool, idle: bool) -> None:
        if full:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        elif idle:
            waiter = asyncio.create_task(wake.wait())
            await asyncio.wait({waiter, *running}, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
            waiter.cancel()

    async def run_one(self, claimed: jobs.Job) -> None:
        """Run one job. A fault is written down and tried again later; after the last try it waits for a person."""
        beating = asyncio.create_task(self._keep_lease(claimed))
        try:
            await self.handlers[claimed.kind](claimed)
        except Exception as error:
            log.exception("job %s failed", claimed.id, extra={"job": claimed.id, "kind": claimed.kind})
            await self._written_down(claimed, type(error).__name__)
        finally:
            beating.cancel()

    async def _keep_lease(self, claimed: jobs.Job) -> None:
        """Work may take longer than a lease; only a dead worker's lease runs out."""
        while True:
            await asyncio.sleep(jobs.LEASE_S / 3)
            try:
                async with self.db.write() as connection:
                    await jobs.renew(connection, claimed, now=self.clock())
            except Exception:
                log.exception("a lease was not renewed; trying again", extra={"job": claimed.id})

    async def _written_down(self, claimed: jobs.Job, failure: str) -> None:
        try:
            await self._failed(claimed, failure)
        except Exception:  # the lease runs out, and the next worker tries
            log.exception("the failure of job %s was not written down", claimed.id, extra={"job": claimed.id})

    async def _failed(self, claimed: jobs.Job, failure: str) -> None:
        if claimed.last_try and claimed.kind in self.give_up:
            await self.give_up[claimed.kind](claimed)
        async with self.db.write() as connection:
            await jobs.retry(connection, claimed, failure, now=self.clock())
