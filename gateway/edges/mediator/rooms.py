"""Rooms of PubSub 2.0: event types, subscriptions, events, and each subscriber's delivery of an event.

A room is a system, and that system manages it. Who may publish or subscribe says the room's owner (`rights`). A right
is looked at when somebody subscribes, when an event is published and when it is handed out. Events are about no person:
what is about people is decided person by person, and goes the way of deliveries and DCI notices.

Every change is one transaction with its entry; an entry names the event, never what it says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, new_id

from ...delivery import jobs
from ...trust.seal import Seal
from . import tables

JOB = "im-push"
PUSHED_TO = "pubsub"
"""The service under which a system registers where its events are pushed to."""
WAITING = "waiting"
TTL_S = 3600
LONGEST_TTL_S = 30 * 24 * 3600

Row = Mapping[str, Any] | RowMapping


class Taken(Exception):
    """It is there already."""


@dataclass(frozen=True, slots=True)
class Topic:
    """An event type of a room: `LK/GOV/RGD/CRVS`, `newOffice`."""

    room: str
    name: str

    def facts(self, **more: object) -> dict[str, object]:
        """For an entry."""
        return {"room": self.room, "event_type": self.name, **more}


@dataclass(frozen=True, slots=True)
class Wish:
    """How a subscriber wants its events."""

    delivery: str = "PUSH"
    ttl_s: int = TTL_S
    fifo: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    """The log and the seal beside the caller's transaction."""

    log: Log
    seal: Seal

    async def entry(self, connection: AsyncConnection, kind: str, now: datetime, facts: Mapping[str, object]) -> None:
        """One entry in the caller's transaction."""
        await self.log.append_in(connection, Entry(new_id(now), f"pubsub.{kind}", now, facts))

    async def create(self, connection: AsyncConnection, topic: Topic, schema: object, now: datetime) -> None:
        """Add an event type. Raises Taken."""
        row = {"room": topic.room, "name": topic.name, "schema": schema, "published": 0, "created": now.timestamp()}
        try:
            async with connection.begin_nested():
                await connection.execute(insert(tables.event_type).values(row))
        except IntegrityError:
            raise Taken from None
        await self.entry(connection, "event_type.created", now, topic.facts())

    async def remove(self, connection: AsyncConnection, topic: Topic, now: datetime) -> bool:
        """Take an event type out with its subscriptions; what is under way is stopped. False: there is none."""
        gone = await connection.execute(delete(tables.event_type).filter_by(room=topic.room, name=topic.name))
        if not gone.rowcount:
            return False
        same = {"room": topic.room, "event_type": topic.name}
        await connection.execute(delete(tables.subscription).filter_by(**same))
        waiting = update(tables.delivery).filter_by(**same, state=WAITING)
        await connection.execute(waiting.values(state="stopped", updated=now.timestamp()))
        await connection.execute(update(tables.event).filter_by(**same).values(state="stopped", sealed=None))
        await self.entry(connection, "event_type.removed", now, topic.facts())
        return True

    async def subscribe(
        self, connection: AsyncConnection, topic: Topic, subscriber: str, wish: Wish, now: datetime
    ) -> str:
        """Add a subscription; gives its id. Raises Taken."""
        row = {
            "id": str(uuid4()),
            "room": topic.room,
            "event_type": topic.name,
            "subscriber": subscriber,
            "delivery": wish.delivery,
            "ttl_s": wish.ttl_s,
            "fifo": wish.fifo,
            "created": now.timestamp(),
        }
        try:
            async with connection.begin_nested():
                await connection.execute(insert(tables.subscription).values(row))
        except IntegrityError:
            raise Taken from None
        facts = topic.facts(subscriber=subscriber, delivery=wish.delivery)
        await self.entry(connection, "subscribed", now, facts)
        return str(row["id"])

    async def change(
        self, connection: AsyncConnection, topic: Topic, subscriber: str, wish: Wish, now: datetime
    ) -> bool:
        """How events are wanted from the next one on. False: there is no subscription."""
        values = {"delivery": wish.delivery, "ttl_s": wish.ttl_s, "fifo": wish.fifo}
        same = {"room": topic.room, "event_type": topic.name, "subscriber": subscriber}
        found = await connection.execute(update(tables.subscription).filter_by(**same).values(values))
        if found.rowcount:
            facts = topic.facts(subscriber=subscriber, delivery=wish.delivery)
            await self.entry(connection, "subscription.changed", now, facts)
        return bool(found.rowcount)

    async def unsubscribe(self, connection: AsyncConnection, topic: Topic, subscriber: str, now: datetime) -> bool:
        """End a subscription; its events under way are stopped. False: there is none."""
        same = {"room": topic.room, "event_type": topic.name, "subscriber": subscriber}
        gone = await connection.execute(delete(tables.subscription).filter_by(**same))
        if gone.rowcount:
            waiting = update(tables.delivery).filter_by(**same, state=WAITING)
            await connection.execute(waiting.values(state="stopped", updated=now.timestamp()))
            await self.entry(connection, "unsubscribed", now, topic.facts(subscriber=subscriber))
        return bool(gone.rowcount)

    async def publish(
        self, connection: AsyncConnection, topic: Topic, publisher: str, content: object, now: datetime
    ) -> str | None:
        """Take an event for everybody who subscribed, durably; gives its id. None: no such event type."""
        sequence = await _next(connection, topic)
        if sequence is None:
            return None
        event_id = str(uuid4())
        same = {"room": topic.room, "event_type": topic.name}
        subscribed = (await connection.execute(select(tables.subscription).filter_by(**same))).mappings().all()
        sealed = self.seal.sealed(f"im_event:{event_id}", orjson.dumps(content)) if subscribed else None
        row: dict[str, object] = {"id": event_id, **same, "sequence": sequence, "publisher": publisher}
        row |= {"sealed": sealed, "state": "published", "created": now.timestamp()}
        await connection.execute(insert(tables.event).values(row))
        deliveries = [_delivery(event_id, sequence, each, now) for each in subscribed]
        if deliveries:
            await connection.execute(insert(tables.delivery), deliveries)
        for each in deliveries:
            await follow(connection, each, now)
        told = {"event": event_id, "sequence": sequence, "publisher": publisher}
        subscribers = sorted(str(each["subscriber"]) for each in subscribed)
        await self.entry(connection, "published", now, topic.facts(**told, subscribers=subscribers))
        return event_id

    async def stop(self, connection: AsyncConnection, topic: Topic, event_id: str, now: datetime) -> None:
        """Hand an event out to nobody any more."""
        stopped = update(tables.event).filter_by(id=event_id).values(state="stopped", sealed=None)
        await connection.execute(stopped)
        waiting = update(tables.delivery).filter_by(event=event_id, state=WAITING)
        await connection.execute(waiting.values(state="stopped", updated=now.timestamp()))
        await self.entry(connection, "stopped", now, topic.facts(event=event_id))

    async def settle(self, connection: AsyncConnection, row: Row, state: str, now: datetime) -> None:
        """End one delivery; when it was the last, the event's content is erased.

        The event is locked first: of two that end at the same moment, the later one sees that it is the last.
        """
        await connection.execute(select(tables.event.c.id).filter_by(id=row["event"]).with_for_update())
        ended = update(tables.delivery).where(tables.delivery.c.id == row["id"], tables.delivery.c.state == WAITING)
        if not (await connection.execute(ended.values(state=state, updated=now.timestamp()))).rowcount:
            return
        waiting = select(tables.delivery.c.id).filter_by(event=row["event"], state=WAITING).limit(1)
        if await connection.scalar(waiting) is None:
            await connection.execute(update(tables.event).filter_by(id=row["event"]).values(sealed=None))
        await follow(connection, row, now)
        facts = {"room": row["room"], "event_type": row["event_type"], "event": row["event"]}
        await self.entry(connection, "delivery", now, facts | {"subscriber": row["subscriber"], "state": state})

    def opened(self, event: Row) -> dict[str, object]:
        """An event as the published file has it (EventItem)."""
        content: object = orjson.loads(self.seal.opened(f"im_event:{event['id']}", event["sealed"]))
        return shown(event) | {"event": content}


