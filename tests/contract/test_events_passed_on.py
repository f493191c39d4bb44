"""Who subscribed to what is told just that: kept apart by type, purpose and filter, each handover once for each."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from adapters.kit.contract import Identifier, Subject, Told
from gateway.db import Database
from gateway.delivery import jobs
from gateway.delivery.deliveries import KeyReused
from gateway.errors import NoEvidence, RefusedByRules
from gateway.events.subscriptions import Subscription, SubscriptionRefused, wish
from gateway.events.tables import event
from gateway.events.telling import Events
from gateway.migrations import upgraded
from gateway.model import Handover
from tests.telling_house import events_of, fan_out, tell
from tests.trusting import Clock, LogInMemory

ESS, SRIS, OFFICE = "LK/GOV/DME/ESS", "LK/GOV/WBB/SRIS", "LK/GOV/DME/OFFICE-LK-11"
SUBJECT = Subject((Identifier("NIC", "199012304567"),))
DEATH = {"event": "death", "date": "2026-10-30"}


class Taken:
    """Deliveries that remember what they took, and refuse as told."""

    def __init__(self) -> None:
        self.handovers: list[Handover] = []
        self.times: list[float] = []
        self.refusing: Exception | None = None

    async def accept(self, handover: Handover, *, lane: int, not_before: float) -> None:
        assert lane == jobs.EVENTS
        if self.refusing:
            raise self.refusing
        self.handovers.append(handover)
        self.times.append(not_before)


class Place:
    """Events and who takes them."""

    def __init__(self, db: Database) -> None:
        self.log, self.taken, self.clock = LogInMemory(), Taken(), Clock()
        self.events: Events = events_of(db, self.log, self.taken, clock=self.clock, zone=ZoneInfo("Asia/Colombo"))

    async def subscribe(self, *wanted: Subscription) -> list[str]:
        return await self.events.subscriptions.add(wanted)

    async def told(self, name: str, number: str = "1", **record: object) -> set[tuple[str, str]]:
        """Who is told of the event: (service, purpose)."""
        before = len(self.taken.handovers)
        await tell(self.events, [Told(number, name, record or {"a": 1}, SUBJECT)], ESS)
        return {(each.service, each.purpose) for each in self.taken.handovers[before:]}


@pytest.fixture
async def place(database_url: str) -> AsyncIterator[Place]:
    opened = Database(database_url)
    await upgraded(opened)
    yield Place(opened)
    await opened.close()


@pytest.mark.parametrize(
    ("event_name", "record", "subscribed", "told_of_it"),
    [
        ("enrolment", {}, "enrolment", True),
        ("enrolment", {}, "enrolment_status_change", True),
        ("enrolment", {}, "death", False),
        ("vital-event", DEATH, "death", True),
        ("vital-event", DEATH, "birth", False),
        ("vital-event", {"event": "birth"}, "live_birth", True),
        ("vital-event", {"event": "birth"}, "death", False),
        ("vital-event", DEATH, "enrolment", False),
        ("finding", {}, "enrolment", True),
    ],
)
async def test_an_event_goes_to_those_who_subscribed_to_its_type(
    place: Place, event_name: str, record: dict[str, object], subscribed: str, told_of_it: bool
) -> None:
    await place.subscribe(wish(SRIS, ESS, subscribed, "p"))
    assert bool(await place.told(event_name, **record)) is told_of_it


async def test_two_types_for_one_purpose_are_one_handover_and_two_purposes_are_two(place: Place) -> None:
    await place.subscribe(wish(SRIS, ESS, "enrolment", "p"), wish(SRIS, ESS, "enrolment_status_change", "p"))
    assert await place.told("enrolment") == {("LK.GOV.WBB.SRIS/enrolment", "p")}
    await place.subscribe(wish(SRIS, ESS, "enrolment_status_change", "q"))
    assert {purpose for _service, purpose in await place.told("enrolment", "2")} == {"p", "q"}


async def test_an_event_told_again_is_the_same_event_and_each_handover_has_a_key_of_its_own(place: Place) -> None:
    await place.subscribe(wish(SRIS, ESS, "enrolment", "p"), wish(OFFICE, ESS, "enrolment", "p"))
    long = "x" * 200
    for _ in range(2):
        for number in ("1", "2"):
            await place.told("enrolment", f"{long}{number}")
    keys = [each.idempotency_key for each in place.taken.handovers]
    assert (len(keys), len(set(keys))) == (4, 4)
    assert place.log.kinds.count("event.told") == 2


async def test_a_worker_that_is_killed_between_handovers_makes_the_rest_and_the_same_keys(place: Place) -> None:
    await place.subscribe(wish(SRIS, ESS, "enrolment", "p"), wish(OFFICE, ESS, "enrolment", "p"))
    await place.events.take([Told("1", "enrolment", {"a": 1}, SUBJECT)], ESS)
    place.taken.refusing = NoEvidence("the log is full")
    with pytest.raises(NoEvidence):
        await fan_out(place.events)
    place.taken.refusing = None
    place.clock.pass_by(jobs.LEASE_S + 1)
    assert await fan_out(place.events) == 1
    assert len({each.idempotency_key for each in place.taken.handovers}) == 2


@pytest.mark.parametrize(
    ("refusing", "code"), [(KeyReused(), "key_reused"), (RefusedByRules("no"), "refused_by_rules")]
)
async def test_what_is_not_handed_on_is_in_the_operators_log(
    place: Place, caplog: pytest.LogCaptureFixture, refusing: Exception, code: str
) -> None:
    await place.subscribe(wish(SRIS, ESS, "enrolment", "p"))
    place.taken.refusing = refusing
    with caplog.at_level(logging.WARNING):
        assert await place.told("enrolment") == set()
    assert code in caplog.text
    assert "199012304567" not in caplog.text


async def test_what_was_handed_on_is_kept_no_longer_and_forgotten_after_a_month(place: Place) -> None:
    await place.told("enrolment")
    async with place.events.db.read() as connection:
        (row,) = (await connection.execute(select(event))).all()
    assert (row.sealed, row.handed) == (None, {})
    place.clock.pass_by(31 * 86400)
    await place.events.forget_old()
    async with place.events.db.read() as connection:
        assert (await connection.execute(select(event))).all() == []


async def test_a_cron_subscription_is_told_at_its_next_time_and_its_events_only_within_its_days(place: Place) -> None:
    now = place.clock()
    ends = (now + timedelta(days=2)).timestamp()
    await place.subscribe(wish(SRIS, ESS, "enrolment", "p", frequency="30 6 * * *", starts=now.timestamp(), ends=ends))
    await place.told("enrolment", "1")
    (when,) = place.taken.times
    assert when == now.replace(day=3, hour=1, minute=0).timestamp()  # 6:30 in Colombo, 14:30 there when it was told
    place.clock.pass_by(2 * 86400)
    assert await place.told("enrolment", "2") == set()
    assert await place.events.subscriptions.sweep() == 1
    assert place.log.kinds.count("subscription.ended") == 1


async def test_subscribing_again_with_another_purpose_or_frequency_changes_it_with_its_entry(place: Place) -> None:
    (code,) = await place.subscribe(wish(SRIS, ESS, "enrolment", "p"))
    for changed in (wish(SRIS, ESS, "enrolment", "q"), wish(SRIS, ESS, "enrolment", "q")):
        assert await place.subscribe(changed) == [code]
    await place.subscribe(wish(SRIS, ESS, "enrolment_status_change", "p", frequency="0 6 * * 1"))
    found = {(each.event_type, each.purpose) for each in await place.events.subscriptions.of_provider(ESS)}
    assert found == {("enrolment", "q"), ("enrolment_status_change", "p")}
    assert place.log.kinds == ["subscription.recorded", "subscription.changed", "subscription.recorded"]
    assert place.log.entries[1].facts["purpose"] == "q"


async def test_who_unsubscribed_is_told_nothing_more_and_only_the_own_can_be_ended(place: Place) -> None:
    (code,) = await place.subscribe(wish(SRIS, ESS, "enrolment", "p"))
    with pytest.raises(KeyError):
        await place.events.subscriptions.end(OFFICE, code)
    await place.events.subscriptions.end(SRIS, code)
    assert await place.told("enrolment") == set()
    with pytest.raises(SubscriptionRefused, match="ended already"):
        await place.events.subscriptions.end(SRIS, code)
    assert await place.subscribe(wish(SRIS, ESS, "enrolment", "p")) == [code]
    assert await place.told("enrolment", "2") != set()


async def test_a_filter_that_no_agreement_lets_look_is_refused(place: Place) -> None:
    looking: dict[str, Any] = {"attribute": "a", "operator": "eq", "value": 1}
    with pytest.raises(SubscriptionRefused) as refused:
        await place.subscribe(wish(SRIS, ESS, "enrolment", "p", filter=looking))
    assert refused.value.code == "rjct.notify_details.invalid"
    assert place.log.kinds == []
