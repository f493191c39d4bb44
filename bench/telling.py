"""A thousand subscribers in one process: events told to them, decided, handed over, all on an embedded database."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.kit.contract import Handed, Identifier, Item, Service, Subject, Told
from audit import FileMemory, Log, Signer
from consent import Agreement, Facts, Grant, LegalBasis, Party, Request
from gateway.catalogue import Catalogue, Offer
from gateway.db import Database
from gateway.delivery import jobs
from gateway.delivery.deliveries import Deliveries
from gateway.delivery.worker import Worker
from gateway.events.subscriptions import Subscription, Subscriptions
from gateway.events.telling import KIND, Events
from gateway.gate import Gate
from gateway.migrations import upgraded
from gateway.trust.person import PersonRef
from gateway.trust.seal import Seal

SOURCE, PURPOSE, NAME = "LK/GOV/RGD/CRVS", "bench", "vital-event"
FIELDS = frozenset({"event", "date", "place"})
AT_ONCE = 100  # events in one message of the source


class Receiver:
    """Takes everything at once, and counts down to `done`."""

    def __init__(self) -> None:
        self.left, self.done = 0, asyncio.Event()

    async def deliver(self, _item: Item) -> Handed:
        """Counted."""
        self.left -= 1
        if self.left == 0:
            self.done.set()
        return Handed("r", "ACK")


async def told(url: str, folder: str, subscribers: int, events: int, broadcast: int) -> object:
    """Events and handovers a second: each wanted by one subscriber, then some that everybody wants."""
    async with AsyncExitStack() as stack:
        db = Database(url)
        stack.push_async_callback(db.close)
        await upgraded(db)
        memory = FileMemory(Path(folder) / "events.signed")
        log = await Log.open(
            db.engine, Signer("bench/events", Ed25519PrivateKey.generate(), memory), write_lock=db.write_lock
        )
        stack.push_async_callback(log.close)
        receiver = Receiver()
        telling, worker = await _house(db, log, receiver, subscribers)
        running = asyncio.create_task(worker.run())
        try:
            filtered = await _run(
                telling, receiver, [_told(n, "death", n % subscribers) for n in range(events)], events
            )
            many = [_told(events + n, "birth", 0) for n in range(broadcast)]
            everybody = await _run(telling, receiver, many, broadcast * subscribers)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    return {"filtered": filtered, "everybody": everybody}


async def _run(telling: Events, receiver: Receiver, events: Sequence[Told], expected: int) -> Mapping[str, float]:
    begun = time.perf_counter()
    receiver.left = expected
    receiver.done.clear()
    for start in range(0, len(events), AT_ONCE):
        await telling.take(events[start : start + AT_ONCE], SOURCE)
    await receiver.done.wait()
    seconds = time.perf_counter() - begun
    return {"events": len(events) / seconds, "handovers": expected / seconds}


async def _house(db: Database, log: Log, receiver: Any, subscribers: int) -> tuple[Events, Worker]:
    services = [_service(n) for n in range(subscribers)]
    agreements = {each.id: _agreement(n, each) for n, each in enumerate(services)}
    catalogue = Catalogue([Offer(each, _system(n), receiver) for n, each in enumerate(services)])

    async def facts_of(request: Request) -> Facts:
        return Facts(agreements=(agreements[request.service],))

    async def facts_of_many(requests: Sequence[Request]) -> Sequence[Facts]:
        return [await facts_of(each) for each in requests]

    async def register() -> Any:
        return SimpleNamespace(offered=lambda service: service)

    seal, person_ref = Seal([b"k" * 32]), PersonRef({"person_key": "NIC"}, b"p" * 32)
    gate = Gate(catalogue, facts_of, facts_of_many, log, person_ref)
    deliveries = Deliveries(db, gate, seal, asyncio.Event())
    subscriptions = Subscriptions(db, log, seal, Catalogue(), "http://127.0.0.1")
    deliveries.still_wanted = subscriptions.still_wanted
    wake = asyncio.Event()
    telling = Events(
        db, log, seal, person_ref, subscriptions, deliveries, register, lambda: datetime.now(UTC), UTC, wake
    )
    for n in range(subscribers):
        await _subscribed(subscriptions, n)
    handlers = {KIND: telling.run, "delivery": deliveries.run, "subscribe": subscriptions.subscribe}
    wakes = {jobs.LIVE: deliveries.wake, jobs.EVENTS: wake}
    return telling, Worker(db, handlers, wakes, time.time)


async def _subscribed(subscriptions: Subscriptions, n: int) -> None:
    """To the deaths of one place, and to every birth; what a filter may look at is not what is measured."""
    place = {"attribute": "place", "operator": "eq", "value": str(n)}
    now = subscriptions.clock()
    async with subscriptions.db.write() as connection:
        for kind, wanted in (("death", place), ("birth", None)):
            each = Subscription(f"{n}-{kind}", _system(n), SOURCE, kind, PURPOSE, wanted)
            await subscriptions.put(connection, each, now)


def _told(number: int, event: str, place: int) -> Told:
    subject = Subject((Identifier("NIC", f"{number:012}"),))
    return Told(str(number), NAME, {"event": event, "date": "2026-10-30", "place": str(place)}, subject)


def _system(n: int) -> str:
    return f"LK/GOV/B{n}/SYS"


def _service(n: int) -> Service:
    name = f"{_system(n).replace('/', '.')}/{NAME}"
    sent = frozenset({"NIC"})
    return Service(name, frozenset({"push"}), ("NIC",), sent, FIELDS, frozenset(), "", "personal")


def _agreement(n: int, service: Service) -> Agreement:
    now = datetime.now(UTC)
    return Agreement(
        id=f"B{n}",
        version=1,
        provider=Party(_system(n).rpartition("/")[0], frozenset({_system(n)})),
        consumer=Party(SOURCE.rpartition("/")[0], frozenset({SOURCE})),
        grants={service.id: Grant(service.id, service.actions, FIELDS, service.sent)},
        purposes=frozenset({PURPOSE}),
        bases=(LegalBasis("public_task", "Act 1"),),
        valid_from=now - timedelta(days=1),
        valid_until=now + timedelta(days=30),
    )
