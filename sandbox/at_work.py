"""An agency that takes messages at once, and does what follows from them in the background."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from .answered import Answered
from .dci import Received


class AtWork:
    """Used from one event loop. A subclass says what an item means (`_take`) and what is done then (`_working`)."""

    def __init__(self, answered: Answered) -> None:
        self._answered = answered
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on with what an earlier process left, and from now on with what comes up."""
        self._task = asyncio.create_task(self._working())
        self._wake.set()

    async def close(self) -> None:
        """Stop; what is unsent stays in the post."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def take(self, message: Received) -> str:
        """Store a notify; gives the correlation id to acknowledge it with, the same for the same message.

        Raises:
            Refused: an item is not what it says; nothing of the message is stored.
        """
        correlation_id = self._answered.once(message, self._take)
        self._wake.set()
        return correlation_id

    @abstractmethod
    def _take(self, item: Mapping[str, Any]) -> None:
        """Store one item. Raises Refused."""

    @abstractmethod
    async def _working(self) -> None:
        """Whenever `_wake` is set: do what there is to do. Without end."""