def shown(event: Row) -> dict[str, object]:
    """EventItem without the content."""
    instance, class_, code, application = str(event["publisher"]).split("/")
    publisher = {"instanceId": instance, "memberClass": class_, "memberCode": code, "applicationCode": application}
    named = {"id": event["id"], "sequence": event["sequence"], "eventType": event["event_type"]}
    return named | {"publisherId": publisher}


async def _next(connection: AsyncConnection, topic: Topic) -> int | None:
    """The event type's next sequence number; concurrent publishers take turns on its row."""
    published = tables.event_type.c.published
    counted = update(tables.event_type).filter_by(room=topic.room, name=topic.name).values(published=published + 1)
    found = await connection.scalar(counted.returning(published))
    return None if found is None else int(found)


def _delivery(event_id: str, sequence: int, subscription: RowMapping, now: datetime) -> dict[str, object]:
    return {
        "id": str(uuid4()),
        "event": event_id,
        "subscriber": subscription["subscriber"],
        "room": subscription["room"],
        "event_type": subscription["event_type"],
        "sequence": sequence,
        "way": subscription["delivery"],
        "fifo": subscription["fifo"],
        "state": WAITING,
        "expires": now.timestamp() + subscription["ttl_s"],
        "updated": now.timestamp(),
    }


async def follow(connection: AsyncConnection, row: Row, now: datetime) -> None:
    """Work for the deliveries to this one's subscriber that are pushed: the oldest where order counts, else this one.

    Adding what is there already changes nothing.
    """
    if row["way"] != "PUSH":
        return
    found = str(row["id"])
    if row["fifo"]:
        names = ("room", "event_type", "subscriber", "way")
        waiting = select(tables.delivery.c.id).filter_by(state=WAITING, **{name: row[name] for name in names})
        found = str(await connection.scalar(waiting.order_by(tables.delivery.c.sequence).limit(1)) or "")
    if found:
        await jobs.add(connection, JOB, found, now=now.timestamp(), lane=jobs.LIVE)


