"""Who wants to be told what: subscriptions, each change with its log entry, and the confirmations they cause."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.contract import AgencyError, TellsEvents
from audit import Entry, new_id

from ...db import Database
from ...delivery import jobs
from ...gate import utc_now
from ...trust.trust import Trust
from .tables import subscription

CONFIRM = "on-subscribe"  # the service under which a system registers where it takes confirmations
UNSUBSCRIBED = "unsubscribed"  # the kind of job that tells a subscriber that its subscription is over


@dataclass(frozen=True, slots=True)
class Subscription:
    """`subscriber` is told the provider's events of this type, for this purpose."""

    code: str
    subscriber: str
    provider: str
    event_type: str
    purpose: str


class Subscriptions:
    """Records subscriptions and runs the two jobs that follow: confirm to the subscriber, subscribe at the source."""

    def __init__(self, db: Database, trust: Trust, log: Any, receivers: Any, catalogue: Any) -> None:
        self._db, self._trust, self._log = db, trust, log
        self._receivers, self._catalogue = receivers, catalogue

    async def add(self, wanted: Sequence[Subscription]) -> list[str]:
        """Record them with their jobs, durably; gives the codes in order.

        A repeated wish keeps its code; with another purpose it takes the place of the one before.
        """
        now = utc_now()
        codes = []
        async with self._db.write() as connection:
            for each in wanted:
                codes.append(await self._recorded(connection, each, now))
                for kind in ("confirm", "subscribe"):
                    await jobs.add(connection, kind, codes[-1], now=now.timestamp(), lane=jobs.LIVE)
        return codes

    async def _recorded(self, connection: AsyncConnection, wanted: Subscription, now: datetime) -> str:
        same = {"subscriber": wanted.subscriber, "provider": wanted.provider, "event_type": wanted.event_type}
        known = (await connection.execute(select(subscription).filter_by(**same))).one_or_none()
        if known is not None and known.purpose == wanted.purpose and known.state == "active":
            return str(known.code)
        if known is None:
            await connection.execute(insert(subscription).values(_row(wanted, now)))
        else:
            changed = update(subscription).where(subscription.c.code == known.code)
            await connection.execute(changed.values(purpose=wanted.purpose, state="active"))
            await jobs.forget(connection, str(known.code))
        facts = {"consumer": wanted.subscriber, "provider": wanted.provider, "purpose": wanted.purpose}
        kind = "subscription.recorded" if known is None else "subscription.changed"
        await self._log.append_in(connection, Entry(new_id(now), kind, now, facts | {"event_type": wanted.event_type}))
        return wanted.code if known is None else str(known.code)

    async def of_provider(self, provider: str) -> list[Subscription]:
        """Active subscriptions to a provider's events: one for each subscriber and event type."""
        async with self._db.read() as connection:
            table = subscription.c
            wanted = select(subscription).where(table.provider == provider, table.state == "active")
            rows = (await connection.execute(wanted.order_by(table.created))).all()
        return [_subscription(row) for row in rows]

    async def confirm(self, claimed: jobs.Job) -> None:
        """Tell the subscriber its code, by DCI `on-subscribe`, where it registered to be told."""
        each = await self._one(claimed.ref)
        adapter = await self._receivers.callback(each.subscriber, CONFIRM)
        if adapter is not None:
            await adapter.send("on-subscribe", _confirmation(each), message_id=each.code)
        await self._done(claimed)

    async def unsubscribed(self, claimed: jobs.Job) -> None:
        """Tell the subscriber that its subscription has ended with its agreement, by DCI `on-unsubscribe`."""
        each = await self._one(claimed.ref)
        adapter = await self._receivers.callback(each.subscriber, CONFIRM)
        if adapter is not None:
            message_id = f"{each.code}:ended"
            await adapter.send("on-unsubscribe", _ended(each), message_id=message_id)
        await self._done(claimed)

    async def subscribe(self, claimed: jobs.Job) -> None:
        """Ask the provider to tell us, if it is an agency that tells events."""
        each = await self._one(claimed.ref)
        offers = [offer for offer in self._catalogue if offer.provider == each.provider and offer.adapter]
        adapter = offers[0].adapter if offers else None
        try:
            if isinstance(adapter, TellsEvents):
                await adapter.subscribe(self._trust.origin)
        except AgencyError as error:
            async with self._db.write() as connection:
                await jobs.again(connection, claimed, error.code or "source_down", now=utc_now().timestamp())
            return
        await self._done(claimed)

    async def _one(self, code: str) -> Subscription:
        async with self._db.read() as connection:
            row = (await connection.execute(select(subscription).where(subscription.c.code == code))).one()
        return _subscription(row)

    async def _done(self, claimed: jobs.Job) -> None:
        async with self._db.write() as connection:
            await jobs.finish(connection, claimed.kind, claimed.ref)


def wish(subscriber: str, provider: str, event_type: str, purpose: str) -> Subscription:
    """A subscription that is not recorded yet."""
    return Subscription(str(uuid4()), subscriber, provider, event_type, purpose)


def _row(each: Subscription, now: datetime) -> dict[str, object]:
    return {
        "code": each.code,
        "subscriber": each.subscriber,
        "provider": each.provider,
        "event_type": each.event_type,
        "purpose": each.purpose,
        "state": "active",
        "created": now.timestamp(),
    }


def _subscription(row: Any) -> Subscription:
    return Subscription(row.code, row.subscriber, row.provider, row.event_type, row.purpose)


def _ended(each: Subscription) -> Mapping[str, object]:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    ended = {"code": each.code, "status": "unsubscribe"}
    told = {"transaction_id": each.code, "correlation_id": each.code, "timestamp": at, "status": "succ"}
    return told | {"subscription_status": [ended]}


def _confirmation(each: Subscription) -> Mapping[str, object]:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    subscribed = {"code": each.code, "status": "subscribe", "timestamp": at}
    response = {"reference_id": each.code, "timestamp": at, "status": "succ", "subscriptions": [subscribed]}
    return {"transaction_id": each.code, "correlation_id": each.code, "subscribe_response": [response]}
