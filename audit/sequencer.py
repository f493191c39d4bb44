"""Group commit: everything that waits goes into one transaction, without a timer.

While one batch commits, the next one gathers, so a busy log makes few and large commits and an idle one answers
at once. The queue is bounded and every wait has a deadline: the log may refuse, it never hangs and never drops.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from .errors import LogUnavailable
from .writing import Pending, Place

logger = logging.getLogger(__name__)

BATCH_ENTRIES = 256
BATCH_BYTES = 1_000_000
QUEUE = 4_096
DEADLINE_S = 2.0
ATTEMPTS = 2
"""An attempt may end without saying whether it committed; the next one looks the ids up first, so it is safe."""

Commit = Callable[[Sequence[Pending]], Awaitable[list[Place]]]


class Waiting(NamedTuple):
    """An entry in the queue and who waits for its place."""

    pending: Pending
    place: asyncio.Future[Place]


class Sequencer:
    """One queue and one task per process and log."""

    def __init__(self, commit: Commit, *, batch_entries: int = BATCH_ENTRIES, deadline_s: float = DEADLINE_S) -> None:
        self._commit = commit
        self._batch_entries = batch_entries
        self._deadline_s = deadline_s
        self._queue: deque[Waiting] = deque()
        self._filled = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="audit-sequencer")

    async def place(self, pending: Pending) -> Place:
        """Where the entry stands, once it is durable.

        Raises:
            LogUnavailable: the queue is full, the log closed, or the deadline over. The entry may still become
                durable: appending it again under the same id is safe and says where it is.
        """
        if self._closing or self._task.done():
            raise LogUnavailable("the log is closed; wait for the gateway to start again")
        if len(self._queue) >= QUEUE:
            raise LogUnavailable("too many entries wait for the log; try again in a few seconds")
        loop = asyncio.get_running_loop()
        waiting = Waiting(pending, loop.create_future())
        self._queue.append(waiting)
        self._filled.set()
        deadline = loop.call_later(self._deadline_s, _expire, waiting)
        try:
            return await waiting.place
        finally:
            deadline.cancel()

    @property
    def open(self) -> bool:
        """Whether it takes entries."""
        return not self._closing and not self._task.done() and len(self._queue) < QUEUE

    async def close(self) -> None:
        """Commit what waits, then stop."""
        self._closing = True
        self._filled.set()
        await self._task

    async def _run(self) -> None:
        while await self._something():
            batch = self._taken()
            if batch:
                await self._settle(batch)

    async def _something(self) -> bool:
        while not self._queue and not self._closing:
            self._filled.clear()
            await self._filled.wait()
        return bool(self._queue)

    def _taken(self) -> list[Waiting]:
        """What waits, oldest first, up to the limits; who gave up is left out."""
        batch: list[Waiting] = []
        length = 0
        while self._queue and len(batch) < self._batch_entries and length < BATCH_BYTES:
            waiting = self._queue.popleft()
            if not waiting.place.done():
                batch.append(waiting)
                length += len(waiting.pending.body)
        return batch

    async def _settle(self, batch: Sequence[Waiting]) -> None:
        for _attempt in range(ATTEMPTS):
            batch = [waiting for waiting in batch if not waiting.place.done()]
            if not batch:
                return None
            commit = self._commit([waiting.pending for waiting in batch])
            (places,) = await asyncio.gather(commit, return_exceptions=True)
            if not isinstance(places, BaseException):
                return _tell(batch, places)
            # the text of a database error may hold the rows, so only its kind is logged
            logger.error("a batch of %d entries was not committed: %s", len(batch), _kind(places))
        return _refuse(batch)


def _expire(waiting: Waiting) -> None:
    if not waiting.place.done():
        waiting.place.set_exception(LogUnavailable("the log's database does not answer in time; try again"))


def _tell(batch: Sequence[Waiting], places: Sequence[Place]) -> None:
    for waiting, place in zip(batch, places, strict=True):
        if not waiting.place.done():
            waiting.place.set_result(place)


def _refuse(batch: Sequence[Waiting]) -> None:
    for waiting in batch:
        if not waiting.place.done():
            waiting.place.set_exception(LogUnavailable("the log's database refused the entry; try again"))


def _kind(error: BaseException) -> str:
    return type(getattr(error, "orig", None) or error).__name__
