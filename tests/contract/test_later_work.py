"""What is answered later: messages, agencies that take their time, campaigns of days, many workers on one database."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import orjson
import pytest

from adapters.kit.contract import AgencyError, AgencyHasNoSuchPerson, RawAnswer
from audit import Wanted as Search
from consent.lessening import note_lessening
from gateway.catalogue import Offer
from gateway.delivery import jobs, letters
from gateway.delivery.campaign_values import CampaignRefused
from gateway.delivery.deliveries import KeyReused
from gateway.delivery.status import standing, unfinished
from gateway.delivery.waiting import PATIENCE_S
from gateway.delivery.worker import Worker
from gateway.errors import OurError
from tests.durable_house import CONSUMER, PROVIDER, READ, Fund, a_house
from tests.later_place import PATTERN, Place, campaigns, message, people, question, turn


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with a_house(database_url, tmp_path) as house:
        yield Place(house)


async def test_a_message_is_answered_once_and_the_same_message_is_the_same(place: Place) -> None:
    first = await place.transactions.accept(message({"n": 0}, {"n": 1}))
    assert (await place.transactions.accept(message({"n": 0}, {"n": 1}))).id == first.id
    with pytest.raises(KeyReused):
        await place.transactions.accept(message({"n": 2}))
    assert (first.state, [each.state for each in await unfinished(place.house.db, CONSUMER, place.now())]) == (
        "rcvd",
        ["rcvd"],
    )
    await place.work()
    answer = {"correlation_id": first.id, "answers": [{"said": 0}, {"said": 1}]}
    assert place.address.told == [{"action": "on-search", **answer}]
    for attribute, values in (
        ("correlation_id", [first.id]),
        ("transaction_id", ["t1"]),
        ("reference_id_list", ["r1"]),
    ):
        (found,) = await place.transactions.find(CONSUMER, attribute, values)
        assert (found.state, found.done, found.answer) == ("succ", 2, answer)
    assert await place.transactions.find(PROVIDER, "correlation_id", [first.id]) == []
    assert (await standing(place.house.db, CONSUMER, first.id, place.now())).over
    with pytest.raises(KeyError):
        await standing(place.house.db, PROVIDER, first.id, place.now())


async def test_a_worker_that_dies_between_items_repeats_none_that_was_answered(place: Place) -> None:
    place.echo.failing = 3
    await place.transactions.accept(message(*({"n": n} for n in range(6))))
    await place.work(1)
    assert place.address.told == []
    place.house.clock[0] += timedelta(minutes=1)
    await place.work()
    assert [each["said"] for each in place.address.told[0]["answers"]] == list(range(6))
    assert place.echo.asked[3] == 2
    assert max(count for n, count in place.echo.asked.items() if n < 3) == 1


async def test_an_answer_that_waited_is_looked_at_again_before_it_is_sent(place: Place) -> None:
    await place.transactions.accept(message({"n": 0}))
    await place.work(1)  # answered; its callback waits
    place.house.clock[0] += timedelta(minutes=5)
    await place.work()
    assert place.address.told[0]["answers"] == [{"said": 0, "still": True}]


async def test_an_answer_is_looked_at_again_however_soon_it_is_sent_if_somebody_withdrew(place: Place) -> None:
    await place.transactions.accept(message({"n": 0}))
    await place.work(1)  # answered; its callback waits
    async with place.house.db.write() as connection:
        await note_lessening(connection, place.now())
    await place.work()
    assert place.address.told[0]["answers"] == [{"said": 0, "still": True}]


async def test_an_item_that_waited_for_the_others_is_looked_at_again_though_its_message_was_just_answered(
    place: Place,
) -> None:
    await place.transactions.accept(message({"n": 0}, {"n": 1, "slow": True}))
    await place.work()
    place.house.clock[0] += timedelta(hours=1)
    await place.waiting.tell(PROVIDER, place.reference, RawAnswer({"a": "7"}, date(2026, 10, 31), "00"))
    await place.work()
    assert [each["still"] for each in place.address.told[0]["answers"]] == [True, True]


async def test_an_answer_that_outlives_what_is_kept_of_its_message_is_looked_at_before_it_is_sent(place: Place) -> None:
    await place.transactions.accept(message({"n": 0}))
    await place.work(1)
    (claimed,) = await place.claimed()
    await place.callbacks.give_up(claimed)  # held: a letter that two people may release
    place.house.clock[0] += timedelta(days=3)
    assert await place.transactions.erase_expired() == 0
    async with place.house.db.write() as connection:
        await jobs.bury(connection, claimed, "source_down")
        (group,) = await letters.groups(connection)
        await letters.release(connection, place.house.log, group, by="o", approval="a", now=place.now())
    await place.work()
    assert place.address.told[0]["answers"] == [{"said": 0, "still": True}]
    assert await place.transactions.erase_expired() == 1


async def test_messages_are_forgotten_when_their_time_is_over(place: Place) -> None:
    taken = await place.transactions.accept(message({"n": 0}))
    await place.work()
    place.house.clock[0] += timedelta(hours=2)
    assert await place.transactions.erase_expired() == 1
    assert await place.transactions.find(CONSUMER, "correlation_id", [taken.id]) == []


async def test_an_item_waits_for_an_agency_and_the_message_is_answered_when_it_has_told(place: Place) -> None:
    await place.transactions.accept(message({"n": 0, "slow": True}, {"n": 1}))
    await place.work()
    assert place.address.told == []
    told = RawAnswer({"a": "7"}, date(2026, 10, 31), "00")
    assert not await place.waiting.tell("LK/GOV/OTHER/ONE", place.reference, told)
    assert await place.waiting.tell(PROVIDER, place.reference, told)
    await place.work()
    assert place.address.told[0]["answers"] == [{"said": 0, "outcome": "answered"}, {"said": 1}]
    assert not await place.waiting.tell(PROVIDER, place.reference, told)  # once more, too late


async def test_what_an_agency_tells_later_is_decided_again_and_may_be_fetched_as_long_as_it_is_allowed(
    place: Place,
) -> None:
    id_ = await place.waiting.ask(question())
    await place.work()
    assert await place.waiting.released(CONSUMER, id_) is None
    await place.waiting.tell(PROVIDER, place.reference, RawAnswer({"a": "7"}, date(2026, 10, 31), "00"))
    await place.work()
    answer = await place.waiting.released(CONSUMER, id_)
    assert answer is not None
    assert (answer["record"], bool(answer["receipt"])) == ({"a": "7"}, True)
    place.house.clock[0] += timedelta(minutes=1)
    assert await place.waiting.released(CONSUMER, id_) == answer
    place.house.agreements.clear()
    assert await place.waiting.released(CONSUMER, id_) is None
    assert await place.outcomes() == ["answered"]
    assert len(await place.house.log.search(Search(kind="answer.withheld"))) == 1


async def test_what_an_agency_told_a_moment_ago_is_not_handed_out_if_somebody_withdrew_since(place: Place) -> None:
    id_ = await place.waiting.ask(question())
    await place.work()
    await place.waiting.tell(PROVIDER, place.reference, RawAnswer({"a": "7"}, date(2026, 10, 31), "00"))
    await place.work()
    place.house.agreements.clear()
    async with place.house.db.write() as connection:
        await note_lessening(connection, place.now())
    assert await place.waiting.released(CONSUMER, id_) is None


async def test_an_agreement_that_ended_before_the_agency_answered_releases_nothing(place: Place) -> None:
    id_ = await place.waiting.ask(question())
    await place.work()
    place.house.agreements.clear()
    await place.waiting.tell(PROVIDER, place.reference, RawAnswer({"a": "7"}, date(2026, 10, 31), "00"))
    await place.work()
    assert (await place.waiting.show(CONSUMER, id_)).outcome == "refused_by_rules"
    assert await place.outcomes() == ["refused_by_rules"]


@pytest.mark.parametrize("told", [AgencyHasNoSuchPerson("nobody", code="404"), None], ids=["nobody", "nothing"])
async def test_what_an_agency_says_or_does_not_say_in_time_is_the_end(place: Place, told: AgencyError | None) -> None:
    id_ = await place.waiting.ask(question())
    await place.work()
    if told:
        await place.waiting.tell(PROVIDER, place.reference, told)
    else:
        place.house.clock[0] += timedelta(seconds=PATIENCE_S + 1)
        assert await place.waiting.overdue() == 1
    await place.work()
    outcome = "unknown_person" if told else "source_down"
    assert (await place.waiting.show(CONSUMER, id_)).outcome == outcome
    assert await place.outcomes() == [outcome]


async def test_who_answers_at_once_is_not_asked_to_answer_later(place: Place) -> None:
    place.house.gate.catalogue._offers[READ.id] = Offer(READ, PROVIDER, Fund())
    with pytest.raises(OurError):
        await place.waiting.ask(question())


async def test_a_campaign_keeps_to_the_agencys_day_and_says_when_it_will_end(place: Place) -> None:
    house, running = place.house, campaigns(place.house)
    taken = await running.accept(PATTERN, people(250), key="k", max_age_days=7)
    assert (taken.per_day, taken.expected_end) == (100, date(2026, 11, 3))
    assert (await running.accept(PATTERN, people(250), key="k", max_age_days=7)).id == taken.id
    assert [await turn(house, running) for _ in range(4)] == [100, 100, 50, 0]
    shown = await running.show(CONSUMER, taken.id)
    assert (shown.state, shown.done, shown.expected_end) == ("done", 250, None)
    lines = [orjson.loads(line) async for part in running.results(shown) for line in part.splitlines()]
    assert [line["line"] for line in lines] == [str(n) for n in range(250)]
    kinds = ("campaign.accepted", "campaign.done")
    assert [len(await house.log.search(Search(kind=each))) for each in kinds] == [1, 1]


async def test_two_campaigns_share_the_day_of_their_agency(place: Place) -> None:
    running = campaigns(place.house)
    for key in ("a", "b"):
        await running.accept(PATTERN, people(100), key=key, max_age_days=7)
    assert [await turn(place.house, running) for _ in range(3)] == [100, 100, 0]


async def test_a_paused_campaign_asks_nothing_and_goes_on_where_it_was(place: Place) -> None:
    house, running = place.house, campaigns(place.house)
    taken = await running.accept(PATTERN, people(200), key="k", max_age_days=30)
    assert await turn(house, running) == 100
    assert (await running.pause(CONSUMER, taken.id)).expected_end is None
    assert await turn(house, running, days=3) == 0
    with pytest.raises(CampaignRefused):
        await running.pause(CONSUMER, taken.id)
    await running.resume(CONSUMER, taken.id)
    assert await turn(house, running) == 100
    assert (await running.show(CONSUMER, taken.id)).state == "done"


async def test_evidence_that_has_grown_too_old_is_asked_for_again(place: Place) -> None:
    house, running = place.house, campaigns(place.house)
    taken = await running.accept(PATTERN, people(200), key="k", max_age_days=2)
    await turn(house, running)
    await running.pause(CONSUMER, taken.id)
    await turn(house, running, days=5)
    await running.resume(CONSUMER, taken.id)
    assert await turn(house, running, days=2) == 200  # the other half, and the first once more
    shown = await running.show(CONSUMER, taken.id)
    assert (shown.state, shown.asked_again) == ("done", 100)


async def test_a_campaign_that_would_never_be_fresh_as_a_whole_is_refused(place: Place) -> None:
    running = campaigns(place.house)
    with pytest.raises(CampaignRefused, match="5 days"):
        await running.accept(PATTERN, people(500), key="k", max_age_days=3)
    with pytest.raises(CampaignRefused, match="no daily quota"):
        await campaigns(place.house, 0).accept(PATTERN, people(5), key="k", max_age_days=3)


async def test_many_workers_on_one_database_run_every_job_once(postgres_url: str, tmp_path: Path) -> None:
    async with a_house(postgres_url, tmp_path) as house:
        now, ran = house.clock[0].timestamp(), Counter[str]()

        async def handler(claimed: jobs.Job) -> None:
            ran[claimed.ref] += 1
            async with house.db.write() as connection:
                await jobs.finish(connection, claimed.kind, claimed.ref)

        async with house.db.write() as connection:
            for lane in (jobs.LIVE, jobs.BULK, jobs.EVENTS):
                await jobs.add_all(connection, "x", [f"{lane}-{n}" for n in range(60)], now=now, lane=lane)
        workers = [Worker(house.db, {"x": handler}, {}, lambda: now, width={0: 5, 1: 2, 2: 5}) for _ in range(4)]
        running = [asyncio.create_task(each.run()) for each in workers]
        async with asyncio.timeout(20):
            while len(ran) < 180:
                await asyncio.sleep(0.02)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        assert set(ran.values()) == {1}
