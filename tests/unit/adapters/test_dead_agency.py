"""One dead agency never slows the others: counted, not timed. Nothing of the dead one ends before all of the others."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from tenacity import AsyncRetrying, RetryCallState

from adapters.kit.breaker import ENOUGH, LONG_S, Breaker
from adapters.kit.contract import AgencyTimeout, AgencyUnavailable
from adapters.kit.egress import Dialler, Limits
from adapters.kit.http_client import _pause
from tests.broken_ways import our_time

Agency = Callable[[object], Awaitable[Any]]
PLACES, WAITING, OTHERS = 4, 40, 60


async def test_while_every_place_of_a_silent_agency_is_taken_the_others_answer_all(agency: Agency, reply: type) -> None:
    released = asyncio.Event()

    async def silent(_: object) -> object:
        await released.wait()
        return reply()

    dead, well = await agency(silent), await agency(lambda _: reply())
    dialler = Dialler({each.url.partition("//")[2] for each in (dead, well)})
    limits = Limits(timeout_s=60.0, attempts=1, concurrent=PLACES)
    stuck, fine = dialler.http(dead.url, limits), dialler.http(well.url, limits)
    waiting = [asyncio.create_task(stuck.request("GET", "/")) for _ in range(WAITING)]
    while len(dead.requests) < PLACES:
        await asyncio.sleep(0)
    answers = await asyncio.gather(*(fine.request("GET", "/") for _ in range(OTHERS)))
    assert [each.status for each in answers] == [200] * OTHERS
    assert not any(each.done() for each in waiting), "the dead one's callers still wait, and nobody else did"
    assert len(dead.requests) == PLACES, "it holds the places of its own bulkhead and no more"
    released.set()
    assert len(await asyncio.gather(*waiting)) == WAITING
    await dialler.close()


async def test_a_dead_agency_opens_its_own_breaker_and_nobody_else_s(agency: Agency, reply: type) -> None:
    dead, well = await agency(lambda _: reply(503)), await agency(lambda _: reply())
    dialler = Dialler({each.url.partition("//")[2] for each in (dead, well)})
    broken, fine = (dialler.http(each.url, Limits(attempts=1)) for each in (dead, well))
    for _ in range(ENOUGH):
        with pytest.raises(AgencyUnavailable):
            await broken.request("GET", "/")
        await fine.request("GET", "/")
    with pytest.raises(AgencyUnavailable) as refused:
        await broken.request("GET", "/")
    assert refused.value.code == "breaker_open"
    assert len(dead.requests) == ENOUGH, "left alone"
    assert (await fine.request("GET", "/")).status == 200
    assert (broken.breaker.is_open, fine.breaker.is_open) == (True, False)
    await dialler.close()


async def test_waiting_for_a_place_counts_against_the_deadline_of_who_waits(agency: Agency, reply: type) -> None:
    released = asyncio.Event()

    async def silent(_: object) -> object:
        await released.wait()
        return reply()

    dead = await agency(silent)
    dialler = Dialler({dead.url.partition("//")[2]})
    http = dialler.http(dead.url, Limits(timeout_s=0.05, attempts=1, concurrent=1))
    held = asyncio.create_task(http.request("GET", "/", timeout_s=30.0))
    while not dead.requests:
        await asyncio.sleep(0)
    told = await asyncio.gather(*(http.request("GET", "/") for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in told} == {AgencyTimeout}
    assert len(dead.requests) == 1
    released.set()
    assert (await held).status == 200
    await dialler.close()


async def test_an_agency_that_is_always_slower_than_an_exchange_may_take_is_left_alone_too(
    agency: Agency, reply: type
) -> None:
    """The exchange's deadline may be over before the adapter's: nobody but the breaker would ever learn of it."""

    async def silent(_: object) -> object:
        await asyncio.sleep(3600)
        return reply()

    dead = await agency(silent)
    dialler = Dialler({dead.url.partition("//")[2]})
    http = dialler.http(dead.url, Limits(timeout_s=10_000.0, concurrent=2 * ENOUGH))
    with our_time() as passes:
        asked = [asyncio.create_task(http.request("GET", "/")) for _ in range(2 * ENOUGH)]
        while len(dead.requests) < 2 * ENOUGH:
            await asyncio.sleep(0.01)
        for each in asked[:ENOUGH]:
            each.cancel()
        await asyncio.gather(*asked[:ENOUGH], return_exceptions=True)
        assert http.breaker.health()[:2] == (False, 0), "who goes away at once says nothing of the agency"
        passes(30.0)
        for each in asked[ENOUGH:]:
            each.cancel()
        await asyncio.gather(*asked[ENOUGH:], return_exceptions=True)
    with pytest.raises(AgencyUnavailable) as refused:
        await http.request("GET", "/")
    assert refused.value.code == "breaker_open"
    await dialler.close()


def test_a_call_that_is_given_up_late_is_an_outage_and_early_it_is_nothing() -> None:
    now = [0.0]
    breaker = Breaker(lambda: now[0])
    for waited in (LONG_S - 1, LONG_S):
        with suppress(asyncio.CancelledError), breaker.guarding():
            now[0] += waited
            raise asyncio.CancelledError
    assert breaker.health()[:3] == (False, 1, 1)


def pauses(attempt: int) -> list[float]:
    state = RetryCallState(AsyncRetrying(), None, (), {})
    state.attempt_number = attempt
    return [_pause(state) for _ in range(200)]


def test_retries_come_after_pauses_that_grow_and_differ_so_that_callers_do_not_come_back_together() -> None:
    first, second, late = pauses(1), pauses(2), pauses(12)
    assert 0.1 <= min(first) <= max(first) <= 0.2 <= min(second)
    assert max(late) <= 2.0
    assert len(set(first)) > 100
