"""No more is asked under an agreement than was agreed: by anybody, in any way of asking, in any number of processes."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from starlette.requests import Request

from adapters.kit.contract import AgencyUnavailable, Question, RawAnswer
from audit import Wanted
from consent import Consent, Facts, LegalBasis
from consent import Request as Asked
from consent.model import Quota
from consent.quota import forget_spent
from consent.tables import spent, spent_on
from gateway.db import Database
from gateway.delivery.batch_values import Line
from gateway.edges.v1.problems import _exchange
from gateway.errors import NoEvidence, RefusedByRules
from gateway.gate import Gate
from gateway.migrations import upgraded
from gateway.model import Ask
from gateway.pipeline import exchange
from gateway.spending import Spending
from tests.durable_house import AT, CONSUMER, Fund, House, a_house, handover, subject

PROCESSES, BUDGET = 4, 25
RELEASED = {"answered", "no_data"}  # the record of who has nothing in the period is empty of news, and a record
ROOT = Path(__file__).parents[2]


class Answering(Fund):
    """An agency that answers single questions too."""

    async def ask(self, question: Question) -> RawAnswer:
        self.asked.append(question.subject.identifiers[0].value)
        return RawAnswer({"a": 1}, date(2026, 9, 30))


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, tmp_path) as found:
        found.fund.__class__ = Answering
        gate = replace(found.gate, spend=Spending(found.db, UTC, lambda: found.clock[0]))
        found.gate = found.deliveries.gate = found.batches.gate = gate
        yield found


def agree(house: House, **quota: int) -> None:
    house.agreements[0] = replace(house.agreements[0], quota=Quota(**quota))


def ask(number: str = "1") -> Ask:
    return Ask(CONSUMER, "fund.status", "p", subject(number), date(2026, 11, 1), frozenset({"a"}))


async def refused(gate: Gate, question: Ask) -> RefusedByRules:
    with pytest.raises(RefusedByRules) as caught:
        await exchange(question, gate)
    return caught.value


async def test_one_more_than_the_budget_is_refused_before_the_agency_is_asked(house: House) -> None:
    agree(house, calls_per_hour=2)
    for number in ("1", "2"):
        assert (await exchange(ask(number), house.gate)).outcome == "answered"
    error = await refused(house.gate, ask("3"))
    assert house.fund.asked == ["1", "2"]
    assert error.told[:2] == (403, "refused_by_rules")
    assert "calls per hour" in error.told[2]
    (found,) = await house.log.search(Wanted(facts=(("outcome", "refused_by_rules"),)))
    (stored,) = await house.log.find([found.entry_id])
    reasons = stored.entry.facts["reasons"]
    assert isinstance(reasons, list)
    assert reasons[-1] == "deny agreement A1: quota calls_per_hour"
    assert stored.entry.facts["exchange_id"] == error.exchange_id


async def test_the_caller_hears_when_to_come_again_and_then_may(house: House) -> None:
    agree(house, calls_per_hour=1)
    house.clock[0] = AT + timedelta(minutes=59)
    await exchange(ask(), house.gate)
    error = await refused(house.gate, ask())
    assert error.after_s is not None
    assert 60 <= error.after_s <= 61
    assert (await _exchange(Request({"type": "http"}), error)).headers["retry-after"] == str(error.after_s)
    house.clock[0] += timedelta(seconds=error.after_s)
    assert (await exchange(ask(), house.gate)).outcome == "answered"


async def test_who_may_not_know_existence_hears_of_no_budget(house: House) -> None:
    agree(house, calls_per_hour=1)
    house.agreements[0] = replace(house.agreements[0], may_know_existence=False)
    await exchange(ask(), house.gate)
    error = await refused(house.gate, ask())
    assert error.told == (404, "not_available", "No answer is available for this request.")


async def test_the_same_person_counts_once_among_distinct_people(house: House) -> None:
    agree(house, subjects_per_day=1)
    for _ in range(3):
        await exchange(ask("1"), house.gate)
    await refused(house.gate, ask("2"))
    assert house.fund.asked == ["1", "1", "1"]


async def test_a_consent_that_says_how_often_a_day_is_used_no_oftener(house: House) -> None:
    given = Consent(
        "A1",
        "",
        "LK/GOV/WBB",
        frozenset({CONSUMER}),
        frozenset({"p"}),
        {"fund.status": None},
        AT - timedelta(days=1),
        AT + timedelta(days=9),
        "self",
        "sha-256:" + "0" * 64,
        times_per_day=1,
    )
    basis = LegalBasis("consent", controllers=frozenset({"LK/GOV/WBB"}))
    known = replace(house.agreements[0], bases=(basis,), quota=Quota(calls_per_day=5))

    async def facts_of(request: Asked) -> Facts:
        return Facts((known,), (replace(given, subject_ref=request.subject_ref),))

    gate = replace(house.gate, facts_of=facts_of)
    await exchange(ask(), gate)
    error = await refused(gate, ask())
    assert error.reasons[-1] == "deny consent A1: quota calls_per_day"
    async with house.db.read() as connection:
        spent_by = {row.agreement: row.amount for row in (await connection.execute(select(spent))).all()}
    assert spent_by == {"A1": 1, "consent:A1": 1}  # the refused one cost the agreement nothing


async def test_an_agreement_without_a_quota_costs_no_write(house: House) -> None:
    await exchange(ask(), house.gate)
    async with house.db.read() as connection:
        assert (await connection.execute(select(spent))).all() == []
        assert (await connection.execute(select(spent_on))).all() == []


async def test_nothing_is_exchanged_where_budgets_cannot_be_counted(house: House, tmp_path: Path) -> None:
    agree(house, calls_per_hour=9)
    elsewhere = Database(f"sqlite+aiosqlite:///{tmp_path / 'elsewhere.db'}")  # has no tables
    with pytest.raises(NoEvidence):
        await exchange(ask(), replace(house.gate, spend=Spending(elsewhere, UTC)))
    await elsewhere.close()
    assert house.fund.asked == []


async def test_a_delivery_that_is_tried_again_costs_once(house: House) -> None:
    agree(house, calls_per_day=1)
    house.fund.failures = []
    taken = await house.deliveries.accept(handover("k1"))
    for _ in range(3):
        house.clock[0] += timedelta(minutes=10)
        await house.work()
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "handed"
    with pytest.raises(RefusedByRules):
        await house.deliveries.accept(handover("k2"))
    assert len(house.fund.taken) == 1


async def test_a_delivery_that_fails_first_is_not_counted_twice(house: House) -> None:
    agree(house, calls_per_day=1)
    house.fund.failures = [AgencyUnavailable("down")]
    taken = await house.deliveries.accept(handover("k1"))
    for _ in range(2):
        house.clock[0] += timedelta(minutes=10)
        await house.work()
    assert (await house.deliveries.show(CONSUMER, taken.id)).state == "handed"


async def test_the_lines_of_a_batch_that_are_over_the_budget_are_refused_and_none_is_missing(house: House) -> None:
    agree(house, calls_per_day=3)
    first = await house.batches.accept(question(), [Line(str(n), subject(f"10{n}")) for n in range(3)])
    second = await house.batches.accept(question(), [Line("x", subject("201"))])
    await house.work()
    assert (await house.batches.show(CONSUMER, first.id)).outcomes == {"answered": 3}
    assert (await house.batches.show(CONSUMER, second.id)).outcomes == {"refused_by_rules": 1}
    told = [json.loads(each) async for each in house.batches.results(second.id)]
    assert "calls per day" in told[0]["detail"]
    assert len(house.fund.asked) == 3


async def test_a_batch_with_more_lines_than_agreed_is_refused_at_once_and_recorded(house: House) -> None:
    agree(house, bulk_lines=2)
    with pytest.raises(RefusedByRules) as caught:
        await house.batches.accept(question(), [Line(str(n), subject(f"10{n}")) for n in range(3)])
    assert "at most 2 lines" in caught.value.detail
    assert await house.outcomes(caught.value.exchange_id) == ["refused_by_rules"]
    assert (await house.batches.accept(question(), [Line("1", subject("1"))])).state == "running"


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_was_spent_is_what_the_log_says_and_what_callers_got(house: House, seed: int) -> None:
    """Single questions and batches, people whom the agency does not know, and budgets that end in the middle."""
    dice, got = Random(seed), Counter[str]()
    agree(house, calls_per_day=30, subjects_per_day=25)
    for _ in range(16):
        numbers = [str(dice.randrange(100, 140)) for _ in range(dice.choice([1, 1, 5, 12]))]
        got += await (alone(house, numbers[0]) if len(numbers) == 1 else together(house, numbers))
    entries = await outcomes_logged(house)
    logged = sum((Counter(each.get("outcomes") or {str(each["outcome"]): 1}) for each in entries), Counter[str]())
    async with house.db.read() as connection:
        counted = {row.kind: row.amount for row in (await connection.execute(select(spent))).all()}
    assert logged == got
    assert got["refused_by_rules"], "some budget ended"
    assert counted["calls_per_day"] == got.total() - got["refused_by_rules"] == len(house.fund.asked)
    assert counted["subjects_per_day"] == len(set(house.fund.asked))


async def alone(house: House, number: str) -> Counter[str]:
    """Ask about one person; gives the outcome as the caller sees it."""
    try:
        answer = await exchange(ask(number), house.gate)
    except RefusedByRules:
        return Counter(["refused_by_rules"])
    assert answer.released
    assert answer.outcome in RELEASED
    return Counter([answer.outcome])


async def together(house: House, numbers: list[str]) -> Counter[str]:
    """Ask about many in a batch; gives the outcomes of the lines that the caller fetches."""
    taken = await house.batches.accept(
        question(), [Line(f"{place}", subject(number)) for place, number in enumerate(numbers)]
    )
    await house.work()
    await house.batches.released(CONSUMER, taken.id)
    lines = [json.loads(line) async for part in house.batches.results(taken.id) for line in part.splitlines()]
    assert len(lines) == len(numbers)
    assert [each["line"] for each in lines if bool(each.get("record")) != (each["outcome"] in RELEASED)] == []
    return Counter(each["outcome"] for each in lines)


async def outcomes_logged(house: House) -> list[dict[str, Any]]:
    found = await house.log.search(Wanted(kind="exchange.outcome", limit=1000))
    return [dict(each.entry.facts) for each in await house.log.find([each.entry_id for each in found])]


async def test_budgets_of_days_gone_by_are_forgotten_with_those_they_were_about(house: House) -> None:
    agree(house, subjects_per_day=5)
    await exchange(ask(), house.gate)
    async with house.db.write() as connection:
        await forget_spent(connection, AT + timedelta(days=9))
        assert (await connection.execute(select(spent_on))).all() == []


def question() -> Ask:
    return replace(ask(), subject=replace(subject("0"), identifiers=()))


SPENDER = """
import asyncio, sys
from datetime import UTC, datetime
from consent.model import Quota
from gateway.db import Database
from gateway.model import Budget, Permit
from gateway.spending import Spending

