"""Batches and deliveries keep their promises on both databases, whatever dies in between."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select, update

from adapters.kit.contract import (
    AgencyOutcomeUnknown,
    AgencyUnavailable,
    Subject,
)
from audit import Wanted, commit
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.delivery.decisions import decisions_root
from gateway.delivery.deliveries import KeyReused
from gateway.delivery.outbox import Begun, note
from gateway.delivery.recovery import close_open_intents, take_over_leases
from gateway.delivery.tables import batch_chunk, batch_decision
from gateway.errors import RefusedByRules
from gateway.model import Ask
from tests.durable_house import CONSUMER, House, a_house, agreement, handover, subject


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, tmp_path) as opened:
        yield opened


async def test_a_delivery_is_handed_over_once_with_granted_members_only(house: House) -> None:
    taken = await house.deliveries.accept(handover())
    assert taken.state == "queued"
    assert await house.work() == 1
    shown = await house.deliveries.show(CONSUMER, taken.id)
    assert (shown.state, shown.outcome, shown.receiver_state) == ("handed", "answered", "ACK")
    assert [dict(item.record) for item in house.fund.taken] == [{"a": 1}]
    assert await house.outcomes(taken.id) == ["answered"]


async def test_the_same_key_is_the_same_delivery_and_another_body_a_conflict(house: House) -> None:
    first, again = [await house.deliveries.accept(handover()) for _ in range(2)]
    assert first.id == again.id
    with pytest.raises(KeyReused):
        await house.deliveries.accept(handover(record={"a": 2}))


async def test_two_requests_with_one_key_at_once_make_one_delivery(house: House) -> None:
    both = await asyncio.gather(*(house.deliveries.accept(handover()) for _ in range(2)))
    assert len({each.id for each in both}) == 1
    await house.work()
    assert len(house.fund.taken) == 1


async def test_a_refused_delivery_leaves_no_job_and_has_its_outcome(house: House) -> None:
    house.agreements.clear()
    with pytest.raises(RefusedByRules) as raised:
        await house.deliveries.accept(handover())
    assert await house.work() == 0
    assert await house.outcomes(raised.value.exchange_id) == ["refused_by_rules"]


async def test_an_agreement_that_ends_before_the_hand_over_stops_it(house: House) -> None:
    taken = await house.deliveries.accept(handover())
    house.agreements.clear()
    await house.work()
    assert house.fund.taken == []
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "refused"


async def test_a_receiver_that_is_down_is_tried_again_later_under_the_same_intent(house: House) -> None:
    house.fund.failures = [AgencyUnavailable("down"), AgencyUnavailable("down")]
    taken = await house.deliveries.accept(handover())
    for _ in range(3):
        assert await house.work() == 1
        house.clock[0] += timedelta(minutes=5)
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "handed"
    assert await house.outcomes(taken.id) == ["answered"]
    assert {item.id for item in house.fund.taken} == {taken.id}


async def test_a_delivery_cut_in_the_middle_is_unknown_where_it_must_not_be_repeated(house: House) -> None:
    house.fund.failures = [AgencyOutcomeUnknown("cut")]
    taken = await house.deliveries.accept(handover(service="fund.once"))
    await house.work()
    house.clock[0] += timedelta(days=1)
    assert await house.work() == 0
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "unknown"


@pytest.mark.parametrize(("service", "state", "handed"), [("fund.once", "unknown", 0), ("fund.push", "handed", 1)])
async def test_a_worker_that_died_while_sending(house: House, service: str, state: str, handed: int) -> None:
    taken = await house.deliveries.accept(handover(service=service))
    await house.deliveries._outbox.sending(Begun(taken.id, "queued"))  # as the dead worker left it
    await house.work()
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == state
    assert len(house.fund.taken) == handed
    assert len(await house.outcomes(taken.id)) == 1


async def test_a_late_state_never_takes_back_a_newer_one(house: House) -> None:
    taken = await house.deliveries.accept(handover())
    await house.work()
    for state, rank in (("delivered", 2), ("sent", 1)):
        async with house.db.write() as connection:
            await note(connection, taken.id, state, rank=rank, now=1.0)
    assert (await house.deliveries.show(CONSUMER, taken.id)).receiver_state == "delivered"


def pattern() -> Ask:
    return Ask(CONSUMER, "fund.status", "p", Subject(), date(2026, 10, 31), frozenset({"a"}))


async def lines_of(house: House, batch_id: str) -> list[dict[str, object]]:
    body = b"".join([part async for part in house.batches.results(batch_id)])
    return [orjson.loads(line) for line in body.splitlines()]


async def test_a_batch_has_every_line_once_in_order_each_with_its_own_end(house: House) -> None:
    asked = [Line(f"line-{n}", subject(f"19901230{n:04}")) for n in range(2500)]
    taken = await house.batches.accept(pattern(), asked)
    await house.work()
    shown = await house.batches.show(CONSUMER, taken.id)
    assert (shown.state, shown.done) == ("done", 2500)
    assert shown.outcomes == {"answered": 2000, "no_data": 250, "unknown_person": 250}
    lines = await lines_of(house, taken.id)
    assert [line["line"] for line in lines] == [line.key for line in asked]
    assert lines[1]["record"] == {"a": "1"}
    assert lines[9]["outcome"] == "unknown_person"
    assert await house.outcomes(taken.id) == ["answered"]


async def test_the_log_commits_to_every_decision_and_every_answer_of_a_batch(house: House) -> None:
    taken = await house.batches.accept(pattern(), [Line(f"l{n}", subject(f"1990123{n:05}")) for n in range(1, 4)])
    await house.work()
    (found,) = await house.log.search(Wanted(facts=(("exchange_id", taken.id),), kind="exchange.outcome"))
    (logged,) = await house.log.find([found.entry_id])
    async with house.db.read() as connection:
        rows = (await connection.execute(select(batch_decision).order_by(batch_decision.c.line))).all()
    assert logged.entry.facts["decisions_root"] == decisions_root(row.decision for row in rows)
    assert logged.entry.facts["agreements"] == ["A1 v1"]
    assert (
        decisions_root(row.decision.replace("answered", "no_data") for row in rows)
        != logged.entry.facts["decisions_root"]
    )
    for line, row in zip(await lines_of(house, taken.id), rows, strict=True):
        salt = bytes.fromhex(str(line.pop("salt")))
        content = orjson.dumps(line, option=orjson.OPT_SORT_KEYS)
        assert orjson.loads(row.decision)["answer"] == commit("line", salt, content)
        assert "1990123" not in row.decision


async def test_the_digest_of_the_results_is_kept_for_signing(house: House) -> None:
    taken = await house.batches.accept(pattern(), [Line("1", subject("199012300001"))])
    await house.work()
    body = b"".join([part async for part in house.batches.results(taken.id)])
    digest = b64encode(sha256(body).digest()).decode()
    assert (await house.batches.show(CONSUMER, taken.id)).digest == f"sha-256=:{digest}:"


async def test_the_same_key_is_the_same_batch_and_another_body_a_conflict(house: House) -> None:
    asked = [Line("1", subject("199012300001"))]
    both = await asyncio.gather(*(house.batches.accept(pattern(), asked, "k") for _ in range(2)))
    assert len({each.id for each in both}) == 1
    with pytest.raises(KeyReused):
        await house.batches.accept(pattern(), [Line("2", subject("199012300001"))], "k")


async def test_an_agreement_for_single_questions_does_not_allow_a_batch(house: House) -> None:
    single = {name: replace(each, actions=each.actions - {"bulk"}) for name, each in agreement().grants.items()}
    house.agreements[:] = [replace(agreement(), grants=single)]
    taken = await house.batches.accept(pattern(), [Line("1", subject("199012300001"))])
    await house.work()
    assert [line["outcome"] for line in await lines_of(house, taken.id)] == ["refused_by_rules"]
    assert house.fund.asked == []


async def test_an_adapter_that_fails_as_a_whole_leaves_no_line_out(house: House) -> None:
    house.fund.stop_after, house.fund.stop_with = 1, ZeroDivisionError()
    taken = await house.batches.accept(pattern(), [Line(str(n), subject(f"1990123{n:05}")) for n in range(1, 4)])
    await house.work()
    assert [line["outcome"] for line in await lines_of(house, taken.id)] == ["answered", "unknown", "unknown"]


async def test_a_batch_cut_in_the_middle_is_finished_by_the_next_worker(house: House) -> None:
    house.fund.stop_at = f"1990123{1500:05}"  # the first person of the seventh chunk
    taken = await house.batches.accept(pattern(), [Line(str(n), subject(f"1990123{n:05}")) for n in range(2500)])
    with pytest.raises(asyncio.CancelledError):
        await house.work()
    assert (await house.batches.show(CONSUMER, taken.id)).done == 1500
    house.fund.stop_at = None
    assert await house.work() == 0  # the dead worker's lease still holds
    await take_over_leases(house.db)
    await house.work()
    assert (await house.batches.show(CONSUMER, taken.id)).state == "done"
    assert len(await lines_of(house, taken.id)) == 2500
    assert len(await house.outcomes(taken.id)) == 1


async def test_a_line_with_a_fault_is_unknown_and_the_others_are_answered(house: House) -> None:
    house.fund.broken = "2"
    taken = await house.batches.accept(pattern(), [Line(str(n), subject(f"1990123{n:05}")) for n in range(1, 4)])
    await house.work()
    assert [line["outcome"] for line in await lines_of(house, taken.id)] == ["answered", "unknown", "answered"]


async def test_a_batch_whose_last_try_failed_is_closed_as_unknown(house: House) -> None:
    taken = await house.batches.accept(pattern(), [Line("1", subject("199012300001"))])
    async with house.db.write() as connection:  # as a lost data key would leave it
        await connection.execute(update(batch_chunk).values(sealed_asks=b"unreadable"))
    for _ in range(jobs.MOST_ATTEMPTS):
        await house.work()
        house.clock[0] += timedelta(hours=2)
    assert (await house.batches.show(CONSUMER, taken.id)).state == "failed"
    assert await house.outcomes(taken.id) == ["unknown"]
    assert await house.work() == 0


async def test_start_up_closes_cut_exchanges_and_leaves_living_work_alone(house: House) -> None:
    opened = await house.gate.opened(Ask(CONSUMER, "fund.status", "p", subject("1"), date(2026, 10, 31)))
    waiting = await house.deliveries.accept(handover())
    assert await close_open_intents(house.db, house.log, house.gate) == 1
    assert await house.outcomes(opened.exchange_id) == ["unknown"]
    assert await house.outcomes(waiting.id) == []


async def test_what_is_stored_of_people_is_sealed_and_erased(house: House) -> None:
    taken = await house.batches.accept(pattern(), [Line("1", subject("199012305678"))])
    await house.work()
    house.clock[0] += timedelta(hours=2)
    assert await house.batches.erase_expired() == 1
    assert (await house.batches.show(CONSUMER, taken.id)).state == "erased"
    assert await lines_of(house, taken.id) == []


async def test_the_worker_finds_new_work_at_once_and_stops_when_told(house: House) -> None:
    running = asyncio.create_task(house.worker().run())
    await asyncio.sleep(0.2)
    taken = await house.deliveries.accept(handover())
    async with asyncio.timeout(5):
        while (await house.deliveries.show(CONSUMER, taken.id)).state != "handed":
            await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_the_log_knows_a_case_by_its_hash_and_finds_it_by_the_reference(house: House) -> None:
    opened = await house.gate.opened(replace(handover(), case="K-7"))
    wanted = Wanted(facts=(("case_ref", house.gate.person_ref.case_ref("K-7")),))
    (found,) = await house.log.search(wanted)
    (logged,) = await house.log.find([found.entry_id])
    assert logged.entry.facts["exchange_id"] == opened.exchange_id
    assert b"K-7" not in logged.entry.body()
