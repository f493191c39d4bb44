"""Questions and connectors wait for each other here, in the memory of one process.

A question whose connector is away fails within seconds as `source_down`; nothing is kept for later, since the caller
waits. With several processes each needs connectors of its own: the edge sends a connector's calls to all of them in
turn, and its `--places` are spread over them (decision record 0124).
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.kit.contract import AgencyTimeout, AgencyUnavailable
from audit import new_id

from ..gate import utc_now

TAKEN_WITHIN_S = 3.0  # a question that no connector takes by then finds the agency away
MOST_WAITING = 1000  # questions of one agency


@dataclass(slots=True)
class Waiting:
    """One question; `answer` is the signed answer, once it is there."""

    id: str
    exchange: str
    question: Mapping[str, Any]
    answer: asyncio.Future[str]
    taken: asyncio.Event = field(default_factory=asyncio.Event)


class Hub:
    """One for the life of the process."""

    def __init__(self, taken_within_s: float = TAKEN_WITHIN_S) -> None:
        self.taken_within_s = taken_within_s
        self._new: dict[tuple[str, str], deque[Waiting]] = defaultdict(deque)  # by adapter and digest
        self._asked: dict[tuple[str, str], Waiting] = {}
        self._woken: dict[tuple[str, str], asyncio.Condition] = defaultdict(asyncio.Condition)

    async def ask(
        self, adapter: str, exchange: str, question: Mapping[str, Any], timeout_s: float, digest: str = ""
    ) -> Waiting:
        """Put a question, and wait until a connector has answered it.

        Args:
            digest: of the registered files that answer it; a connector that runs others is not given it.

        Raises:
            AgencyUnavailable: no connector took it; code `no_connector`.
            AgencyTimeout: one took it and did not answer in time.
        """
        place = adapter, digest
        if len(self._new[place]) >= MOST_WAITING:
            raise AgencyUnavailable("too many questions wait for the agency's connector", code="connector_busy")
        made = Waiting(str(new_id(utc_now())), exchange, question, asyncio.get_running_loop().create_future())
        self._asked[adapter, made.id] = made
        async with self._woken[place]:
            self._new[place].append(made)
            self._woken[place].notify()
        try:
            async with asyncio.timeout(timeout_s):
                await self._taken(made)
                await asyncio.shield(made.answer)
        except TimeoutError:
            raise AgencyTimeout("the agency's connector did not answer in time") from None
        finally:
            self._asked.pop((adapter, made.id), None)
            if made in self._new[place]:
                self._new[place].remove(made)
            made.answer.cancel()
        return made

    async def next(self, adapter: str, wait_s: float, digest: str = "") -> Waiting | None:
        """The oldest question to these files that no connector has taken; None if there is none in time."""
        place = adapter, digest
        woken = self._woken[place]
        try:
            async with asyncio.timeout(wait_s), woken:
                await woken.wait_for(lambda: self._new[place])
                found = self._new[place].popleft()
        except TimeoutError:
            return None
        found.taken.set()
        return found

    def waiting(self, adapter: str, id_: str) -> Waiting | None:
        """The question of this id, while somebody waits for its answer."""
        return self._asked.get((adapter, id_))

    async def _taken(self, made: Waiting) -> None:
        try:
            async with asyncio.timeout(self.taken_within_s):
                await made.taken.wait()
        except TimeoutError:
            raise AgencyUnavailable("the agency's connector is not connected", code="no_connector") from None
