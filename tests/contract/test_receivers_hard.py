"""Every delivery arrives and acts once, whatever its receiver and the gateway's workers do: real HTTP, a fake clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from adapters.kit.callback import CallbackAdapter
from gateway.delivery import jobs, letters
from gateway.delivery.callbacks import Callbacks
from gateway.delivery.outbox import Begun
from gateway.delivery.tables import callback
from gateway.gate import utc_now
from tests.contract.delivery_worker import KEY, killable
from tests.durable_house import CONSUMER, a_house, handover
from tests.patient_receiver import a_receiver, dialling
from tests.receiving_place import Place


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with (
        a_receiver() as receiver,
        dialling(receiver.url) as dialler,
        a_house(database_url, tmp_path, deadline_s=0.3) as house,
    ):
        yield Place(house, receiver, dialler)


async def test_a_receiver_that_is_down_for_a_day_gets_everything_once(place: Place) -> None:
    place.receiver.mode = "down"
    ids = await place.accepted(3)
    await place.passed(timedelta(days=1))
    assert await place.states(ids) == {"queued"}
    place.mended()
    await place.passed(timedelta(hours=2))
    await place.ended_once(ids)


@pytest.mark.parametrize("mode", ["deaf", "late"])
async def test_what_acted_without_an_answer_in_time_comes_again_and_acts_once(place: Place, mode: str) -> None:
    place.receiver.mode = mode
    (id_,) = await place.accepted()
    await place.passed(timedelta(seconds=3))
    place.mended()
    await place.passed(timedelta(hours=1))
    assert max(place.receiver.arrived.values()) > 1
    await place.ended_once([id_])


async def test_answers_in_another_order_than_the_messages_end_each_its_own(place: Place) -> None:
    place.receiver.shuffled = Random(7)
    ids = await place.accepted(15)
    await place.passed(timedelta(minutes=1))
    await place.ended_once(ids)


async def test_one_slow_receiver_leaves_places_for_others(place: Place) -> None:
    place.receiver.mode, place.receiver.late_s = "late", 0.2
    ids = await place.accepted(40)
    other = await place.house.deliveries.accept(handover("other"))
    await place.worked()
    assert len(place.receiver.effects) == 16
    assert (await place.house.deliveries.show(CONSUMER, other.id)).state == "handed"
    place.mended()
    await place.passed(timedelta(minutes=5))
    await place.ended_once(ids)


async def test_what_nobody_took_is_a_letter_that_is_released_with_its_group_under_its_old_id(place: Place) -> None:
    place.receiver.mode = "down"
    ids = await place.accepted(3)
    await place.passed(timedelta(days=4))
    assert await place.states(ids) == {"held"}
    house, now = place.house, place.house.clock[0]
    async with house.db.write() as connection:
        (group,) = await letters.groups(connection)
        assert (group.kind, group.cause, group.target, group.count) == ("delivery", "source_down", place.service, 3)
        assert await house.outcomes(ids[0]) == []  # the exchange is not over
        place.mended()
        assert await letters.release(connection, house.log, group, by="o", approval="a", now=now) == 3
        assert await letters.groups(connection) == []
    await place.passed(timedelta(minutes=1))
    await place.ended_once(ids)


async def test_a_dropped_letter_ends_with_its_cause_and_an_old_one_by_itself(place: Place) -> None:
    place.receiver.mode = "down"
    ids = await place.accepted(2)
    await place.passed(timedelta(days=4))
    place.house.clock[0] += timedelta(days=30)
    async with place.house.db.write() as connection:
        assert await letters.expire(connection, place.house.log, place.house.clock[0]) == 2
    async with place.house.db.write() as connection:
        for each in await jobs.claim(connection, now=place.house.clock[0].timestamp(), most=9):
            assert each.kind == "drop"
    for each_id in ids:
        await place.house.deliveries.drop(jobs.Job(0, "drop", each_id, 1))
        assert await place.house.outcomes(each_id) == ["source_down"]
    assert await place.states(ids) == {"failed"}


async def test_what_may_not_be_repeated_is_sent_again_by_decision_as_an_exchange_of_its_own(place: Place) -> None:
    house = place.house
    taken = await house.deliveries.accept(handover("k", "fund.once"))
    begun = Begun(taken.id, "queued")
    await house.deliveries._outbox.sending(begun)  # as a worker left it that was killed while it sent
    await place.worked()
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "unknown"
    async with house.db.write() as connection:
        (group,) = await letters.groups(connection)
        await letters.release(connection, house.log, group, by="o", approval="a", now=house.clock[0])
        assert (group.kind, group.count, await letters.groups(connection)) == ("resend", 1, [])
    for _ in range(2):
        await house.deliveries.resend(jobs.Job(0, "resend", taken.id, 1))
    await place.worked()
    (item,) = house.fund.taken
    assert item.id != taken.id
    assert await house.outcomes(item.id) == ["answered"]
    assert await house.outcomes(taken.id) == ["unknown"]


async def test_a_callback_is_sent_until_it_is_taken_under_one_id(place: Place) -> None:
    house, receiver = place.house, place.receiver
    adapter = house.gate.catalogue.offer(place.service).link

    assert isinstance(adapter, CallbackAdapter)

    async def address(_system: str, _service: str) -> CallbackAdapter:
        return adapter

    callbacks = Callbacks(house.db, house.deliveries.seal, address, utc_now)
    receiver.mode = "deaf"
    async with house.db.write() as connection:
        id_ = await callbacks.add(connection, (CONSUMER, "on-search"), "on-search", {"transaction_id": "t"})
    for mode in ("deaf", "well"):
        receiver.mode = mode
        await callbacks.run(jobs.Job(1, "callback", id_, 1))
    assert (receiver.arrived, receiver.items) == ({id_: 2}, ["t"])
    async with house.db.read() as connection:
        row = (await connection.execute(select(callback))).one()
    assert (row.state, row.sealed) == ("handed", None)


@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=pytest.mark.nightly)])
async def test_a_worker_that_is_killed_at_any_moment_loses_nothing_and_every_effect_is_single(
    sqlite_url: str, tmp_path: Path, kills: int
) -> None:
    random, count = Random(kills), 40 * kills
    async with a_receiver() as receiver, dialling(receiver.url) as dialler:
        receiver.shuffled = random
        async with a_house(sqlite_url, tmp_path, key=KEY) as house:
            place = Place(house, receiver, dialler)
            ids = await place.accepted(count)
        for stop_at in [*sorted(random.sample(range(1, count - 10), kills)), count]:
            worker = killable(sqlite_url, tmp_path, receiver.url)
            try:
                async with asyncio.timeout(60):
                    while len(receiver.effects) < stop_at:
                        await asyncio.sleep(0.005)
                if stop_at == count:
                    await asyncio.sleep(0.5)
            finally:
                worker.kill()
                worker.wait()
        async with a_house(sqlite_url, tmp_path, key=KEY) as house:
            house.clock[0] += timedelta(hours=1)
            place = Place(house, receiver, dialler)
            await place.passed(timedelta(minutes=1))
            await place.ended_once(ids)
