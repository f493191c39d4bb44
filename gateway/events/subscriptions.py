"""Who wants to be told what: subscriptions, each change with its log entry, in the transaction that makes it.

A subscription grants nothing: each event is decided anew for each recipient, on the agreement and the legal basis as
they are then. It only says which events, how often, and until when.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

import orjson
from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.contract import AgencyError, TellsEvents
from audit import Entry, Log, new_id
from consent import Agreement, store

from ..catalogue import Catalogue
from ..db import Database
from ..delivery import jobs
from ..gate import utc_now
from ..trust.seal import Seal
from .cron import REAL_TIME
from .filters import Filter, attributes
from .tables import event_generation, subscription
from .types import may_carry

UNSUBSCRIBED = "unsubscribed"  # the kind of job that tells a subscriber that its subscription is over
SUBSCRIBE = "subscribe"  # the kind of job that asks the agency to tell us
MOST = 1000  # subscriptions that one system may have


class SubscriptionRefused(Exception):
    """This cannot be subscribed to; the text says why. `code` is DCI's."""

    def __init__(self, detail: str, code: str = "rjct.notify_details.invalid") -> None:
        super().__init__(detail)
        self.detail, self.code = detail, code


@dataclass(frozen=True, slots=True)
class Subscription:
    """`subscriber` is told the provider's events of this type that fit the filter, for this purpose.

    Attributes:
        frequency: `real-time`, or a cron line on the country's clock.
        starts, ends: seconds since 1970; what happens outside is not told.
    """

    code: str
    subscriber: str
    provider: str
    event_type: str
    purpose: str
    filter: Filter | None = None
    frequency: str = REAL_TIME
    starts: float = 0.0
    ends: float | None = None
    state: str = "active"
    created: float = 0.0
    ended: float | None = None

    def holds(self, now: float) -> bool:
        """Whether what happens now is told."""
        return self.state == "active" and self.starts <= now and (self.ends is None or now < self.ends)


