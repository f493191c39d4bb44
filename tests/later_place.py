"""The durable half with messages that are answered later, an agency that takes its time, and campaigns of days."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, timedelta
from typing import Any

from sqlalchemy import func, select

from adapters.kit.contract import AgencyError, Question, Subject
from audit import Wanted as Search
from gateway.catalogue import Offer
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.delivery.callbacks import Callbacks
from gateway.delivery.campaigns import Campaigns
from gateway.delivery.tables import job
from gateway.delivery.transactions import Later, Transaction, Transactions, Wanted
from gateway.delivery.waiting import Waiting
from gateway.delivery.worker import Worker
from gateway.model import Ask
from tests.durable_house import CONSUMER, PROVIDER, READ, Fund, House, subject


@dataclass
class SlowAgency(Fund):
    """Takes a question now; its answer comes when the test says so."""

    questions: dict[str, Question] = field(default_factory=dict)
    refusing: list[AgencyError] = field(default_factory=list)

    async def ask_later(self, question: Question, reference: str) -> None:
        if self.refusing:
            raise self.refusing.pop(0)
        self.questions[reference] = question


class Echo:
    """Answers each item with itself; `slow` ones wait for an agency."""

    action = "on-search"

    def __init__(self, waiting: Any = None) -> None:
        self.waiting, self.asked, self.failing = waiting, Counter[int](), 0

    async def answer(self, taken: Transaction, place: int, item: Mapping[str, Any]) -> Mapping[str, Any] | Later:
        self.asked[place] += 1
        if self.failing and place == self.failing:
            self.failing = 0
            raise OSError("the worker dies here")
        if item.get("slow"):
            return Later(await self.waiting.ask(question(), item=(taken.id, place)))
        return {"said": item["n"]}

    async def told(self, taken: Transaction, item: Mapping[str, Any], exchange_id: str) -> Mapping[str, Any]:
        waited = await self.waiting.show(taken.consumer, exchange_id)
        return {"said": item["n"], "outcome": waited.outcome}

    def whole(self, taken: Transaction, answers: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
        return "succ", {"correlation_id": taken.id, "answers": list(answers)}

    async def still(self, taken: Transaction, item: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**answer, "still": True}


class Address:
    """Where a system is called back; down as long as the test says."""

    def __init__(self) -> None:
        self.told: list[Mapping[str, Any]] = []

    async def send(self, action: str, message: Mapping[str, object], *, message_id: str) -> None:
        self.told.append({"action": action, **message})


def question() -> Ask:
    return Ask(CONSUMER, READ.id, "p", subject("1990"), date(2026, 11, 1), frozenset({"a"}))


class Place:
    """The durable half with messages and an agency that answers later."""

    def __init__(self, house: House) -> None:
        self.house, self.agency, self.address = house, SlowAgency(), Address()
        house.gate.catalogue._offers[READ.id] = Offer(READ, PROVIDER, self.agency)
        seal, woken = house.deliveries.seal, asyncio.Event()

        async def address(_system: str, _service: str) -> Address:
            return self.address

        self.callbacks = Callbacks(house.db, seal, address, self.now)
        self.transactions = Transactions(house.db, seal, house.log, self.callbacks, self.now, woken.set, 3600)
        self.waiting = Waiting(house.db, house.gate, seal, woken.set, 3600, self.transactions.resumed)
        self.echo = Echo(self.waiting)
        self.transactions.answers("search", self.echo)

    def now(self) -> Any:
        return self.house.clock[0]

    async def work(self, rounds: int = 4, *, only: str = "") -> None:
        """Run what is ready, and what follows from it; of one kind, or of all."""
        handlers = {
            "txn": self.transactions.run,
            "callback": self.callbacks.run,
            "waiting": self.waiting.run,
            "resume": self.waiting.go_on,
        }
        worker = Worker(self.house.db, handlers, {}, lambda: self.now().timestamp())
        for _ in range(rounds):
            for each in await self.claimed(only):
                await worker.run_one(each)

    async def claimed(self, only: str = "") -> list[jobs.Job]:
        """What is ready now; other kinds than `only` are given back."""
        now = self.now().timestamp()
        async with self.house.db.write() as connection:
            found = await jobs.claim(connection, now=now, most=50)
            for each in found:
                if only not in {"", each.kind}:
                    await jobs.hold(connection, each, now=now, for_s=0)
        return [each for each in found if only in {"", each.kind}]

    async def outcomes(self) -> list[str]:
        found = await self.house.log.search(Search(kind="exchange.outcome"))
        return [str(each.facts["outcome"]) for each in found]

    @property
    def reference(self) -> str:
        (reference,) = self.agency.questions
        return reference


def message(*items: Mapping[str, Any], id_: str = "t1") -> Wanted:
    return Wanted(CONSUMER, "search", id_, [(f"r{n}", each) for n, each in enumerate(items)], callback="on-search")


def people(count: int) -> list[Line]:
    return [Line(str(n), subject(f"1990123{n:04}1")) for n in range(count)]


def campaigns(house: House, per_day: int = 100) -> Campaigns:
    service = replace(READ, extra={"quota_per_day": per_day})
    house.gate.catalogue._offers[READ.id] = Offer(service, PROVIDER, house.fund)
    return Campaigns(house.db, house.gate, house.deliveries.seal, house.batches, UTC, 3600, lambda: None)


async def turn(house: House, running: Campaigns, *, days: int = 1) -> int:
    """Work through so many days; gives how many people the agency was asked about."""
    before = len(house.fund.asked)
    handlers = {"campaign": running.run, "batch": house.batches.run}
    worker = Worker(house.db, handlers, {}, lambda: house.clock[0].timestamp())
    until = house.clock[0] + timedelta(days=days)
    while house.clock[0] < until:
        async with house.db.write() as connection:
            claimed = await jobs.claim(connection, now=house.clock[0].timestamp(), most=10)
        for each in claimed:
            await worker.run_one(each)
        async with house.db.read() as connection:
            due = select(func.min(job.c.not_before)).where(job.c.state == "ready")
            next_at = (await connection.execute(due)).scalar_one()
        wait = 86400.0 if next_at is None else next_at - house.clock[0].timestamp() + 0.01
        house.clock[0] = min(until, house.clock[0] + timedelta(seconds=max(wait, 0.01)))
    return len(house.fund.asked) - before


PATTERN = replace(question(), subject=Subject())