async def names_of(connection: AsyncConnection, member: str) -> Sequence[tuple[str, str]]:
    """(room, event type) of all rooms of a member."""
    table = tables.event_type.c
    mine = select(table.room, table.name).where(table.room.startswith(f"{member}/", autoescape=True))
    return [(row.room, row.name) for row in await connection.execute(mine)]


async def types_of(connection: AsyncConnection, room: str) -> dict[str, Any]:
    """Event type -> its schema."""
    rows = await connection.execute(select(tables.event_type).filter_by(room=room).order_by(tables.event_type.c.name))
    return {row.name: row.schema for row in rows}


async def subscriptions_of(connection: AsyncConnection, room: str, subscriber: str) -> Sequence[RowMapping]:
    """A subscriber's subscriptions in a room, by event type."""
    same = select(tables.subscription).filter_by(room=room, subscriber=subscriber)
    return (await connection.execute(same.order_by(tables.subscription.c.event_type))).mappings().all()


async def event_of(connection: AsyncConnection, topic: Topic, event_id: str) -> RowMapping | None:
    """One event."""
    same = select(tables.event).filter_by(id=event_id, room=topic.room, event_type=topic.name)
    return (await connection.execute(same)).mappings().first()


async def deliveries_of(connection: AsyncConnection, event_id: str) -> Sequence[RowMapping]:
    """What became of an event, subscriber by subscriber."""
    same = select(tables.delivery).filter_by(event=event_id).order_by(tables.delivery.c.subscriber)
    return (await connection.execute(same)).mappings().all()


async def next_for(
    connection: AsyncConnection, topic: Topic, subscriber: str, now: datetime, event_id: str | None = None
) -> RowMapping | None:
    """The oldest delivery that waits to be pulled by a subscriber, or the one of this event."""
    table = tables.delivery.c
    waiting = select(tables.delivery).filter_by(
        room=topic.room, event_type=topic.name, subscriber=subscriber, way="PULL", state=WAITING
    )
    waiting = waiting.where(table.expires > now.timestamp()).order_by(table.sequence).limit(1)
    if event_id is not None:
        waiting = waiting.where(table.event == event_id)
    return (await connection.execute(waiting)).mappings().first()
