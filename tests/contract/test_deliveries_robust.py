"""Deliveries end exactly once and tell no more than they may, whatever is refused, repeated, slow or broken."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from adapters.kit.contract import AgencyHasNoSuchPerson, AgencyTimeout, Handed, Item
from audit import Wanted
from gateway import db as database
from gateway.catalogue import Offer, UnknownService
from gateway.db import Database, DatabaseBusy
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.delivery.outbox import Begun
from gateway.delivery.recovery import close_open_intents
from gateway.delivery.tables import batch, delivery, job
from gateway.errors import ExchangeError, RefusedByRules
from gateway.model import Ask, Closing, Subject
from tests.durable_house import CONSUMER, PROVIDER, PUSH, Fund, House, a_house, agreement, handover, subject


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, tmp_path) as opened:
        yield opened


def hide(house: House) -> None:
    """From now on the agreement does not let its consumer know who exists."""
    house.agreements[:] = [replace(agreement(), may_know_existence=False)]


async def refused(house: House) -> ExchangeError:
    with pytest.raises(RefusedByRules) as raised:
        await house.deliveries.accept(handover())
    return raised.value


async def test_repeating_a_refused_delivery_gives_the_same_refusal(house: House) -> None:
    house.agreements.clear()
    first, again = await refused(house), await refused(house)
    assert (first.exchange_id, first.told) == (again.exchange_id, again.told)
    assert await house.outcomes(first.exchange_id) == ["refused_by_rules"]


@pytest.mark.parametrize(("hidden", "outcome"), [(True, "not_available"), (False, "unknown_person")])
async def test_a_hidden_outcome_is_shown_only_to_who_may_know(house: House, hidden: bool, outcome: str) -> None:
    if hidden:
        hide(house)
    house.fund.failures = [AgencyHasNoSuchPerson("nobody")]
    taken = await house.deliveries.accept(handover())
    await house.work()
    shown = (await house.deliveries.show(CONSUMER, taken.id)).wire()
    assert (shown["state"], shown["outcome"]) == ("failed", outcome)
    assert await house.outcomes(taken.id) == ["unknown_person"]


async def test_the_outcome_entry_says_whether_the_caller_may_know(house: House) -> None:
    for may_know in (True, False):
        house.agreements[:] = [replace(agreement(), may_know_existence=may_know)]
        taken = await house.deliveries.accept(handover(key=f"k{may_know}"))
        await house.work()
        found = await house.log.search(Wanted(facts=(("exchange_id", taken.id),), kind="exchange.outcome"))
        (logged,) = await house.log.find([each.entry_id for each in found])
        assert logged.entry.facts.get("may_know_existence", False) is may_know


async def test_a_closed_delivery_shows_what_was_withheld_and_its_receipt(house: House) -> None:
    taken = await house.deliveries.accept(handover())
    assert taken.wire()["receipt"] == ""
    await house.work()
    shown = (await house.deliveries.show(CONSUMER, taken.id)).wire()
    assert [each["field"] for each in shown["withheld"]] == ["secret"]
    found = await house.log.search(Wanted(facts=(("exchange_id", taken.id),), kind="exchange.outcome"))
    assert str(shown["receipt"]).endswith(str(found[0].entry_id))


async def test_the_key_is_stored_only_as_a_keyed_hash(house: House) -> None:
    taken = await house.deliveries.accept(handover(key="person-199012304567"))
    async with house.db.read() as connection:
        stored = (await connection.execute(select(delivery).where(delivery.c.id == taken.id))).one()
    assert "199012304567" not in stored.idempotency_key
    assert len(stored.idempotency_key) == 64


@pytest.mark.parametrize(("service", "state"), [("fund.once", "unknown"), ("fund.push", "queued")])
async def test_a_slow_receiver_is_asked_again_only_where_that_is_safe(
    database_url: str, tmp_path: Path, service: str, state: str
) -> None:
    async with a_house(database_url, tmp_path, deadline_s=0.05) as house:
        house.fund.slow_s = 1.0
        taken = await house.deliveries.accept(handover(service=service))
        await house.work()
        assert (await house.deliveries.show(CONSUMER, taken.id)).state == state


async def test_a_record_that_narrowing_broke_is_never_sent(house: House) -> None:
    record: dict[str, object] = {"status": "Active", "enrolled": True}
    whole = await house.deliveries.accept(handover("k1", "fund.checked", record))
    await house.work()
    known = agreement()
    narrow = replace(known.grants["fund.checked"], fields=frozenset({"status"}))
    house.agreements[:] = [replace(known, grants={**known.grants, "fund.checked": narrow})]
    broken = await house.deliveries.accept(handover("k2", "fund.checked", record))
    await house.work()
    assert await house.outcomes(broken.id) == ["our_error"]
    assert [item.id for item in house.fund.taken] == [whole.id]


async def test_a_delivery_whose_last_try_failed_is_held_and_ends_even_when_nobody_offers_its_service(
    house: House,
) -> None:
    taken = await house.deliveries.accept(handover())
    del house.gate.catalogue._offers["fund.push"]
    with pytest.raises(UnknownService):
        house.gate.catalogue.offer("fund.push")
    async with house.db.write() as connection:
        await connection.execute(update(job).values(attempts=jobs.MOST_ATTEMPTS - 1))
    await house.work()
    shown = await house.deliveries.show(CONSUMER, taken.id)
    assert (shown.state, shown.outcome) == ("held", "")
    assert await close_open_intents(house.db, house.log, house.gate) == 0  # the exchange is not over
    await house.deliveries.drop(jobs.Job(0, "drop", taken.id, 1))
    shown = await house.deliveries.show(CONSUMER, taken.id)
    assert (shown.state, shown.outcome) == ("unknown", "unknown")
    assert shown.receipt
    assert await house.outcomes(taken.id) == ["unknown"]
    assert await close_open_intents(house.db, house.log, house.gate) == 0


async def test_a_delivery_that_is_closed_already_gets_no_second_outcome(house: House) -> None:
    taken = await house.deliveries.accept(handover())
    await house.work()
    async with house.db.write() as connection:
        claim = update(job).where(job.c.ref == taken.id).values(state="ready", lease_until=0.0)
        await connection.execute(claim)
        claimed = await jobs.claim(connection, now=house.clock[0].timestamp(), most=1)
    await house.deliveries.give_up(claimed[0])
    await house.work()
    assert await house.outcomes(taken.id) == ["answered"]
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "handed"


class Stalling(Fund):
    """Its first caller hears nothing until `go_on`, and then that it took too long."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def deliver(self, item: Item) -> Handed:
        if self.reached.is_set():
            return await super().deliver(item)
        self.reached.set()
        await self.go_on.wait()
        raise AgencyTimeout("late")