def wish(subscriber: str, provider: str, event_type: str, purpose: str, **more: Any) -> Subscription:
    """A subscription that is not recorded yet."""
    return Subscription(str(uuid4()), subscriber, provider, event_type, purpose, **more)


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Records, changes, ends and lists them; `origin` is where agencies tell us their events."""

    db: Database
    log: Log
    seal: Seal
    catalogue: Catalogue
    origin: str
    clock: Callable[[], datetime] = utc_now

    async def add(self, wanted: Sequence[Subscription]) -> list[str]:
        """Record them, durably; gives the codes in order.

        A repeated wish keeps its code; one that differs in purpose, filter or times takes the place of the one before.

        Raises:
            SubscriptionRefused: a filter looks at what no agreement lets the subscriber know; too many.
        """
        async with self.db.write() as connection:
            return [await self._recorded(connection, each, self.clock()) for each in wanted]

    async def _recorded(self, connection: AsyncConnection, wanted: Subscription, now: datetime) -> str:
        await _check_filter(connection, wanted, now)
        table = subscription.c
        same = {"subscriber": wanted.subscriber, "provider": wanted.provider, "event_type": wanted.event_type}
        found = (await connection.execute(select(subscription).filter_by(**same))).one_or_none()
        known = self._read(found) if found is not None else None
        if known is not None and replace(known, code=wanted.code, created=wanted.created, ended=None) == wanted:
            return known.code
        if known is None:
            await _check_number(connection, wanted)
            await self.put(connection, wanted, now)
        else:
            wanted = replace(wanted, code=known.code)
            row = self._row(wanted, now) | {"created": known.created}
            await connection.execute(update(subscription).where(table.code == known.code).values(row))
            await jobs.forget(connection, known.code)
        await jobs.add(connection, SUBSCRIBE, wanted.code, now=now.timestamp(), lane=jobs.LIVE)
        kind = "subscription.recorded" if known is None else "subscription.changed"
        await self.noted(connection, kind, wanted, now)
        return wanted.code

    async def put(self, connection: AsyncConnection, wanted: Subscription, now: datetime) -> None:
        """A new row; who may want it, and the entry of it, are the caller's."""
        await connection.execute(insert(subscription).values(self._row(wanted, now)))

    async def noted(self, connection: AsyncConnection, kind: str, changed: Subscription, now: datetime) -> None:
        """The entry of a change, in its transaction. A filter's values are not logged."""
        more: dict[str, object] = {}
        if changed.filter is not None:
            more["filter"] = sorted(attributes(changed.filter))
        if changed.frequency != REAL_TIME:
            more["frequency"] = changed.frequency
        await noted(connection, self.log, kind, changed, now, **more)

    async def end(self, subscriber: str, code: str) -> Subscription:
        """End one of this subscriber's, durably; from here on nothing of it is handed over.

        Raises:
            KeyError: it has none of this code.
            SubscriptionRefused: it has ended already.
        """
        async with self.db.write() as connection:
            mine = select(subscription).where(subscription.c.code == code, subscription.c.subscriber == subscriber)
            row = (await connection.execute(mine.with_for_update())).one_or_none()
            if row is None:
                raise KeyError(code)
            if row.state != "active":
                raise SubscriptionRefused("The subscription has ended already.", "rjct.event.already_unsubscribed")
            return await self.ended(connection, self._read(row), self.clock())

    async def ended(self, connection: AsyncConnection, each: Subscription, now: datetime) -> Subscription:
        """End it in the caller's transaction, with its entry."""
        await ended(connection, self.log, each, now)
        return replace(each, state="ended", ended=now.timestamp())

    async def sweep(self) -> int:
        """End those whose time is over, and have their subscribers told; gives how many."""
        now = self.clock()
        table = subscription.c
        over = select(subscription).where(table.state == "active", table.ends <= now.timestamp())
        async with self.db.write() as connection:
            rows = (await connection.execute(over.limit(1000))).all()
            for row in rows:
                await self.ended(connection, self._read(row), now)
                await jobs.add(connection, UNSUBSCRIBED, row.code, now=now.timestamp(), lane=jobs.LIVE)
        return len(rows)

    async def of_provider(self, provider: str) -> list[Subscription]:
        """Active subscriptions to a provider's events, oldest first."""
        return await self._where(subscription.c.provider == provider, subscription.c.state == "active")

    async def of_subscriber(self, subscriber: str) -> list[Subscription]:
        """All of a system's, ended ones too, oldest first."""
        return await self._where(subscription.c.subscriber == subscriber)

    async def all(self) -> list[Subscription]:
        """Every one, ended ones too, oldest first."""
        return await self._where()

    async def one(self, code: str) -> Subscription:
        """The one of this code, whoever's it is. Raises KeyError."""
        found = await self._where(subscription.c.code == code)
        if not found:
            raise KeyError(code)
        return found[0]

    async def still_wanted(self, codes: Sequence[str]) -> bool:
        """Whether one of them is still in force."""
        of, now = subscription.c, self.clock().timestamp()
        held = select(of.code).where(of.code.in_(codes), of.state == "active", of.starts <= now)
        async with self.db.read() as connection:
            found = await connection.execute(held.where(or_(of.ends.is_(None), of.ends > now)).limit(1))
            return found.first() is not None

    async def generation(self) -> int:
        """Higher after every change, of whatever process."""
        async with self.db.read() as connection:
            return (await connection.execute(select(event_generation.c.value))).scalar_one_or_none() or 0

    async def subscribe(self, claimed: jobs.Job) -> None:
        """Ask the provider to tell us, if it is an agency that tells events."""
        each = await self.one(claimed.ref)
        offers = [offer for offer in self.catalogue if offer.provider == each.provider and offer.adapter]
        adapter = offers[0].adapter if offers else None
        now = self.clock().timestamp()
        try:
            if isinstance(adapter, TellsEvents):
                await adapter.subscribe(self.origin)
        except AgencyError as error:
            async with self.db.write() as connection:
                await jobs.retry(connection, claimed, error.code or "source_down", now=now)
            return
        async with self.db.write() as connection:
            await jobs.finish(connection, claimed.kind, claimed.ref)

    async def _where(self, *conditions: Any) -> list[Subscription]:
        wanted = select(subscription).where(*conditions).order_by(subscription.c.created, subscription.c.code)
        async with self.db.read() as connection:
            return [self._read(row) for row in (await connection.execute(wanted)).all()]

    def _row(self, each: Subscription, now: datetime) -> dict[str, object]:
        sealed = self.seal.sealed(f"filter:{each.code}", orjson.dumps(each.filter)) if each.filter is not None else None
        return {
            "code": each.code,
            "subscriber": each.subscriber,
            "provider": each.provider,
            "event_type": each.event_type,
            "purpose": each.purpose,
            "state": "active",
            "created": now.timestamp(),
            "frequency": each.frequency,
            "starts": each.starts,
            "ends": each.ends,
            "ended": None,
            "sealed_filter": sealed,
        }

    def _read(self, row: Row[Any]) -> Subscription:
        sealed = row.sealed_filter
        wanted: Mapping[str, Any] | None = (
            orjson.loads(self.seal.opened(f"filter:{row.code}", sealed)) if sealed else None
        )
        who = (row.code, row.subscriber, row.provider, row.event_type, row.purpose)
        return Subscription(*who, wanted, row.frequency, row.starts, row.ends, row.state, row.created, row.ended)


