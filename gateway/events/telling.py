"""From an event that an agency told to a handover for each subscriber who wants it.

An event is taken with its log entry and its job in one transaction, sealed, once however often it is told. The worker
then makes the handovers, each of them an exchange with a decision of its own; a worker that is killed in between makes
the rest next time, and none twice. Events have a lane of their own, so a flood of them holds up nothing else.
"""

import asyncio
import dataclasses
import hashlib
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Protocol

import orjson
from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.kit.contract import Subject, Told
from audit import Entry, Log, new_id, subject_pseudonym

from ..db import Database
from ..delivery import jobs
from ..delivery.deliveries import Deliveries, KeyReused
from ..delivery.handovers import subject_of
from ..errors import ExchangeError, NoEvidence
from ..grouped import Grouped
from ..model import Handover
from ..trust.person import PersonRef
from ..trust.seal import Seal
from .cron import next_time
from .filters import Test, attributes, compiled, must_equal
from .subscriptions import Subscription, Subscriptions
from .tables import event
from .types import types_of

logger = logging.getLogger("sandhi.events")

KIND = "event"
AT_ONCE = 64
KEPT_S = 30 * 86400.0  # how long an event that comes again is known


class Register(Protocol):
    """What is asked of the register of systems."""

    def offered(self, service: str) -> object | None:
        """The service, if a system in force offers it."""


@dataclass(frozen=True, slots=True)
class Wanting:
    """A subscription with its filter ready to be asked."""

    subscription: Subscription
    test: Test
    looks_at: frozenset[str]


class OfType:
    """Subscriptions to one type of event, found by what an event says without asking every filter."""

    def __init__(self) -> None:
        self._by_value: dict[str, dict[object, list[Wanting]]] = defaultdict(lambda: defaultdict(list))
        self._others: list[Wanting] = []

    def add(self, each: Wanting) -> None:
        """One more."""
        wanted = must_equal(each.subscription.filter)
        if wanted is None:
            self._others.append(each)
        else:
            self._by_value[wanted[0]][wanted[1]].append(each)

    def found(self, facts: Mapping[str, Any]) -> Iterator[Wanting]:
        """Those whose filter may hold."""
        yield from self._others
        for name, by_value in self._by_value.items():
            values = facts.get(name)
            for value in values if isinstance(values, list) else [values]:
                if isinstance(value, str | int | float):
                    yield from by_value.get(value, ())


class Index:
    """A provider's subscriptions, by the type of event."""

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self._by_type: dict[str, OfType] = defaultdict(OfType)
        for each in subscriptions:
            self._by_type[each.event_type].add(Wanting(each, compiled(each.filter), attributes(each.filter)))

    def about(self, told: Told, facts: Mapping[str, Any], now: float) -> Iterator[Wanting]:
        """Those that take this event now."""
        types = types_of(told)
        for name, held in self._by_type.items():
            if types is None or name in types:
                yield from (each for each in held.found(facts) if each.subscription.holds(now) and each.test(facts))


