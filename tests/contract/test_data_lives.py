"""At the end of the data life that was agreed, or told to the person, each recipient has to erase what it received."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from agreeing import EPF, FUND, SR, WBB, Here, document, line, nic, opened, signed

from adapters.kit.contract import Question, RawAnswer
from consent import FactsSource
from gateway.catalogue import Catalogue, Offer
from gateway.data_lives import DataLives
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.delivery.batches import Batches
from gateway.delivery.deliveries import Deliveries
from gateway.edges.v1 import erasures
from gateway.erasing import Erasing
from gateway.gate import Gate, utc_now
from gateway.model import Ask, Handover, Identifier, Subject
from gateway.pipeline import exchange
from gateway.trust.seal import Seal
from tests.durable_house import PUSH, READ, Fund

PURPOSE = "employment-support.eligibility"
AGREED, TOLD = 90, 30


class Answering(Fund):
    """An agency that answers at once."""

    async def ask(self, question: Question) -> RawAnswer:
        return RawAnswer({"a": "1"}, date(2026, 9, 30), "00")


@dataclass
class Place:
    """A gate and the durable half over one register and one log."""

    here: Here
    gate: Gate
    deliveries: Deliveries
    batches: Batches

    async def work(self) -> None:
        handlers = {"delivery": self.deliveries.run, "batch": self.batches.run}
        async with self.here.db.write() as connection:
            claimed = await jobs.claim(connection, now=utc_now().timestamp() + 1, most=10)
        for each in claimed:
            if each.kind in handlers:
                await handlers[each.kind](each)

    async def swept(self, days: float = 1) -> int:
        """As if the house were kept so many days later."""
        later = utc_now() + timedelta(days=days)
        return await DataLives(self.here.db, self.here.log, lambda: later).sweep()

    async def duties(self, who: Any = SR) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.here.call(who, "GET", "/erasures")).json()["erasures"]
        return found


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(database_url, tmp_path) as here:
        here.app.include_router(erasures.router, prefix="/v1")
        facts, seal = FactsSource(here.db.read), Seal([b"k" * 32])
        offers = [Offer(each, FUND.system, Answering()) for each in (READ, PUSH)]
        gate = Gate(Catalogue(offers), facts.of, facts.of_many, here.log, here.person_ref)
        made = asyncio.Event()
        deliveries = Deliveries(here.db, gate, seal, made)
        yield Place(here, gate, deliveries, Batches(here.db, gate, seal, made, kept_s=3600))
        await facts.close()


async def agreed(place: Place, **changes: Any) -> None:
    granted = [
        {"service": each.id, "actions": [*each.actions, "bulk"], "fields": ["a"], "sends": ["NIC"]}
        for each in (READ, PUSH)
    ]
    made = await place.here.call(SR, "POST", "/agreements", json=signed(document(services=granted, **changes)))
    assert made.status_code == 201


async def consented(place: Place, number: int = 1, **changes: Any) -> None:
    said = line(number, recipients=[WBB, EPF], services=[READ.id, PUSH.id], **changes)
    assert (await place.here.call(SR, "POST", "/consents", json=said)).status_code == 201


def subject(number: int = 1) -> Subject:
    return Subject((Identifier("NIC", nic(number)),))


ASK = Ask(SR.system, READ.id, PURPOSE, subject(), date(2026, 10, 31), frozenset({"a"}))


def due(days: int) -> str:
    return (datetime.combine(utc_now().date(), time(), UTC) + timedelta(days=days)).isoformat()


async def test_what_was_received_has_to_be_erased_when_the_agreed_days_are_over(place: Place) -> None:
    await agreed(place, data_life_days=AGREED)
    await consented(place)
    asked = [(await exchange(ASK, place.gate)).exchange_id for _ in range(2)]
    assert await place.swept(days=0) == 0, "a day is put on the list when it is over"
    assert [await place.swept(), await place.swept()] == [1, 0]
    (duty,) = await place.duties()
    assert (duty["recipient"], duty["controller"], duty["cause"]) == (SR.system, EPF, "data_life")
    assert (duty["exchanges"], duty["due_at"], duty["agreement"]) == (asked, due(AGREED), "A1")
    assert duty["standing"] == "due"
    assert [each["yours"] for each in await place.duties(FUND)] == [False], "the source sees whether it is done"


async def test_the_shorter_life_of_a_consent_counts_for_what_rested_on_it(place: Place) -> None:
    await agreed(place, data_life_days=AGREED)
    await consented(place)
    await consented(place, 2, data_life_days=TOLD)
    usual = (await exchange(ASK, place.gate)).exchange_id
    shorter = (await exchange(replace(ASK, subject=subject(2)), place.gate)).exchange_id
    await place.swept()
    assert {each["due_at"]: each["exchanges"] for each in await place.duties()} == {
        due(TOLD): [shorter],
        due(AGREED): [usual],
    }


async def test_a_batch_counts_once_for_each_life_of_its_lines(place: Place) -> None:
    await agreed(place, data_life_days=AGREED)
    await consented(place)
    await consented(place, 2)
    await consented(place, 3, data_life_days=TOLD)
    pattern = replace(ASK, subject=Subject())
    taken = await place.batches.accept(pattern, [Line(str(each), subject(each)) for each in range(1, 5)])
    await place.work()
    await place.swept()
    duties = await place.duties()
    assert [each["exchanges"] for each in duties] == [[taken.id], [taken.id]]
    assert [each["due_at"] for each in duties] == [due(TOLD), due(AGREED)]


async def test_of_what_was_handed_over_the_receiver_erases(place: Place) -> None:
    await agreed(place, data_life_days=AGREED)
    await consented(place)
    await place.deliveries.accept(Handover(SR.system, PUSH.id, PURPOSE, subject(), {"a": "1"}, "k1"))
    await place.work()
    await place.swept()
    (duty,) = await place.duties(FUND)
    assert (duty["recipient"], duty["controller"], duty["yours"]) == (FUND.system, WBB, True)


async def test_without_any_life_or_release_there_is_no_duty(place: Place) -> None:
    await agreed(place)
    await consented(place)
    await exchange(ASK, place.gate)
    assert await place.swept() == 0
    assert await place.duties() == []


async def test_who_has_not_acknowledged_when_the_life_is_over_is_asked_and_the_acknowledgement_ends_it(
    place: Place,
) -> None:
    await agreed(place, data_life_days=AGREED)
    await consented(place)
    await exchange(ASK, place.gate)
    await place.swept()

    async def reminded(days: float) -> int:
        later = utc_now() + timedelta(days=days)
        return await Erasing(place.here.db, place.here.log, lambda: later).remind()

    assert [await reminded(AGREED - 2), await reminded(AGREED + 1), await reminded(AGREED + 3)] == [0, 1, 1]
    (duty,) = await place.duties()
    done = await place.here.call(SR, "POST", f"/erasures/{duty['erasure']}/acknowledge")
    assert done.json()["outcome"] == "acknowledged"
    assert await reminded(AGREED + 5) == 0
    told = [each for each in await place.here.entries() if each["kind"].startswith("erasure.")]
    assert [each["kind"].partition(".")[2] for each in told] == ["due", "overdue", "overdue", "acknowledged"]
    assert {each["facts"]["agreement"] for each in told} == {"A1"}
    assert nic(1) not in str(told)


async def test_two_processes_put_the_same_day_on_the_list_once(place: Place) -> None:
    await agreed(place, data_life_days=AGREED)
    await consented(place)
    await exchange(ASK, place.gate)
    assert sorted(await asyncio.gather(place.swept(), place.swept())) == [0, 1]
    assert len(await place.duties()) == 1
