"""The end of an agreement ends at once what still runs under it; a suspension only holds it up; its lapse is told."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from adapters.kit.contract import AgencyUnavailable
from audit import Wanted
from consent import State, agreement_of, canonical, store
from consent.signing import SignedAgreement
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.delivery.callbacks import Callbacks
from gateway.delivery.tables import job
from gateway.edges.dci.confirming import Confirming
from gateway.errors import RefusedByRules
from gateway.events.subscriptions import Subscriptions, wish
from gateway.events.tables import subscription
from gateway.model import Ask
from gateway.oversight.ending import JOB, Ending
from gateway.oversight.notices import Notices
from gateway.recording import Recording
from tests.agreeing import document
from tests.durable_house import CONSUMER, PROVIDER, House, a_house, handover, subject
from tests.telling_house import subscriptions_of

WBB, EPF = "LK/GOV/WBB", "LK/GOV/EPF"


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, tmp_path) as found:
        yield found


def become(house: House, state: State) -> None:
    house.agreements[0] = replace(house.agreements[0], state=state)


def question() -> Ask:
    return Ask(CONSUMER, "fund.status", "p", replace(subject("1"), identifiers=()), date(2026, 11, 1), frozenset({"a"}))


async def batch_of(house: House, lines: int) -> str:
    return (await house.batches.accept(question(), [Line(str(n), subject(f"1{n:04}0")) for n in range(lines)])).id


async def recorded(house: House, **changes: object) -> None:
    """The house's agreement in its database too: its consumer pushes to its provider."""
    content = document(
        provider={"member": EPF, "systems": [PROVIDER]},
        consumer={"member": WBB, "systems": [CONSUMER]},
        services=[{"service": "fund.push", "actions": ["push"], "fields": ["a"]}],
        purposes=["p"],
        **changes,
    )
    async with house.db.write() as connection:
        signed = SignedAgreement(agreement_of(content), canonical(content), {})
        await store.record_agreement(connection, signed, by=WBB, now=house.clock[0])


async def test_the_lines_of_a_running_batch_that_are_left_are_refused(house: House) -> None:
    running = await batch_of(house, 600)
    house.fund.stop_after = 250  # the worker dies after the first chunk
    with pytest.raises(asyncio.CancelledError):
        await house.work()
    asked = len(house.fund.asked)
    house.fund.stop_after = None
    become(house, State.ENDED)
    house.clock[0] += timedelta(minutes=5)
    await house.work()
    shown = await house.batches.show(CONSUMER, running)
    assert (shown.state, shown.done) == ("done", 600)
    assert shown.outcomes["not_available"] >= 600 - asked  # nobody grants any right to know any more
    (outcome,) = await house.log.search(Wanted(kind="exchange.outcome"))
    (entry,) = await house.log.find([outcome.entry_id])
    assert entry.entry.facts["outcomes"] == {"refused_by_rules": 600 - shown.outcomes.get("answered", 0)} | {
        name: count for name, count in shown.outcomes.items() if name == "answered"
    }
    assert len(house.fund.asked) == asked


async def test_a_suspension_holds_a_batch_up_and_nothing_is_lost(house: House) -> None:
    running = await batch_of(house, 300)
    become(house, State.SUSPENDED)
    await house.work()
    shown = await house.batches.show(CONSUMER, running)
    assert (shown.state, house.fund.asked) == ("running", [])
    become(house, State.IN_FORCE)
    house.clock[0] += timedelta(seconds=jobs.HELD_S)
    await house.work()
    assert (await house.batches.show(CONSUMER, running)).outcomes == {"answered": 300}


async def test_a_queued_delivery_is_refused_after_the_end_and_never_leaves(house: House) -> None:
    house.fund.failures = [AgencyUnavailable("down")]
    taken = await house.deliveries.accept(handover())
    await house.work()
    become(house, State.ENDED)
    house.clock[0] += timedelta(hours=2)
    await house.work()
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "refused"
    assert house.fund.taken == []
    assert await house.outcomes(taken.id) == ["refused_by_rules"]


async def test_a_queued_delivery_waits_while_suspended_and_uses_up_no_try(house: House) -> None:
    taken = await house.deliveries.accept(handover())
    become(house, State.SUSPENDED)
    for _ in range(jobs.MOST_ATTEMPTS + 2):
        await house.work()
        house.clock[0] += timedelta(seconds=jobs.HELD_S)
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "queued"
    assert await house.outcomes(taken.id) == []
    become(house, State.IN_FORCE)
    await house.work()
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "handed"


async def test_a_new_delivery_is_refused_while_suspended(house: House) -> None:
    become(house, State.SUSPENDED)
    with pytest.raises(RefusedByRules):
        await house.deliveries.accept(handover())


async def changed(house: House, verb: str) -> jobs.Job:
    """Change the recorded agreement as a member does, and claim the job that follows."""
    await Recording(house.db, house.log, lambda: house.clock[0]).agreement_change(verb, "A1", by=WBB)
    async with house.db.write() as connection:
        claimed = await jobs.claim(connection, now=house.clock[0].timestamp(), most=9)
    return next(each for each in claimed if each.kind == JOB)


