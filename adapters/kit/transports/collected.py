"""Items that are delivered at about the same time leave together: a file of payments, not a file for each payment."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from adapters.kit.contract import AgencyError, AgencyOutcomeUnknown, Handed, Item

logger = logging.getLogger("sandhi.adapters")

Send = Callable[[Sequence[Item]], Awaitable[Mapping[str, Handed | AgencyError]]]
"""Items -> what became of each, by the item's id. Raises AgencyError for all of them."""


class Collected:
    """Collects items for a moment, sends them as one, and tells each what became of it."""

    def __init__(self, send: Send, *, wait_s: float = 0.1, most: int = 1000) -> None:
        self._send, self._wait_s, self._most = send, wait_s, most
        self._waiting: list[tuple[Item, asyncio.Future[Handed]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def deliver(self, item: Item) -> Handed:
        """Send one item with those that come at the same time.

        Raises:
            AgencyError: its own, or that of the whole.
        """
        future: asyncio.Future[Handed] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._waiting) == 1:
            task = asyncio.create_task(self._soon())
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return await future

    async def _soon(self) -> None:
        await asyncio.sleep(self._wait_s)
        taken, self._waiting = self._waiting, []
        for at in range(0, len(taken), self._most):
            await self._sent(taken[at : at + self._most])

    async def _sent(self, some: Sequence[tuple[Item, asyncio.Future[Handed]]]) -> None:
        told: Mapping[str, Handed | AgencyError] = {}
        missing: AgencyError = AgencyOutcomeUnknown("the answer does not speak of this item", code="left_out")
        try:
            told = await self._send([item for item, _ in some])
        except AgencyError as error:
            missing = error
        except Exception as error:  # a bug of the sender: everybody who waits hears of it
            logger.exception("collected items could not be sent")
            missing = AgencyOutcomeUnknown("the adapter failed on these items", code=type(error).__name__)
        for item, future in some:
            result = told.get(item.id, missing)
            if future.done():
                continue  # its caller went away
            if isinstance(result, AgencyError):
                future.set_exception(result)
            else:
                future.set_result(result)