async def main(url, who, tries, budget):
    db = Database(url)
    spend = Spending(db, UTC, lambda: datetime(2026, 11, 1, 12, tzinfo=UTC))
    permit = Permit(frozenset("a"), (), agreement="A1", budgets=(Budget("A1", Quota(calls_per_day=budget)),))
    print("ready", flush=True)
    sys.stdin.readline()
    asked = (spend(f"{who}-{n}", [(permit, f"p{n}")]) for n in range(tries))
    print(sum(answer == [None] for answer in await asyncio.gather(*asked)))
    await db.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


async def test_four_processes_at_once_spend_one_budget_and_no_more(postgres_url: str) -> None:
    db = Database(postgres_url)
    await upgraded(db)
    await db.close()
    arguments = [sys.executable, "-c", SPENDER, postgres_url]
    counts = ["12", str(BUDGET)]
    commands = [[*arguments, f"w{number}", *counts] for number in range(PROCESSES)]
    granted = await asyncio.to_thread(_together, commands)
    assert granted == BUDGET  # 48 tried, in four processes


def _together(commands: list[list[str]]) -> int:
    children = [
        subprocess.Popen(each, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) for each in commands
    ]
    for each in children:
        assert each.stdout
        assert each.stdout.readline() == "ready\n"
    for each in children:
        assert each.stdin
        each.stdin.write("go\n")
        each.stdin.flush()
    told = [each.communicate(timeout=60)[0] for each in children]
    assert all(each.returncode == 0 for each in children)
    return sum(map(int, told))
