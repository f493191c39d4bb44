"""A gateway's durable half on a database of its own, for tests: batches, deliveries, their worker and their log."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.kit.contract import (
    AgencyError,
    AgencyHasNoSuchPerson,
    Handed,
    Identifier,
    Item,
    Question,
    RawAnswer,
    Service,
    Subject,
)
from audit import FileMemory, Log, Signer, Wanted
from consent import Agreement, Facts, Grant, LegalBasis, Party, Request
from gateway.catalogue import Catalogue, Offer
from gateway.db import Database
from gateway.delivery import jobs
from gateway.delivery.batches import Batches
from gateway.delivery.deliveries import Deliveries
from gateway.delivery.worker import Worker
from gateway.gate import Gate
from gateway.model import Handover
from gateway.trust.person import PersonRef
from gateway.trust.seal import Seal
from tests.migrated import prepare

CONSUMER, PROVIDER = "LK/GOV/WBB/SRIS", "LK/GOV/EPF/MEMBERS"
AT = datetime(2026, 11, 1, tzinfo=UTC)
READ = Service(
    "fund.status", frozenset({"read"}), ("NIC",), frozenset({"NIC"}), frozenset({"a"}), frozenset(), "", "personal"
)
PUSH = Service(
    "fund.push", frozenset({"push"}), ("NIC",), frozenset({"NIC"}), frozenset({"a"}), frozenset(), "", "personal"
)
ONCE = Service(
    "fund.once",
    frozenset({"push"}),
    ("NIC",),
    frozenset({"NIC"}),
    frozenset({"a"}),
    frozenset(),
    "",
    "personal",
    extra={"repeatable": False},
)
CHECKED = Service(
    "fund.checked",
    frozenset({"push"}),
    ("NIC",),
    frozenset({"NIC"}),
    frozenset({"enrolled", "status"}),
    frozenset(),
    "canonical/enrolment.v1.json",
    "personal",
)
SERVICES = (READ, PUSH, ONCE, CHECKED)


@dataclass
class Fund:
    """An agency that answers as told: it breaks after so many questions, or at one person.

    Chunks are asked side by side, so only `stop_at` says which chunk it is that breaks. It answers no batch before
    `answering` is set; `waiting` counts the chunks that were asked meanwhile.
    """

    id: str = "fund"
    asked: list[str] = field(default_factory=list)
    taken: list[Item] = field(default_factory=list)
    failures: list[AgencyError] = field(default_factory=list)
    stop_after: int | None = None
    stop_at: str | None = None
    stop_with: BaseException = field(default_factory=asyncio.CancelledError)
    broken: str = "none"
    slow_s: float = 0.0
    answering: asyncio.Event | None = None
    waiting: int = 0

    async def ask(self, question: Question) -> RawAnswer:
        raise AssertionError("batches use ask_many")

    async def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        if self.answering is not None:
            self.waiting += 1
            await self.answering.wait()
        for place, question in enumerate(questions):
            number = question.subject.identifiers[0].value
            if number == self.stop_at or (self.stop_after is not None and len(self.asked) >= self.stop_after):
                raise self.stop_with
            self.asked.append(number)
            if number.endswith("9"):
                yield place, AgencyHasNoSuchPerson("nobody", code="404")
            else:
                yield place, RawAnswer({"a": number[-1]}, date(2026, 9, 30), "00", empty=number.endswith("8"))

    async def deliver(self, item: Item) -> Handed:
        await asyncio.sleep(self.slow_s)
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(item)
        return Handed("ref-1", "ACK")

    def normalise(self, service: str, raw: RawAnswer) -> dict[str, object]:
        assert isinstance(raw.payload, dict)
        if raw.payload["a"] == self.broken:
            raise KeyError(self.broken)
        return dict(raw.payload)

    async def close(self) -> None:
        return None


@dataclass
class House:
    """A gateway's durable half, with an agreement that can be taken away."""

    db: Database
    log: Log
    gate: Gate
    fund: Fund
    deliveries: Deliveries
    batches: Batches
    agreements: list[Agreement]
    clock: list[datetime]

    def worker(self) -> Worker:
        handlers = {"delivery": self.deliveries.run, "batch": self.batches.run}
        wakes = {jobs.LIVE: self.deliveries.wake, jobs.BULK: self.batches.wake}
        given_up = {"batch": self.batches.give_up, "delivery": self.deliveries.give_up}
        return Worker(self.db, handlers, wakes, lambda: self.clock[0].timestamp(), given_up)

    async def work(self) -> int:
        """Run all that is ready once, as the worker would; gives how many jobs."""
        async with self.db.write() as connection:
            claimed = await jobs.claim(connection, now=self.clock[0].timestamp(), most=100)
        for each in claimed:
            await self.worker().run_one(each)
        return len(claimed)

    async def outcomes(self, exchange_id: str) -> list[str]:
        found = await self.log.search(Wanted(facts=(("exchange_id", exchange_id),), kind="exchange.outcome"))
        return [each.facts["outcome"] for each in found]


def agreement() -> Agreement:
    grants = {each.id: Grant(each.id, each.actions | {"bulk"}, each.fields, each.sent) for each in SERVICES}
    return Agreement(
        id="A1",
        version=1,
        provider=Party("LK/GOV/EPF", frozenset({PROVIDER})),
        consumer=Party("LK/GOV/WBB", frozenset({CONSUMER})),
        grants=grants,
        purposes=frozenset({"p"}),
        bases=(LegalBasis("public_task", "Act 1"),),
        valid_from=AT - timedelta(days=30),
        valid_until=AT + timedelta(days=30),
        may_know_existence=True,
    )


@asynccontextmanager
async def a_house(
    url: str, folder: Path, *, deadline_s: float = 30.0, key: Ed25519PrivateKey | None = None
) -> AsyncIterator[House]:
    """Open it on an empty database, or with the same `key` once more on the one it had."""
    prepare(url)
    db = Database(url)
    signer = Signer("test/log", key or Ed25519PrivateKey.generate(), FileMemory(folder / "signed"))
    log = await Log.open(db.engine, signer, write_lock=db.write_lock, allow_unsafe=True)
    fund, agreements, clock = Fund(), [agreement()], [AT]
    catalogue = Catalogue(Offer(each, PROVIDER, fund) for each in SERVICES)

    async def facts_of(request: Request) -> Facts:
        return Facts(agreements=tuple(agreements))

    async def facts_of_many(requests: Sequence[Request]) -> Sequence[Facts]:
        return [Facts(agreements=tuple(agreements)) for _ in requests]

    person_ref = PersonRef({"person_key": "NIC"}, b"p" * 32)
    gate = Gate(catalogue, facts_of, facts_of_many, log, person_ref, deadline_s, lambda: clock[0])
    seal = Seal([b"k" * 32])
    deliveries = Deliveries(db, gate, seal, asyncio.Event())
    batches = Batches(db, gate, seal, asyncio.Event(), kept_s=3600)
    try:
        yield House(db, log, gate, fund, deliveries, batches, agreements, clock)
    finally:
        await log.close()
        await db.close()


def handover(key: str = "k1", service: str = "fund.push", record: Mapping[str, object] | None = None) -> Handover:
    return Handover(CONSUMER, service, "p", subject("1"), record or {"a": 1, "secret": 2}, key)


def subject(number: str) -> Subject:
    return Subject((Identifier("NIC", number),))
