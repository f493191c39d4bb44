"""The batcher: at once when idle, grouped when busy, nobody forgotten, nothing remembered that may end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import FactsSource, Request
from consent.errors import FactsUnavailable
from consent.lookup_connection import MOST_AT_ONCE, Row

Made = Callable[..., Any]
NOW = datetime(2026, 10, 31, tzinfo=UTC)


GENERATION = ("generation", "", "", "", "", 0, 0, None, "")


class FakeDatabase:
    """Counts its questions; each takes until `turn` is set. Knows nobody and no agreement."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.turn = asyncio.Event()
        self.turn.set()
        self.begun = asyncio.Event()
        self.broken: Exception | None = None
        self.closed = False

    async def rows(self, refs: Sequence[str]) -> Sequence[Row]:
        self.asked.append(set(refs))
        self.begun.set()
        await self.turn.wait()
        if self.broken:
            raise self.broken
        return [GENERATION]

    async def close(self) -> None:
        self.closed = True

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        yield cast("AsyncConnection", self)

    async def execute(self, _statement: object) -> "NoAgreements":
        return NoAgreements()


class NoAgreements:
    """The answer of an empty table."""

    def mappings(self) -> list[object]:
        return []


def source(database: FakeDatabase) -> FactsSource:
    return FactsSource(database.connect, clock=lambda: NOW, lookups=database)


async def test_idle_it_asks_at_once_and_says_when_that_was(request_for: Made) -> None:
    database = FakeDatabase()
    facts = await source(database).of(request_for())
    assert facts.as_of == NOW
    assert database.asked == [{"p1"}]


async def test_what_arrives_while_one_question_runs_makes_up_the_next(request_for: Made) -> None:
    database = FakeDatabase()
    database.turn.clear()
    facts = source(database)
    waiting = [asyncio.create_task(facts.of(request_for(subject_ref="p0")))]
    await database.begun.wait()
    waiting += [asyncio.create_task(facts.of(request_for(subject_ref=f"p{n}"))) for n in range(1, 50)]
    await asyncio.sleep(0)
    database.turn.set()
    await asyncio.gather(*waiting)
    assert database.asked == [{"p0"}, {f"p{n}" for n in range(1, 50)}]


async def test_a_question_is_bounded(request_for: Made) -> None:
    database = FakeDatabase()
    facts = source(database)
    await asyncio.gather(*(facts.of(request_for(subject_ref=f"p{n}")) for n in range(2 * MOST_AT_ONCE + 1)))
    assert [len(each) for each in database.asked] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]


async def test_each_lookup_asks_again_so_that_nothing_withdrawn_is_remembered(request_for: Made) -> None:
    database = FakeDatabase()
    facts = source(database)
    await facts.of(request_for())
    await facts.of(request_for())
    assert len(database.asked) == 2


async def test_everybody_who_waits_fails_when_the_database_does_and_the_next_is_served(request_for: Made) -> None:
    database = FakeDatabase()
    database.broken = OperationalError("select", {}, OSError("gone"))
    facts = source(database)
    answers = await asyncio.gather(*(facts.of(request_for()) for _ in range(5)), return_exceptions=True)
    assert [type(each) for each in answers] == [FactsUnavailable] * 5
    database.broken = None
    assert (await facts.of(request_for())).as_of == NOW


async def test_a_caller_who_hangs_up_takes_nobody_along(request_for: Made) -> None:
    database = FakeDatabase()
    database.turn.clear()
    facts = source(database)
    gone, stays = (asyncio.create_task(facts.of(request_for())) for _ in range(2))
    await database.begun.wait()
    gone.cancel()
    database.turn.set()
    assert (await stays).as_of == NOW


@pytest.mark.parametrize("steps", [0, 1, 3])
async def test_closing_leaves_nobody_waiting(request_for: Made, steps: int) -> None:
    database = FakeDatabase()
    database.turn.clear()
    facts = source(database)
    waiting = [asyncio.create_task(facts.of(request_for(subject_ref=f"p{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    for _ in range(steps):
        await asyncio.sleep(0)
    await facts.close()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in answers} == {FactsUnavailable}
    assert database.closed


async def test_a_queue_that_is_full_refuses(request_for: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consent.lookup.MOST_WAITING", 2)
    database = FakeDatabase()
    database.turn.clear()
    facts = source(database)
    waiting = [asyncio.create_task(facts.of(request_for())) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    more = [asyncio.create_task(facts.of(request_for())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(FactsUnavailable):
        await facts.of(request_for())
    database.turn.set()
    assert len(await asyncio.gather(*waiting, *more)) == 4


async def test_many_callers_with_random_pauses_are_all_answered(request_for: Made) -> None:
    database = FakeDatabase()
    facts = source(database)

    async def asks(number: int) -> Request:
        for _ in range(number % 7):
            await asyncio.sleep(0)
        await facts.of(request_for(subject_ref=f"p{number}"))
        return cast("Request", request_for())

    async with asyncio.timeout(10):
        assert len(await asyncio.gather(*(asks(number) for number in range(2000)))) == 2000
    assert set().union(*database.asked) == {f"p{number}" for number in range(2000)}
