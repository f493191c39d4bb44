"""A consent is withdrawn at each point of an exchange: nothing is released once the withdrawal is acknowledged, and
whoever received something before is on the erasure list."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from agreeing import EPF, FUND, SR, WBB, Here, document, line, nic, opened, ref, signed

from adapters.kit.contract import Question, RawAnswer, Told
from consent import FactsSource
from consent import register as consent_register
from gateway.catalogue import Catalogue, Offer
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.delivery.batches import Batches
from gateway.delivery.deliveries import Deliveries
from gateway.edges.v1 import erasures
from gateway.erasing import DUE, Erasing
from gateway.errors import RefusedByRules
from gateway.events.subscriptions import wish
from gateway.gate import Gate, utc_now
from gateway.model import Ask, Closing, Handover, Identifier, Opened, Subject
from gateway.pipeline import exchange
from gateway.trust.seal import Seal
from tests.durable_house import PUSH, READ, Fund
from tests.telling_house import events_of, tell

PURPOSE = "employment-support.eligibility"
EVENT = replace(PUSH, id="LK.GOV.WBB.SRIS/enrolment")
SOON = 0.5


@dataclass
class SlowFund(Fund):
    """An agency that answers when the test lets it."""

    questions: list[Question] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, question: Question) -> RawAnswer:
        self.questions.append(question)
        await self.go_on.wait()
        return RawAnswer({"a": "1"}, date(2026, 9, 30), "00")


@dataclass
class HeldBeforeRelease:
    """A gate whose last step waits: the exchange has looked at the consent for the last time."""

    gate: Gate
    there: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def closed(self, opened_: Opened, ask: Ask | Handover, closing: Closing) -> str:
        self.there.set()
        await self.go_on.wait()
        return await self.gate.closed(opened_, ask, closing)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gate, name)


@dataclass
class Place:
    """The routes of consents beside a gate and the durable half, over one register and one log."""

    here: Here
    gate: Gate
    fund: SlowFund
    deliveries: Deliveries
    batches: Batches

    async def withdraw(self) -> None:
        reply = await self.here.call(SR, "POST", "/consents/C1/withdraw")
        assert reply.json()["outcome"] == "withdrawn"

    async def work(self) -> None:
        """Run what is ready, once."""
        handlers = {"delivery": self.deliveries.run, "batch": self.batches.run}
        async with self.here.db.write() as connection:
            claimed = await jobs.claim(connection, now=utc_now().timestamp() + 1, most=10)
        for each in claimed:
            if each.kind in handlers:
                await handlers[each.kind](each)

    async def duties(self, who: Any = FUND) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.here.call(who, "GET", "/erasures")).json()["erasures"]
        return found


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(database_url, tmp_path) as here:
        here.app.include_router(erasures.router, prefix="/v1")
        fund, facts = SlowFund(), FactsSource(here.db.read)
        offers = [Offer(READ, FUND.system, fund), Offer(PUSH, FUND.system, fund), Offer(EVENT, SR.system, fund)]
        gate = Gate(Catalogue(offers), facts.of, facts.of_many, here.log, here.person_ref)
        seal = Seal([b"k" * 32])
        deliveries = Deliveries(here.db, gate, seal, asyncio.Event())
        batches = Batches(here.db, gate, seal, asyncio.Event(), kept_s=3600)
        for content in (_asking(), _telling()):
            assert (await here.call(SR, "POST", "/agreements", json=signed(content))).status_code == 201
        consent = line(1, recipients=[WBB, EPF], services=[READ.id, PUSH.id, EVENT.id])
        assert (await here.call(SR, "POST", "/consents", json=consent)).status_code == 201
        yield Place(here, gate, fund, deliveries, batches)
        await facts.close()


def _asking() -> dict[str, Any]:
    granted = [
        {"service": each.id, "actions": [*each.actions, "bulk"], "fields": ["a"], "sends": ["NIC"]}
        for each in (READ, PUSH)
    ]
    return document(services=granted, may_know_existence=True)


def _telling() -> dict[str, Any]:
    sides = {
        "provider": {"member": WBB, "systems": [SR.system]},
        "consumer": {"member": EPF, "systems": [FUND.system]},
    }
    granted = [{"service": EVENT.id, "actions": ["push"], "fields": ["a"], "sends": ["NIC"]}]
    return document(id="A2", services=granted, **sides)


def subject(number: int = 1) -> Subject:
    return Subject((Identifier("NIC", nic(number)),))


ASK = Ask(SR.system, READ.id, PURPOSE, subject(), date(2026, 10, 31), frozenset({"a"}))


def handover(key: str = "k1") -> Handover:
    return Handover(SR.system, PUSH.id, PURPOSE, subject(), {"a": "1"}, key)


async def test_before_the_permit_the_agency_is_not_asked(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.fund.go_on.set()
    await exchange(ASK, place.gate)
    begun = time.perf_counter()
    await place.withdraw()
    acknowledged = time.perf_counter()
    with pytest.raises(RefusedByRules):
        await exchange(ASK, place.gate)
    refused = time.perf_counter()
    assert len(place.fund.questions) == 1
    with capsys.disabled():
        sys.stdout.write(
            f"\nwithdrawal acknowledged after {1000 * (acknowledged - begun):.1f} ms, "
            f"first refusal {1000 * (refused - acknowledged):.1f} ms later\n"
        )


async def test_during_the_fetch_the_answer_is_not_released(place: Place) -> None:
    asking = asyncio.create_task(exchange(ASK, place.gate))
    while not place.fund.questions:
        await asyncio.sleep(0.001)
    withdrawing = asyncio.create_task(place.withdraw())
    await asyncio.sleep(SOON)
    place.fund.go_on.set()
    with pytest.raises(RefusedByRules):
        await asking
    await withdrawing
    assert await place.duties(SR) == []


async def test_before_the_release_the_withdrawal_waits_and_the_recipient_is_listed(place: Place) -> None:
    place.fund.go_on.set()
    held: Any = HeldBeforeRelease(place.gate)
    asking = asyncio.create_task(exchange(ASK, held))
    await held.there.wait()
    withdrawing = asyncio.create_task(place.withdraw())
    await asyncio.sleep(SOON)
    assert not withdrawing.done(), "acknowledged while an answer was about to be released"
    held.go_on.set()
    answer = await asking
    await withdrawing
    (duty,) = await place.duties(SR)
    assert (duty["recipient"], duty["exchanges"], duty["cause"]) == (SR.system, [answer.exchange_id], "withdrawn")


async def test_in_the_queue_the_record_is_not_handed_over_and_nobody_waits_for_it(place: Place) -> None:
    await place.deliveries.accept(handover())
    begun = time.perf_counter()
    await place.withdraw()
    assert time.perf_counter() - begun < SOON
    await place.work()
    assert place.fund.taken == []
    assert await place.duties(FUND) == []


async def test_in_a_subscription_the_event_is_not_told(place: Place) -> None:
    events = events_of(place.here.db, place.here.log, place.deliveries, person_ref=place.here.person_ref)
    await events.subscriptions.add([wish(SR.system, FUND.system, "enrolment", PURPOSE)])
    await tell(events, [Told("1", "enrolment", {"a": "1"}, subject())], FUND.system)
    await place.work()
    assert len(place.fund.taken) == 1
    await events.take([Told("2", "enrolment", {"a": "1"}, subject())], FUND.system)  # before the withdrawal, and waits
    await place.withdraw()
    await tell(events, [Told("3", "enrolment", {"a": "1"}, subject())], FUND.system)
    await place.work()
    assert len(place.fund.taken) == 1
    (duty,) = await place.duties(SR)
    assert (duty["recipient"], len(duty["exchanges"]), duty["yours"]) == (SR.system, 1, True)


async def test_results_of_a_batch_are_withheld_and_who_fetched_them_before_is_listed(place: Place) -> None:
    pattern = replace(ASK, subject=Subject())
    taken = await place.batches.accept(pattern, [Line("1", subject(1)), Line("2", subject(2))])
    await place.work()
    await place.withdraw()
    await place.batches.released(SR.system, taken.id)
    body = b"".join([part async for part in place.batches.results(taken.id)])
    assert b'"record"' not in body
    (duty,) = await place.duties(SR)
    assert duty["exchanges"] == [taken.id]


async def test_every_recipient_is_listed_once_and_only_for_what_rested_on_this_consent(place: Place) -> None:
    place.fund.go_on.set()
    other = line(2, id="C2", subject={"identifiers": [{"type": "NIC", "value": nic(2)}]}, services=[READ.id])
    await place.here.call(SR, "POST", "/consents", json=other)
    asked = [(await exchange(ASK, place.gate)).exchange_id for _ in range(2)]
    await exchange(replace(ASK, subject=subject(2)), place.gate)
    await place.deliveries.accept(handover())
    await place.work()
    await place.withdraw()
    duties = {each["recipient"]: each["exchanges"] for each in await place.duties(SR)}
    assert sorted(duties) == sorted([SR.system, FUND.system])
    assert sorted(duties[SR.system]) == sorted(asked)
    kinds = [each["kind"] for each in await place.here.entries()]
    assert kinds.count("erasure.due") == 2
    assert nic(1) not in str(await place.here.entries())


async def test_a_recipient_acknowledges_its_own_duty_and_nobody_else_can(place: Place) -> None:
    await place.deliveries.accept(handover())
    await place.work()
    await place.withdraw()
    (duty,) = await place.duties(FUND)
    path = f"/erasures/{duty['erasure']}/acknowledge"
    assert (await place.here.call(SR, "POST", path)).status_code == 404
    first = (await place.here.call(FUND, "POST", path)).json()
    assert (first["outcome"], first["receipt"].partition(":")[0]) == ("acknowledged", "gateway.example/log")
    assert (await place.here.call(FUND, "POST", path)).json()["outcome"] == "unchanged"
    assert await place.duties(FUND) == []
    everything = (await place.here.call(SR, "GET", "/erasures?include_acknowledged=true")).json()["erasures"]
    assert [each["standing"] for each in everything] == ["acknowledged"]


async def test_late_recipients_are_asked_again_once_a_day(place: Place) -> None:
    await place.deliveries.accept(handover())
    await place.work()
    await place.withdraw()
    later = utc_now() + DUE + timedelta(minutes=1)
    chasing = Erasing(place.here.db, place.here.log, lambda: later)
    assert [await chasing.remind(), await chasing.remind()] == [1, 0]
    tomorrow = Erasing(place.here.db, place.here.log, lambda: later + timedelta(days=1, minutes=1))
    assert await tomorrow.remind() == 1
    async with place.here.db.read() as connection:
        refs = (await connection.exec_driver_sql("SELECT ref FROM job WHERE kind = 'erasure'")).scalars().all()
    assert len(refs) == 3


async def test_the_sweep_finds_consents_that_expired_and_withdrawals_that_a_crash_cut(place: Place) -> None:
    place.fund.go_on.set()
    await exchange(ASK, place.gate)
    sweeping = Erasing(place.here.db, place.here.log)
    await sweeping.sweep()
    assert await place.duties(SR) == []
    async with place.here.db.write() as connection:
        await consent_register.withdraw_consent(connection, "C1", utc_now())
    await sweeping.sweep()
    await sweeping.sweep()
    (duty,) = await place.duties(SR)
    assert duty["cause"] == "withdrawn"
    end = datetime(2100, 1, 2, tzinfo=UTC)
    late = line(2, id="C2", subject={"identifiers": [{"type": "NIC", "value": nic(2)}]}, services=[READ.id])
    await place.here.call(SR, "POST", "/consents", json=late)
    await exchange(replace(ASK, subject=subject(2)), place.gate)
    await Erasing(place.here.db, place.here.log, lambda: end).sweep()
    assert [each["cause"] for each in await place.duties(SR)] == ["withdrawn", "expired"]


async def test_a_person_with_nothing_released_causes_no_duty(place: Place) -> None:
    await place.withdraw()
    assert await place.duties(SR) == await place.duties(FUND) == []
    assert ref(place.here, 1)
