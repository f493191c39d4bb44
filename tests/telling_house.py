"""Events in a test: what an agency tells, taken and handed on as a worker would."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from types import SimpleNamespace
from typing import Any

from adapters.kit.contract import Told
from gateway.catalogue import Catalogue
from gateway.db import Database
from gateway.delivery import jobs
from gateway.delivery.deliveries import Deliveries
from gateway.events.subscriptions import Subscriptions
from gateway.events.telling import KIND, Events
from gateway.gate import utc_now
from gateway.trust.person import PersonRef
from gateway.trust.seal import Seal


def subscriptions_of(
    db: Database, log: Any, seal: Seal | None = None, clock: Callable[[], datetime] = utc_now
) -> Subscriptions:
    """Of a gateway without agencies."""
    return Subscriptions(db, log, seal or Seal([b"k" * 32]), Catalogue(), "https://gateway.example", clock)


def events_of(
    db: Database,
    log: Any,
    deliveries: Deliveries | Any,
    *,
    person_ref: PersonRef | None = None,
    clock: Callable[[], datetime] = utc_now,
    zone: tzinfo = UTC,
    registered: Callable[[str], object] = lambda service: service,
) -> Events:
    """Events over those deliveries; every system offers every service, unless `registered` says otherwise."""

    async def register() -> Any:
        return SimpleNamespace(offered=registered)

    subscriptions = subscriptions_of(db, log, clock=clock)
    if isinstance(deliveries, Deliveries):
        deliveries.still_wanted = subscriptions.still_wanted
    ref = person_ref or PersonRef({"person_key": "NIC"}, b"p" * 32)
    seal = Seal([b"k" * 32])
    return Events(db, log, seal, ref, subscriptions, deliveries, register, clock, zone, asyncio.Event())


async def tell(events: Events, told: Sequence[Told], provider: str) -> None:
    """Take the events, and make their handovers."""
    await events.take(told, provider)
    await fan_out(events)


async def fan_out(events: Events) -> int:
    """Make the handovers of the events that wait; gives how many events."""
    async with events.db.write() as connection:
        claimed = await jobs.claim(connection, now=events.clock().timestamp() + 1, most=500, lane=jobs.EVENTS)
        mine = [each for each in claimed if each.kind == KIND]
        await jobs.release(connection, "delivery", [each.ref for each in claimed if each.kind != KIND])
    for each in mine:
        await events.run(each)
    return len(mine)
