"""Group commit: whatever arrives while one transaction runs is done together in the next, writes and reads alike.

Idle, it runs at once; there is no timer. A transaction costs much the same for one row or for a hundred.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.exc import DataError, IntegrityError

from audit.errors import EntryInvalid

MOST_AT_ONCE = 128
ITEM_FAULTS = (DataError, IntegrityError, EntryInvalid)
"""One item's own fault: the others of its group are tried without it."""

Item = TypeVar("Item")
Done = TypeVar("Done")


class Grouped(Generic[Item, Done]):
    """Callable: one item in, its result out, once the transaction that holds it is committed."""

    def __init__(self, together: Callable[[Sequence[Item]], Awaitable[Sequence[Done]]]) -> None:
        """`together` does any number in one transaction: all or none, with a result for each in order."""
        self._together = together
        self._waiting: deque[tuple[Item, asyncio.Future[Done]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Done:
        """Raises what `together` raises. A caller that hangs up takes nothing back."""
        result: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await result

    async def _run(self) -> None:
        try:
            while self._waiting:  # no await between "it is empty" and `_running = None`, or a wake-up is lost
                group = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
                await self._write(group)
        finally:
            self._running = None
            while self._waiting:  # only when this task is cancelled: the process stops
                self._waiting.popleft()[1].cancel()

    async def _write(self, group: Sequence[tuple[Item, asyncio.Future[Done]]]) -> None:
        try:
            results = await self._together([item for item, _ in group])
        except ITEM_FAULTS as error:
            if len(group) == 1:
                _fail(group, error)
                return
            for one in group:  # nobody suffers for another's row
                await self._write([one])
        except BaseException as error:
            _fail(group, error)
            if not isinstance(error, Exception):
                raise
        else:
            for (_, result), done in zip(group, results, strict=True):
                if not result.done():
                    result.set_result(done)


def _fail(group: Sequence[tuple[object, asyncio.Future[Done]]], error: BaseException) -> None:
    for _, result in group:
        if not result.done():
            result.set_exception(error)