class Known(Protocol):
    """A subscription, or its row."""

    @property
    def code(self) -> str: ...
    @property
    def subscriber(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def event_type(self) -> str: ...
    @property
    def purpose(self) -> str: ...


async def ended(connection: AsyncConnection, log: Log, each: Known, now: datetime) -> None:
    """End a subscription in the caller's transaction, with its entry."""
    over = update(subscription).where(subscription.c.code == each.code)
    await connection.execute(over.values(state="ended", ended=now.timestamp()))
    await noted(connection, log, "subscription.ended", each, now)


async def noted(
    connection: AsyncConnection, log: Log, kind: str, changed: Known, now: datetime, **more: object
) -> None:
    """The entry of a change, in its transaction; all processes look again."""
    raised = update(event_generation).values(value=event_generation.c.value + 1)
    if not (await connection.execute(raised)).rowcount:
        await connection.execute(insert(event_generation).values(id=1, value=1))
    facts: dict[str, object] = {
        "consumer": changed.subscriber,
        "provider": changed.provider,
        "purpose": changed.purpose,
        "event_type": changed.event_type,
        "subscription": changed.code,
    }
    await log.append_in(connection, Entry(new_id(now), kind, now, facts | more))


async def _check_number(connection: AsyncConnection, wanted: Subscription) -> None:
    mine = select(subscription.c.code).where(subscription.c.subscriber == wanted.subscriber)
    if len((await connection.execute(mine.limit(MOST))).all()) == MOST:
        raise SubscriptionRefused(f"A system has at most {MOST} subscriptions.")


async def _check_filter(connection: AsyncConnection, wanted: Subscription, now: datetime) -> None:
    """What a filter looks at is told by every event that passes it, so it must be granted to the subscriber."""
    looked_at = attributes(wanted.filter)
    if not looked_at:
        return
    held = [each.agreement for each in await store.agreements_for(connection, wanted.provider)]
    known = {name for each in held if _lets(each, wanted, now) for name in _granted(each, wanted)}
    if looked_at - known:
        raise SubscriptionRefused("The filter names attributes that no agreement in force lets you be told.")


def _lets(agreement: Agreement, wanted: Subscription, now: datetime) -> bool:
    """Whether it lets the provider hand events to the subscriber for this purpose."""
    return (
        agreement.standing(now) == "in force"
        and wanted.provider in agreement.consumer.systems
        and wanted.subscriber in agreement.provider.systems
        and wanted.purpose in agreement.purposes
    )


def _granted(agreement: Agreement, wanted: Subscription) -> frozenset[str]:
    prefix = f"{wanted.subscriber.replace('/', '.')}/"
    grants = [
        each
        for service, each in agreement.grants.items()
        if service.startswith(prefix)
        and "push" in each.actions
        and may_carry(service.removeprefix(prefix), wanted.event_type)
    ]
    return frozenset(name for each in grants for name in each.fields | each.sends)
