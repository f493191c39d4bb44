"""An agency is asked no oftener than it allows, by anybody, in any way of asking, in all processes together."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select
from starlette.requests import Request

from adapters.kit.contract import Question, RawAnswer, Subject
from audit import Wanted
from gateway.agency_health import agencies
from gateway.agency_quota import AgencyQuota
from gateway.catalogue import Offer
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.delivery.campaigns import Campaigns
from gateway.delivery.tables import agency_minute
from gateway.delivery.worker import Worker
from gateway.edges.v1.problems import _exchange
from gateway.errors import SourceUnavailable
from gateway.gate import Gate
from gateway.gate_ports import Limits
from gateway.model import Ask
from gateway.pipeline import exchange
from gateway.settings import SettingError
from tests.durable_house import AT, CONSUMER, PROVIDER, SERVICES, Fund, House, a_house, handover, subject


class Answering(Fund):
    """An agency that answers single questions too."""

    async def ask(self, question: Question) -> RawAnswer:
        self.asked.append(question.subject.identifiers[0].value)
        return RawAnswer({"a": 1}, date(2026, 9, 30))


def meter(house: House, own: Mapping[str, str] | None = None) -> AgencyQuota:
    """What one process counts with."""

    def setting(name: str) -> str:
        return (own or {})[name]

    return AgencyQuota(house.db, UTC, lambda: house.clock[0], setting)


@asynccontextmanager
async def metered(url: str, folder: Path) -> AsyncIterator[House]:
    async with a_house(url, folder) as found:
        found.fund.__class__ = Answering
        gate = replace(found.gate, meter=meter(found))
        found.gate = found.deliveries.gate = found.batches.gate = gate
        yield found


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with metered(database_url, tmp_path) as found:
        yield found


@pytest.fixture
async def small(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """For what no other database would do otherwise: counting itself is proved on both."""
    async with metered(sqlite_url, tmp_path) as found:
        yield found


def allow(house: House, **quota: int) -> None:
    extra = {f"quota_{name}": most for name, most in quota.items()}
    for service in SERVICES:
        house.gate.catalogue._offers[service.id] = Offer(replace(service, extra=extra), PROVIDER, house.fund)


def ask(number: str = "1") -> Ask:
    return Ask(CONSUMER, "fund.status", "p", subject(number), date(2026, 11, 1), frozenset({"a"}))


async def over(gate: Gate, number: str = "1") -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as caught:
        await exchange(ask(number), gate)
    return caught.value


async def test_one_more_than_the_day_allows_is_source_down_and_never_reaches_the_agency(house: House) -> None:
    allow(house, per_day=2)
    for number in ("1", "2"):
        assert (await exchange(ask(number), house.gate)).outcome == "answered"
    error = await over(house.gate, "3")
    assert house.fund.asked == ["1", "2"]
    assert error.told[:2] == (503, "source_down")
    (found,) = await house.log.search(Wanted(facts=(("outcome", "source_down"),)))
    (stored,) = await house.log.find([found.entry_id])
    assert (stored.entry.facts["source_code"], stored.entry.facts["exchange_id"]) == ("quota", error.exchange_id)


async def test_the_caller_hears_when_the_agency_takes_questions_again_and_then_may_ask(small: House) -> None:
    allow(small, per_day=1)
    small.clock[0] = AT + timedelta(hours=23)
    await exchange(ask(), small.gate)
    error = await over(small.gate)
    assert error.after_s == 3601
    assert (await _exchange(Request({"type": "http"}), error)).headers["retry-after"] == "3601"
    small.clock[0] += timedelta(seconds=error.after_s)
    assert (await exchange(ask(), small.gate)).outcome == "answered"


async def test_a_minute_has_a_quota_of_its_own_and_leaves_no_rows_behind(house: House) -> None:
    allow(house, per_day=100, per_minute=2)
    for _ in range(3):
        for _ in range(2):
            await exchange(ask(), house.gate)
        assert (await over(house.gate)).after_s in range(1, 62)
        house.clock[0] += timedelta(minutes=1)
    async with house.db.read() as connection:
        assert [row.used for row in (await connection.execute(select(agency_minute))).all()] == [2]


async def test_processes_draw_from_one_day_however_they_interleave(house: House) -> None:
    allow(house, per_day=50)
    gates = [replace(house.gate, meter=meter(house)) for _ in range(4)]
    ends = await asyncio.gather(*(exchange(ask(), gates[n % 4]) for n in range(80)), return_exceptions=True)
    told = Counter("over" if isinstance(each, SourceUnavailable) else "answered" for each in ends)
    assert told == {"answered": 50, "over": 30}
    assert len(house.fund.asked) == 50


async def test_a_large_quota_is_drawn_in_lots_that_a_restart_loses_and_never_asks_twice(house: House) -> None:
    allow(house, per_day=2000)
    await exchange(ask(), house.gate)
    assert await house.gate.meter.used_today() == {PROVIDER: 20}
    for _ in range(19):
        await exchange(ask(), house.gate)
    assert await house.gate.meter.used_today() == {PROVIDER: 20}
    await exchange(ask(), replace(house.gate, meter=meter(house)))
    assert await house.gate.meter.used_today() == {PROVIDER: 40}


async def test_a_batch_asks_as_many_as_there_is_room_for_and_says_so_of_the_others(
    small: House,
) -> None:
    allow(small, per_day=3)
    pattern = replace(ask(), subject=Subject())
    taken = await small.batches.accept(pattern, [Line(str(n), subject(f"1990{n}1")) for n in range(5)])
    await small.work()
    said = [orjson.loads(line) async for part in small.batches.results(taken.id) for line in part.splitlines()]
    assert [each["outcome"] for each in said] == ["answered"] * 3 + ["source_down"] * 2
    assert [each.get("source_code") for each in said[3:]] == ["quota", "quota"]
    assert len(small.fund.asked) == 3


async def test_a_delivery_over_the_quota_waits_and_is_handed_over_the_next_day(small: House) -> None:
    allow(small, per_day=1)
    await exchange(ask(), small.gate)
    await small.deliveries.accept(handover("d1"))
    await small.work()
    assert small.fund.taken == []
    small.clock[0] += timedelta(days=1, minutes=1)
    await small.work()
    assert len(small.fund.taken) == 1


async def test_what_a_campaign_booked_is_not_counted_twice_and_leaves_the_rest_of_the_day(house: House) -> None:
    allow(house, per_day=10)
    running = Campaigns(house.db, house.gate, house.deliveries.seal, house.batches, UTC, 3600, lambda: None)
    pattern = replace(ask(), subject=Subject())
    await running.accept(pattern, [Line(str(n), subject(f"1990{n}1")) for n in range(8)], key="k", max_age_days=7)
    handlers = {"campaign": running.run, "batch": house.batches.run}
    worker = Worker(house.db, handlers, {}, lambda: house.clock[0].timestamp())
    for _ in range(6):
        async with house.db.write() as connection:
            claimed = await jobs.claim(connection, now=house.clock[0].timestamp(), most=10)
        for each in claimed:
            await worker.run_one(each)
        house.clock[0] += timedelta(seconds=6)
    assert (len(house.fund.asked), await house.gate.meter.used_today()) == (8, {PROVIDER: 8})
    for _ in range(2):
        await exchange(ask(), house.gate)
    await over(house.gate)


async def test_a_deployment_may_have_agreed_another_number_and_a_wrong_one_is_named(small: House) -> None:
    allow(small, per_day=1)
    offer = small.gate.catalogue.offer("fund.status")
    assert meter(small).limits(offer) == Limits(1, None)
    assert meter(small, {"FUND_PER_DAY": "5", "FUND_PER_MINUTE": "2"}).limits(offer) == Limits(5, 2)
    for wrong in ("0", "many", "-1", "²"):
        with pytest.raises(SettingError, match="SANDHI_FUND_PER_DAY"):
            meter(small, {"FUND_PER_DAY": wrong}).limits(offer)


async def test_health_says_what_of_the_day_is_used_and_that_it_is_used_up(small: House) -> None:
    allow(small, per_day=2)

    async def told() -> dict[str, object]:
        found = agencies(small.gate.catalogue, small.gate.meter, await small.gate.meter.used_today())
        return next(each for each in found if each.adapter == "fund").wire()

    assert (await told())["quota"] == {"per_day": 2, "used_today": 0}
    for _ in range(2):
        await exchange(ask(), small.gate)
    shown = await told()
    assert (shown["state"], shown["quota"]) == ("over_quota", {"per_day": 2, "used_today": 2})


async def test_an_agency_without_a_quota_costs_no_write(small: House) -> None:
    await exchange(ask(), small.gate)
    assert await small.gate.meter.used_today() == {}