async def test_what_waits_for_its_next_try_is_looked_at_at_once(house: House) -> None:
    await recorded(house)
    house.fund.failures = [AgencyUnavailable("down")] * 9
    await house.deliveries.accept(handover())
    for _ in range(6):  # the pause grows to minutes
        await house.work()
        house.clock[0] += timedelta(minutes=3)
    await house.work()
    claimed = await changed(house, "end")
    become(house, State.ENDED)
    await Ending(house.db, house.log, lambda: house.clock[0]).run(claimed)
    await house.work()
    async with house.db.read() as connection:
        left = select(job.c.state).where(job.c.kind == "delivery")
        assert (await connection.execute(left)).scalars().all() == ["done"]


class Callback:
    """Takes what is told to a subscriber."""

    def __init__(self, places: Sequence[str] = ("on-subscribe", "on-unsubscribe")) -> None:
        self.told: list[tuple[str, object]] = []
        self.places, self.dialled = places, ""

    async def callback(self, _system: str, name: str) -> "Callback | None":
        self.dialled = name
        return self if name in self.places else None

    async def send(self, action: str, message: object, *, message_id: str) -> None:
        self.told.append((action, message))


async def subscribed(house: House, subscriptions: Subscriptions) -> str:
    (code,) = await subscriptions.add([wish(PROVIDER, CONSUMER, "enrolment", "p")])
    return code


@pytest.mark.parametrize(("verb", "state"), [("end", "ended"), ("suspend", "active")])
async def test_the_end_ends_subscriptions_and_a_suspension_does_not(house: House, verb: str, state: str) -> None:
    await recorded(house)
    callback = Callback()
    subscriptions = subscriptions_of(house.db, house.log, house.deliveries.seal)
    callbacks = Callbacks(house.db, house.deliveries.seal, callback.callback, lambda: house.clock[0])
    confirming = Confirming(house.db, callbacks, subscriptions)
    code = await subscribed(house, subscriptions)
    await Ending(house.db, house.log, lambda: house.clock[0]).run(await changed(house, verb))
    async with house.db.write() as connection:
        query = select(subscription.c.state).where(subscription.c.code == code)
        assert (await connection.execute(query)).scalar_one() == state
        waiting = [each for each in await jobs.claim(connection, now=9e9, most=9) if each.kind == "unsubscribed"]
    for each in waiting:
        await confirming.unsubscribed(each)
        async with house.db.write() as connection:
            (telling,) = [one for one in await jobs.claim(connection, now=9e9, most=9) if one.kind == "callback"]
        await callbacks.run(telling)
    told = [message for action, message in callback.told if action == "on-unsubscribe"]
    assert len(told) == (state == "ended")
    assert len(await house.log.search(Wanted(kind="subscription.ended"))) == (state == "ended")
    if told:
        assert isinstance(told[0], dict)
        assert told[0]["subscription_status"] == [{"code": code, "status": "unsubscribe"}]


@pytest.mark.parametrize("places", [("on-subscribe",), ("on-subscribe", "on-unsubscribe")], ids=len)
async def test_an_end_is_told_where_ends_are_taken_and_where_none_is_registered_beside_the_confirmations(
    house: House, places: Sequence[str]
) -> None:
    await recorded(house)
    callback, subscriptions = Callback(places), subscriptions_of(house.db, house.log, house.deliveries.seal)
    callbacks = Callbacks(house.db, house.deliveries.seal, callback.callback, lambda: house.clock[0])
    await subscribed(house, subscriptions)
    await Ending(house.db, house.log, lambda: house.clock[0]).run(await changed(house, "end"))
    async with house.db.write() as connection:
        (over,) = [each for each in await jobs.claim(connection, now=9e9, most=9) if each.kind == "unsubscribed"]
    await Confirming(house.db, callbacks, subscriptions).unsubscribed(over)
    async with house.db.write() as connection:
        (telling,) = [each for each in await jobs.claim(connection, now=9e9, most=9) if each.kind == "callback"]
    await callbacks.run(telling)
    assert [action for action, _ in callback.told] == ["on-unsubscribe"]
    assert callback.dialled == places[-1]


async def test_a_subscription_ends_when_its_agreement_runs_out_and_can_be_made_again(house: House) -> None:
    await recorded(house, valid_until="2027-01-01T00:00:00Z")
    subscriptions = subscriptions_of(house.db, house.log)
    code = await subscribed(house, subscriptions)
    ending = Ending(house.db, house.log, lambda: house.clock[0])
    assert await ending.sweep() == 0
    house.clock[0] = datetime(2027, 1, 1, tzinfo=UTC)
    assert (await ending.sweep(), await ending.sweep()) == (1, 0)
    assert await subscriptions.of_provider(CONSUMER) == []
    assert await subscribed(house, subscriptions) == code
    assert len(await subscriptions.of_provider(CONSUMER)) == 1


async def test_each_notice_of_a_lapse_is_sent_once_and_recorded(house: House, caplog: pytest.LogCaptureFixture) -> None:
    officer = {"member": WBB, "role": "owner", "contact": "legal@wbb.example"}
    await recorded(house, valid_until="2027-01-01T00:00:00Z", officers=[officer])
    sending = Notices(house.db, house.log, lambda: house.clock[0])
    sent: list[int] = []
    with caplog.at_level(logging.WARNING, "sandhi.oversight"):
        for left in (90, 59, 58, 29, 6, 5, 0):
            house.clock[0] = datetime(2027, 1, 1, tzinfo=UTC) - timedelta(days=left)
            sent += [each.days for each in await sending.turn()]
            assert await sending.turn() == []
    assert sent == [60, 30, 7, 0]
    entries = await house.log.search(Wanted(kind="agreement.notice"))
    assert len(entries) == 4
    assert len(caplog.records) == 4
    assert "legal@wbb.example" in caplog.text