@dataclass(slots=True)
class Events:
    """Takes events and makes their handovers; one for each process."""

    db: Database
    log: Log
    seal: Seal
    person_ref: PersonRef
    subscriptions: Subscriptions
    deliveries: Deliveries
    register: Callable[[], Awaitable[Register]]
    clock: Callable[[], datetime]
    zone: tzinfo
    wake: asyncio.Event
    _indexes: dict[str, tuple[int, Index]] = field(default_factory=dict)
    _row_of: Grouped[str, Row[Any]] = field(init=False)
    _index: Grouped[str, Index] = field(init=False)
    _done: Grouped[tuple[str, Mapping[str, int]], None] = field(init=False)

    def __post_init__(self) -> None:
        self._row_of, self._index = Grouped(self._rows), Grouped(self._known)
        self._done = Grouped(self._all_done)

    async def take(self, events: Sequence[Told], provider: str, signature: Mapping[str, object] | None = None) -> int:
        """Take what an agency told: durable on return; gives how many were new.

        `signature` says how the message that told them was signed, where it was.

        Raises:
            LogUnavailable: nothing was taken; the agency shall tell again.
        """
        if not events:
            return 0
        now = self.clock()
        made = [self._row(each, provider, signature, now) for each in events]
        entries = {row["id"]: entry for entry, row in made}
        async with self.db.write() as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            adding = dialect.insert(event).on_conflict_do_nothing().returning(event.c.id)
            added = set((await connection.execute(adding, [row for _, row in made])).scalars())
            fresh = [id_ for id_ in entries if id_ in added]  # the others were told before
            if fresh:
                await jobs.add_all(connection, KIND, fresh, now=now.timestamp(), lane=jobs.EVENTS)
                await self.log.append_all_in(connection, [entries[id_] for id_ in fresh])
        self.wake.set()
        return len(fresh)

    def _row(
        self, told: Told, provider: str, signature: Mapping[str, object] | None, now: datetime
    ) -> tuple[Entry, dict[str, Any]]:
        entry_id = new_id(now)
        content = orjson.dumps({"id": told.id, "record": told.record, "subject": dataclasses.asdict(told.subject)})
        facts: dict[str, object] = {
            "provider": provider,
            "event": told.name,
            "event_id": str(entry_id),
            "subject": subject_pseudonym(self.person_ref(told.subject), entry_id),
        }
        row = {
            "id": str(entry_id),
            "provider": provider,
            "name": told.name,
            "key": self.seal.fingerprint(f"event:{told.id}".encode()),
            "signature": dict(signature) if signature else None,
            "sealed": self.seal.sealed(f"event:{entry_id}", content),
            "created": now.timestamp(),
        }
        return Entry(entry_id, "event.told", now, facts | ({"signature": dict(signature)} if signature else {})), row

    async def run(self, claimed: jobs.Job) -> None:
        """Make the handovers of one event. Safe to run twice.

        Raises:
            NoEvidence: the log takes nothing, or rules cannot be read; the worker comes again.
        """
        row = await self._row_of(claimed.ref)
        if row.sealed is None:
            await self._done((row.id, row.handed or {}))
            return
        told = self._told(row)
        wanted = await self._wanted(told, row.provider, row.created)
        places = asyncio.Semaphore(AT_ONCE)

        async def one(handover: Handover, not_before: float) -> str:
            async with places:
                return await self._handed(handover, not_before)

        ends = await asyncio.gather(
            *(one(self._handover(told, row, some), self._when(some)) for some in wanted.values())
        )
        await self._done((row.id, Counter(ends)))
        self.wake.set()

    async def _wanted(self, told: Told, provider: str, happened: float) -> dict[tuple[str, str], list[Wanting]]:
        """By (service of the receiver, purpose): several subscriptions of one system are one handover."""
        facts = {**told.record, **_numbers(told.subject, self.person_ref)}
        register, index = await self.register(), await self._index(provider)
        wanted: dict[tuple[str, str], list[Wanting]] = defaultdict(list)
        for each in index.about(told, facts, happened):
            service = f"{each.subscription.subscriber.replace('/', '.')}/{told.name}"
            if register.offered(service) is not None:
                wanted[service, each.subscription.purpose].append(each)
        return wanted

    async def _rows(self, ids: Sequence[str]) -> list[Row[Any]]:
        async with self.db.read() as connection:
            rows = (await connection.execute(select(event).where(event.c.id.in_(ids)))).all()
        by_id = {row.id: row for row in rows}
        return [by_id[id_] for id_ in ids]

    async def _known(self, providers: Sequence[str]) -> list[Index]:
        """The subscriptions to each of these as they are now; remembered until any subscription changes."""
        generation = await self.subscriptions.generation()
        for provider in set(providers):
            if self._indexes.get(provider, (-1,))[0] != generation:
                self._indexes[provider] = generation, Index(await self.subscriptions.of_provider(provider))
        return [self._indexes[provider][1] for provider in providers]

    def _handover(self, told: Told, row: Row[Any], some: Sequence[Wanting]) -> Handover:
        first = some[0].subscription
        service = f"{first.subscriber.replace('/', '.')}/{told.name}"
        looked_at = frozenset.intersection(*(each.looks_at for each in some))  # one that looks less would tell it too
        return Handover(
            consumer=row.provider,
            service=service,
            purpose=first.purpose,
            subject=told.subject,
            record=told.record,
            idempotency_key=_key(told.name, told.id, service, first.purpose),
            signature=row.signature,
            needs=looked_at & told.record.keys(),
            under=tuple(sorted(each.subscription.code for each in some)),
        )

    def _when(self, some: Sequence[Wanting]) -> float:
        """The earliest time that one of them wants it, in seconds since 1970; 0 for at once."""
        now = self.clock()
        return min(next_time(each.subscription.frequency, now, self.zone) for each in some)

    async def _handed(self, handover: Handover, not_before: float) -> str:
        try:
            await self.deliveries.accept(handover, lane=jobs.EVENTS, not_before=not_before)
        except NoEvidence:
            raise
        except (ExchangeError, KeyReused) as error:  # the log has it, and the others have nothing to do with it
            code = error.code if isinstance(error, ExchangeError) else "key_reused"
            logger.warning("event not handed on: %s", code, extra={"code": code, "service": handover.service})
            return code
        return "taken"

    async def _all_done(self, some: Sequence[tuple[str, Mapping[str, int]]]) -> list[None]:
        over = update(event).where(event.c.id == bindparam("this")).values(sealed=None, handed=bindparam("ends"))
        async with self.db.write() as connection:
            await connection.execute(over, [{"this": id_, "ends": dict(ends)} for id_, ends in some])
            await jobs.finish(connection, KIND, *[id_ for id_, _ in some])
        return [None] * len(some)

    def _told(self, row: Row[Any]) -> Told:
        found = orjson.loads(self.seal.opened(f"event:{row.id}", row.sealed))
        return Told(found["id"], row.name, found["record"], subject_of(found["subject"]))

    async def forget_old(self) -> None:
        """Forget events that were handed on long ago; one that comes again after that is another."""
        before = self.clock().timestamp() - KEPT_S
        async with self.db.write() as connection:
            await connection.execute(delete(event).where(event.c.created < before, event.c.sealed.is_(None)))


def _numbers(subject: Subject, person_ref: PersonRef) -> dict[str, str]:
    return {each.type: person_ref.normal(each.type, each.value) for each in subject.identifiers}


def _key(*parts: str) -> str:
    """One handover for each event, recipient service and purpose, however often the event is told."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
