"""Nothing waits for ever: what ends at the same moment as its other half, or before that was written down, goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.contract import AgencyTimeout, Question, RawAnswer
from audit import Wanted as Search
from gateway.agency_quota import Window, booked
from gateway.delivery import jobs, letters
from gateway.delivery.tables import agency_use, callback, waiting
from gateway.delivery.transactions import Later, Transaction
from gateway.delivery.waiting import PATIENCE_S
from tests.durable_house import CONSUMER, PROVIDER, a_house
from tests.later_place import PATTERN, Address, Echo, Place, SlowAgency, campaigns, message, people, question, turn

ANSWER = RawAnswer({"a": "7"}, date(2026, 10, 31), "00")


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with a_house(database_url, tmp_path) as house:
        yield Place(house)


@pytest.fixture
async def shared(postgres_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    """Where two may write at the same moment."""
    async with a_house(postgres_url, tmp_path) as house:
        yield Place(house)


async def nothing() -> None:
    """What happens in between, mostly."""


@dataclass
class Between:
    """A database where something else happens before a writer begins, and before it commits."""

    db: Any
    before: Callable[[], Awaitable[None]] = nothing
    at_end: Callable[[], Awaitable[None]] = nothing

    @property
    def read(self) -> Any:
        return self.db.read

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        await self.before()
        async with self.db.write() as connection:
            yield connection
            await self.at_end()


async def told(place: Place) -> None:
    """The agency answers all that it was asked, and the exchanges end."""
    for reference in place.agency.questions:
        await place.waiting.tell(PROVIDER, reference, ANSWER)
    await place.work(1, only="waiting")


async def test_items_that_end_at_the_same_moment_let_their_message_go_on(shared: Place) -> None:
    both = asyncio.Barrier(2)

    async def meet() -> None:
        with suppress(TimeoutError, asyncio.BrokenBarrierError):
            await asyncio.wait_for(both.wait(), 0.5)

    await shared.transactions.accept(message({"n": 0, "slow": True}, {"n": 1, "slow": True}))
    await shared.work(2)
    await told(shared)
    async with shared.house.db.read() as connection:
        ended = (await connection.execute(select(waiting.c.txn_id, waiting.c.n, waiting.c.id))).all()
    db: Any = Between(shared.house.db, at_end=meet)
    beside = replace(shared.transactions, db=db)
    await asyncio.gather(*(beside.resumed(*each) for each in ended))
    await shared.work()
    assert [len(each["answers"]) for each in shared.address.told] == [2]


class Hasty(Echo):
    """Its agency has answered, and the exchange is over, before it is written down that the item waits."""

    place: Place

    async def answer(self, taken: Transaction, place: int, item: Mapping[str, Any]) -> Mapping[str, Any] | Later:
        part = await super().answer(taken, place, item)
        if isinstance(part, Later):
            await self.place.work(1, only="waiting")
            await told(self.place)
            await self.place.work(1, only="resume")
        return part


async def test_an_item_whose_exchange_ends_before_it_is_known_to_wait_is_answered(place: Place) -> None:
    hasty = Hasty(place.waiting)
    hasty.place = place
    place.transactions.answers("search", hasty)
    await place.transactions.accept(message({"n": 0, "slow": True}, {"n": 1}))
    await place.work()
    assert [each["answers"] for each in place.address.told] == [[{"said": 0, "outcome": "answered"}, {"said": 1}]]


async def test_an_exchange_that_ends_while_its_message_is_laid_aside_brings_it_back(place: Place) -> None:
    writes = 0

    async def ended() -> None:
        nonlocal writes
        writes += 1
        if writes == 2:  # the first keeps that the item waits, the second lays the message aside
            await place.work(1, only="waiting")
            await told(place)
            await place.work(1, only="resume")

    taken = await place.transactions.accept(message({"n": 0, "slow": True}))
    (claimed,) = await place.claimed()
    db: Any = Between(place.house.db, before=ended)
    await replace(place.transactions, db=db).run(claimed)
    await place.work()
    assert [each["correlation_id"] for each in place.address.told] == [taken.id]


class Immediate(SlowAgency):
    """Answers while it is still being asked."""

    place: Place

    async def ask_later(self, question: Question, reference: str) -> None:
        await self.place.waiting.tell(PROVIDER, reference, ANSWER)


async def test_an_agency_that_answers_while_it_is_asked_is_heard_at_once(place: Place) -> None:
    agency = Immediate()
    agency.place = place
    offers = place.house.gate.catalogue._offers
    offers.update({name: replace(each, adapter=agency) for name, each in offers.items()})
    id_ = await place.waiting.ask(question())
    await place.work(2)
    assert (await place.waiting.show(CONSUMER, id_)).outcome == "answered"


async def test_an_answer_that_comes_as_its_time_runs_out_has_one_outcome(shared: Place) -> None:
    id_ = await shared.waiting.ask(question())
    await shared.work(2)
    shared.house.clock[0] += timedelta(seconds=PATIENCE_S + 1)
    async with shared.house.db.write() as connection:  # another process ends it at this moment
        ending = update(waiting).where(waiting.c.id == id_)
        await connection.execute(ending.values(state="ended", outcome="answered"))
        sweeping = asyncio.create_task(shared.waiting.overdue())
        await asyncio.sleep(0.3)
    await sweeping
    await shared.work()
    assert (await shared.waiting.show(CONSUMER, id_)).outcome == "answered"
    assert await shared.outcomes() == []


async def a_callback(place: Place) -> tuple[str, jobs.Job]:
    """One that is claimed for its last try."""
    async with place.house.db.write() as connection:
        id_ = await place.callbacks.add(connection, (CONSUMER, "on-search"), "on-search", {"n": 1})
    (claimed,) = await place.claimed()
    return id_, replace(claimed, attempts=jobs.MOST_ATTEMPTS)


async def test_a_callback_whose_worker_was_killed_while_it_gave_up_is_a_letter_and_not_lost(place: Place) -> None:
    house = place.house
    _, claimed = await a_callback(place)
    await place.callbacks.give_up(claimed)  # and here it is killed; its lease runs out
    await place.callbacks.run(claimed)
    assert place.address.told == []
    async with house.db.write() as connection:
        (group,) = await letters.groups(connection)
        assert (group.kind, group.count) == ("callback", 1)
        await letters.release(connection, house.log, group, by="o", approval="a", now=house.clock[0])
    await place.work()
    assert place.address.told == [{"action": "on-search", "n": 1}]


class Twice(Address):
    """While one worker still waits for its answer, another has sent the same, and it was taken."""

    place: Place
    claimed: jobs.Job

    async def send(self, action: str, message: Mapping[str, object], *, message_id: str) -> None:
        first, self.told = not self.told, [{"action": action, **message}]
        if first:
            await self.place.callbacks.run(self.claimed)
            raise AgencyTimeout("its answer was lost")


async def test_a_callback_that_another_worker_handed_over_is_not_held(place: Place) -> None:
    place.address = address = Twice()
    id_, claimed = await a_callback(place)
    address.place, address.claimed = place, claimed
    await place.callbacks.run(claimed)
    async with place.house.db.read() as connection:
        assert (await connection.execute(select(callback.c.state).where(callback.c.id == id_))).scalar_one() == "handed"
        assert await letters.groups(connection) == []


async def test_a_campaign_that_its_agreement_stops_waits_without_asking_and_goes_on_when_resumed(place: Place) -> None:
    house, running = place.house, campaigns(place.house)
    taken = await running.accept(PATTERN, people(200), key="k", max_age_days=30)
    before = house.agreements[0]
    house.agreements[0] = replace(before, quota=replace(before.quota, bulk_lines=5))
    assert await turn(house, running) == 0
    assert (await running.show(CONSUMER, taken.id)).state == "paused"
    refusals = len(await house.log.search(Search(kind="exchange.outcome")))
    assert await turn(house, running, days=3) == 0
    assert len(await house.log.search(Search(kind="exchange.outcome"))) == refusals == 1
    house.agreements[0] = before
    await running.resume(CONSUMER, taken.id)
    assert await turn(house, running, days=3) == 200
    assert (await running.show(CONSUMER, taken.id)).state == "done"


async def test_a_campaign_that_is_resumed_while_its_worker_lays_it_aside_goes_on(place: Place) -> None:
    house, running = place.house, campaigns(place.house)
    taken = await running.accept(PATTERN, people(100), key="k", max_age_days=30)
    await running.pause(CONSUMER, taken.id)
    (claimed,) = await place.claimed()

    async def resumed() -> None:
        await running.resume(CONSUMER, taken.id)

    db: Any = Between(house.db, before=resumed)
    await replace(running, db=db).run(claimed)
    assert await turn(house, running) == 100


async def drawn(place: Place, calls: int) -> None:
    """Others ask the agency so many questions today."""
    day = place.now().date().isoformat()
    async with place.house.db.write() as connection:
        await booked(connection, Window(agency_use, {"provider": PROVIDER, "day": day}, 10**6, place.now()), calls)


async def test_a_campaign_takes_what_others_leave_of_a_day(place: Place) -> None:
    running = campaigns(place.house)
    await running.accept(PATTERN, people(100), key="k", max_age_days=30)
    await drawn(place, 1)
    assert 80 <= await turn(place.house, running) <= 99
    await drawn(place, 1)
    assert await turn(place.house, running) >= 1


async def test_the_most_that_a_campaign_wants_a_day_is_its_own_and_not_the_agency_s(place: Place) -> None:
    running = campaigns(place.house, per_day=100)
    await running.accept(PATTERN, people(40), key="k", max_age_days=30, per_day=20)
    for _ in range(2):
        await drawn(place, 50)
        assert await turn(place.house, running) == 20


async def test_campaigns_of_one_agency_are_expected_to_end_when_they_do(place: Place) -> None:
    running = campaigns(place.house)
    taken = [await running.accept(PATTERN, people(n), key=f"{n}", max_age_days=30) for n in (200, 400)]
    first, second = [(await running.show(CONSUMER, each.id)).expected_end for each in taken]
    assert (first, second) == (date(2026, 11, 4), date(2026, 11, 6))
    await turn(place.house, running, days=3)
    assert [(await running.show(CONSUMER, each.id)).state for each in taken] == ["running", "running"]
    await turn(place.house, running, days=4)
    assert [(await running.show(CONSUMER, each.id)).state for each in taken] == ["done", "done"]