async def test_a_worker_that_stood_still_opens_nothing_again_that_the_next_one_ended(house: House) -> None:
    fund = Stalling()
    house.gate.catalogue._offers[PUSH.id] = Offer(PUSH, PROVIDER, fund)
    taken = await house.deliveries.accept(handover())
    async with house.db.write() as connection:
        (late,) = await jobs.claim(connection, now=house.clock[0].timestamp(), most=1)
    stood_still = asyncio.create_task(house.worker().run_one(late))
    await fund.reached.wait()
    house.clock[0] += timedelta(seconds=2 * jobs.LEASE_S)
    assert await house.work() == 1
    fund.go_on.set()
    await stood_still
    for state in ("queued", "sending"):
        assert not await house.deliveries._outbox.sending(Begun(taken.id, state))
    async with house.db.write() as connection:
        await jobs.bury(connection, late, "OSError")
        assert (await connection.execute(select(job.c.state))).scalars().all() == ["done"]
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "handed"
    assert await house.outcomes(taken.id) == ["answered"]


async def test_of_workers_that_found_a_delivery_queued_one_sends_it_and_who_takes_over_goes_on(house: House) -> None:
    taken, sending = await house.deliveries.accept(handover()), house.deliveries._outbox.sending
    found = Begun(taken.id, "queued")
    assert sorted(await asyncio.gather(sending(found), sending(found))) == [False, True], "in one transaction"
    assert not await sending(found), "later"
    assert await sending(Begun(taken.id, "sending")), "the next holder of the lease, after a crash"


async def test_two_processes_that_recover_one_exchange_write_one_outcome(house: House) -> None:
    ask = Ask(CONSUMER, "fund.status", "p", subject("1"), date(2026, 10, 31))
    opened = await house.gate.opened(ask)
    (found,) = await house.log.open_intents()

    class Stale:
        """The log as a process sees it that looked before the other one wrote."""

        open_intents = staticmethod(lambda _before: _looked([found]))
        find, append = house.log.find, house.log.append

    assert await close_open_intents(house.db, house.log, house.gate) == 1
    house.clock[0] += timedelta(seconds=1)
    assert await close_open_intents(house.db, Stale(), house.gate) == 0
    assert await house.outcomes(opened.exchange_id) == ["unknown"]


async def _looked(found: list[object]) -> list[object]:
    return found


async def test_recovery_leaves_alone_what_may_still_be_at_work(house: House) -> None:
    await house.gate.opened(Ask(CONSUMER, "fund.status", "p", subject("1"), date(2026, 10, 31)))
    before = house.clock[0] - timedelta(minutes=1)
    assert await close_open_intents(house.db, house.log, house.gate, before=before) == 0


async def test_the_job_of_a_batch_that_does_not_run_ends(house: House) -> None:
    pattern = Ask(CONSUMER, "fund.status", "p", Subject(), date(2026, 10, 31), frozenset({"a"}))
    taken = await house.batches.accept(pattern, [Line("1", subject("1"))])
    async with house.db.write() as connection:
        await connection.execute(update(batch).where(batch.c.id == taken.id).values(state="failed"))
    assert await house.work() == 1
    house.clock[0] += timedelta(days=1)
    assert await house.work() == 0


async def test_who_waits_too_long_to_write_is_told_so(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAIT_S", 0.05)
    db = Database(sqlite_url)
    async with db.write():
        with pytest.raises(DatabaseBusy):
            async with db.write():
                raise AssertionError("two writers at once")
    async with asyncio.timeout(1), db.write():
        pass
    await db.close()


def test_a_closing_knows_what_its_caller_may_know() -> None:
    assert Closing("refused_by_rules", may_know_existence=True).may_know
    assert not Closing("refused_by_rules").may_know


async def test_a_repeat_is_judged_by_its_own_key_only(house: House) -> None:
    first = await house.deliveries.accept(handover("k1"))
    second = await house.deliveries.accept(handover("k2"))
    assert first.id != second.id
    assert (await house.deliveries.accept(handover("k1"))).id == first.id
