"""The bulk lane beside the live one, on one event loop: computing in short slices, with live work in between.

A loop that computes for 100 ms answers nobody for 100 ms. So bulk work computes for about 2 ms at a time. While nobody
else is being answered it goes on at once, and an idle machine is used whole. While an exchange is at work here, all
bulk work together stays away for three times as long as it computed: live work has three quarters of the machine.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeVar

from ..in_flight import InFlight

SLICE_S = 0.002
LIVE_SHARE = 3.0  # seconds that live work may have for each second of bulk work

Item = TypeVar("Item")
Done = TypeVar("Done")


@dataclass(slots=True)
class Turns:
    """One for each process."""

    in_flight: InFlight
    _free_at: float = 0.0  # `perf_counter`: when bulk work may compute again
    _slice: asyncio.Lock = field(default_factory=asyncio.Lock)  # one slice a turn of the loop, however many chunks wait

    async def each(self, work: Callable[[Item], Done], items: Iterable[Item]) -> list[Done]:
        """`work` on every item, in their order; `work` only computes."""
        done: list[Done] = []
        left, more = iter(items), True
        while more:
            async with self._slice:
                begun = perf_counter()
                more = _worked(work, left, done, begun + SLICE_S)
                await self.give_way(begun)
        return done

    async def give_way(self, begun: float) -> None:
        """Let others have the loop after computing since `begun` (`perf_counter`)."""
        now = perf_counter()
        if not self.in_flight.count:
            self._free_at = now
            await asyncio.sleep(0)
            return
        self._free_at = max(self._free_at, begun) + (now - begun) * (1 + LIVE_SHARE)
        await asyncio.sleep(self._free_at - now)


def _worked(work: Callable[[Item], Done], left: Iterator[Item], done: list[Done], until: float) -> bool:
    """Work until then (`perf_counter`); whether there is more."""
    for item in left:
        done.append(work(item))
        if perf_counter() > until:
            return True
    return False
