"""One worker, all its places for bulk work taken by an agency that does not answer: live work goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import date
from pathlib import Path

import pytest

from adapters.kit.contract import Subject
from gateway.delivery.batch_values import Line
from gateway.model import Ask
from tests.durable_house import CONSUMER, House, a_house, handover, subject

PATIENCE_S = 30
PATTERN = Ask(CONSUMER, "fund.status", "p", Subject(), date(2026, 10, 31), frozenset({"a"}))


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, tmp_path) as opened:
        opened.fund.answering = asyncio.Event()
        yield opened


@asynccontextmanager
async def at_work(house: House) -> AsyncIterator[None]:
    working = asyncio.create_task(house.worker().run())
    try:
        yield
    finally:
        assert house.fund.answering is not None
        house.fund.answering.set()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def until(said: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await said():
            await asyncio.sleep(0.02)


async def state_of_batch(house: House, batch_id: str) -> str:
    return (await house.batches.show(CONSUMER, batch_id)).state


async def test_a_full_bulk_lane_does_not_hold_up_a_delivery(house: House) -> None:
    asked = [await house.batches.accept(PATTERN, [Line("1", subject(f"19901230{n:04}"))], f"k{n}") for n in range(6)]
    async with at_work(house):
        places = house.worker().width

        async def full() -> bool:
            return house.fund.waiting == min(places.values())

        await until(full)
        taken = await house.deliveries.accept(handover())

        async def handed() -> bool:
            return (await house.deliveries.show(CONSUMER, taken.id)).state == "handed"

        await until(handed)
        assert {await state_of_batch(house, each.id) for each in asked} == {"running"}
        assert house.fund.waiting == min(places.values())  # and no more batches were begun for it

        assert house.fund.answering is not None
        house.fund.answering.set()

        async def done() -> bool:
            return {await state_of_batch(house, each.id) for each in asked} == {"done"}

        await until(done)
