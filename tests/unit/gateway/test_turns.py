"""Bulk work computes in slices, and stays away while an exchange is at work."""

import asyncio
from time import perf_counter

import pytest

from gateway.delivery.turns import LIVE_SHARE, SLICE_S, Turns
from gateway.in_flight import InFlight


def busy(_: object) -> None:
    end = perf_counter() + SLICE_S
    while perf_counter() < end:
        pass


async def test_everything_is_done_once_and_in_order() -> None:
    assert await Turns(InFlight()).each(lambda n: n + 1, range(100)) == list(range(1, 101))


async def test_others_run_between_two_slices() -> None:
    seen: list[int] = []
    working = asyncio.create_task(Turns(InFlight()).each(busy, range(20)))
    while not working.done():
        seen.append(1)
        await asyncio.sleep(0)
    assert len(seen) >= 10


async def test_while_an_exchange_is_at_work_all_bulk_work_together_has_its_share() -> None:
    in_flight = InFlight()
    turns = Turns(in_flight)
    with in_flight:
        begun = perf_counter()
        await asyncio.gather(*(turns.each(busy, range(10)) for _ in range(2)))
        took = perf_counter() - begun
    assert took > 0.8 * 20 * SLICE_S * (1 + LIVE_SHARE)


async def test_alone_bulk_work_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    in_flight, loop, waits = InFlight(), asyncio.get_running_loop(), list[float]()
    monkeypatch.setattr(loop, "call_later", lambda delay, *_: waits.append(delay))
    with in_flight:
        assert in_flight.count == 1
    await Turns(in_flight).each(busy, range(10))
    assert waits == []
