"""A death reaches the programme's system and ESS, what came of a referral the registry; each gets what is its own."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.kit.contract import Told
from audit import Wanted
from consent import Agreement, Grant, Party
from gateway.catalogue import Offer
from gateway.delivery import jobs
from gateway.events.subscriptions import wish
from gateway.events.telling import Events
from tests.durable_house import AT, CONSUMER, PUSH, Fund, House, a_house, agreement, subject
from tests.telling_house import events_of, fan_out, tell

CRVS, MIS, ESS = CONSUMER, "LK/GOV/WBB/MIS", "LK/GOV/DME/ESS"
DEATH = {"event": "death", "date": "2026-10-30", "registration": "D-1", "district": "LK-11"}


class Place:
    """A registry of deaths and the systems that are told of them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.events: Events = events_of(house.db, house.log, house.deliveries, clock=lambda: house.clock[0])
        self.told: dict[str, Fund] = {}

    def agrees(self, receiver: str, name: str, fields: set[str]) -> None:
        """Let the receiver be told these fields of events of this name."""
        service = replace(PUSH, id=f"{receiver.replace('/', '.')}/{name}", fields=frozenset(DEATH))
        self.told[receiver] = fund = Fund()
        self.house.gate.catalogue._offers[service.id] = Offer(service, receiver, fund)
        grant = Grant(service.id, frozenset({"push"}), frozenset(fields), service.sent)
        self.house.agreements.append(_between(receiver, grant))

    async def tell(self, number: str, name: str = "vital-event", **record: object) -> None:
        await tell(self.events, [Told(number, name, {**DEATH, **record}, subject(f"19851230{number:0>4}"))], CRVS)
        await self.house.work()

    def heard(self, receiver: str) -> list[dict[str, object]]:
        return [dict(item.record) for item in self.told[receiver].taken]


def _between(receiver: str, grant: Grant) -> Agreement:
    provider = Party(receiver.rpartition("/")[0], frozenset({receiver}))
    return replace(agreement(), id=f"A-{receiver}", provider=provider, grants={grant.service: grant})


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with a_house(database_url, tmp_path) as house:
        yield Place(house)


async def test_a_death_reaches_the_programme_and_ess_each_with_its_own_fields(place: Place) -> None:
    place.agrees(MIS, "vital-event", {"event", "date"})
    place.agrees(ESS, "vital-event", {"event"})
    await place.events.subscriptions.add([wish(each, CRVS, "death", "p") for each in (MIS, ESS)])
    await place.tell("1")
    assert place.heard(MIS) == [{"event": "death", "date": "2026-10-30"}]
    assert place.heard(ESS) == [{"event": "death"}]
    intents = await place.house.log.search(Wanted(kind="exchange.intent"))
    outcomes = await place.house.log.search(Wanted(kind="exchange.outcome"))
    assert (len(intents), len(outcomes)) == (2, 2)


async def test_what_came_of_a_referral_reaches_the_registry(place: Place) -> None:
    place.agrees(MIS, "enrolment", {"event", "date"})
    await place.events.subscriptions.add([wish(MIS, CRVS, "enrolment_status_change", "p")])
    await place.tell("1", "enrolment", event="enrolled")
    assert place.heard(MIS) == [{"event": "enrolled", "date": "2026-10-30"}]


async def test_a_recipient_whose_agreement_ended_is_told_nothing_and_the_log_says_so(place: Place) -> None:
    place.agrees(MIS, "vital-event", {"event"})
    place.agrees(ESS, "vital-event", {"event"})
    await place.events.subscriptions.add([wish(each, CRVS, "death", "p") for each in (MIS, ESS)])
    place.house.agreements[:] = [each for each in place.house.agreements if each.id != f"A-{ESS}"]
    await place.tell("1")
    assert (len(place.heard(MIS)), place.heard(ESS)) == (1, [])
    found = await place.house.log.search(Wanted(kind="exchange.outcome"))
    assert sorted(each.facts["outcome"] for each in found) == ["answered", "refused_by_rules"]


async def test_a_filter_on_a_field_that_is_withheld_by_then_tells_nothing(place: Place) -> None:
    place.agrees(MIS, "vital-event", {"event", "district"})
    looking = {"attribute": "district", "operator": "eq", "value": "LK-11"}
    wanted = wish(MIS, CRVS, "death", "p", filter=looking)
    async with place.house.db.write() as connection:  # recorded while an agreement let it look
        await place.events.subscriptions.put(connection, wanted, place.house.clock[0])
    await place.tell("1")
    await place.tell("2", district="LK-12")
    assert place.heard(MIS) == [{"event": "death", "district": "LK-11"}]
    fund = place.told[MIS]
    place.house.agreements.clear()
    place.agrees(MIS, "vital-event", {"event"})
    await place.tell("3")
    assert (len(fund.taken), place.heard(MIS)) == (1, [])


async def test_what_waits_for_its_time_is_not_told_after_the_end_of_the_subscription(place: Place) -> None:
    place.agrees(MIS, "vital-event", {"event"})
    (code,) = await place.events.subscriptions.add([wish(MIS, CRVS, "death", "p", frequency="0 6 * * *")])
    await place.tell("1")
    assert place.heard(MIS) == []
    place.house.clock[0] = AT.replace(hour=6, minute=1)
    await place.tell("2")
    await place.house.work()
    assert place.heard(MIS) == [{"event": "death"}]
    await place.events.subscriptions.end(MIS, code)
    place.house.clock[0] = AT.replace(day=2, hour=6, minute=1)
    await place.house.work()
    assert len(place.heard(MIS)) == 1


async def test_a_flood_of_events_holds_no_delivery_up(place: Place) -> None:
    place.agrees(MIS, "vital-event", {"event"})
    await place.events.subscriptions.add([wish(MIS, CRVS, "death", "p")])
    await place.events.take([Told(str(n), "vital-event", DEATH, subject(f"1985123{n:05}")) for n in range(50)], CRVS)
    assert await fan_out(place.events) == 50
    async with place.house.db.write() as connection:
        now = place.house.clock[0].timestamp()
        live = await jobs.claim(connection, now=now, most=100, lane=jobs.LIVE)
        events = await jobs.claim(connection, now=now, most=100, lane=jobs.EVENTS)
    assert [each.kind for each in live] == ["subscribe"]
    assert {each.kind for each in events} == {"delivery"}
    assert len(events) == 50
