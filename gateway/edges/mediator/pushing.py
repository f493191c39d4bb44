"""Pushing events to subscribers: at least once, with the event's id, until its time is over.

The event goes as a POST of an `EventItem` to the address that the subscriber registered as `pubsub`, signed by the
gateway (`Sandhi-Signature`, a detached JWS). Any answer of 2xx counts as taken. Tries go on with growing pauses
(`delivery.jobs`) as long as the subscription's TTL lets an event wait. The right to it is looked at before each try.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.contract import AgencyError
from adapters.kit.egress import Dialler
from adapters.kit.http_client import Limits

from ...db import Database
from ...delivery import jobs
from ...gate import utc_now
from ...trust.trust import Trust
from . import tables
from .rights import allowed_services
from .rooms import PUSHED_TO, WAITING, Store, follow

if TYPE_CHECKING:  # wiring imports this
    from ...wiring import Services

LIMITS = Limits(timeout_s=15.0, attempts=1, concurrent=8, max_bytes=64 * 1024)
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Pushing:
    """Runs the jobs of kind `im-push`, and ends what has waited too long."""

    db: Database
    store: Store
    trust: Trust
    dialler: Dialler

    async def run(self, claimed: jobs.Job) -> None:
        """One try of one delivery. Safe to run twice: receivers tell repeats by the event's id."""
        async with self.db.read() as connection:
            row, event = await _delivery(connection, claimed.ref)
        if row is None or event is None or row["state"] != WAITING or event["sealed"] is None:
            await self._done(claimed, None, "")
            return
        if row["expires"] <= utc_now().timestamp():
            await self._done(claimed, row, "expired")
            return
        if not await allowed_services(row["room"], row["subscriber"], [row["event_type"]], self.db):
            await self._done(claimed, row, "refused")
            return
        offered = (await self.trust.register()).offered(f"{row['subscriber'].replace('/', '.')}/{PUSHED_TO}")
        failure = await self._posted(offered[1].callback_url, event) if offered else "no_address"
        if not failure:
            await self._done(claimed, row, "acknowledged")
            return
        async with self.db.write() as connection:  # no try is the last: its subscriber said how long it waits
            await jobs.again(connection, claimed, failure, now=utc_now().timestamp())

    async def _posted(self, url: str, event: Any) -> str:
        """Why it was not taken; empty when it was."""
        body = orjson.dumps(self.store.opened(event))
        parts = urlsplit(url)
        client = self.dialler.http(f"{parts.scheme}://{parts.netloc}", LIMITS)
        headers = {"content-type": "application/json", "sandhi-signature": self.trust.sign_bytes(body)}
        try:
            answer = await client.request("POST", url, headers=headers, content=body, repeatable=True)
        except AgencyError as error:
            return error.code or "source_down"
        return "" if 200 <= answer.status < 300 else str(answer.status)

    async def _done(self, claimed: jobs.Job, row: Any, state: str) -> None:
        async with self.db.write() as connection:
            if row is not None:
                await self.store.settle(connection, row, state, utc_now())
            await jobs.finish(connection, claimed.kind, claimed.ref)

    async def expire(self, now: datetime) -> None:
        """End what has waited longer than its subscriber wanted; and see to it that what is pushed in order goes on."""
        table = tables.delivery.c
        over = select(tables.delivery).where(table.state == WAITING, table.expires <= now.timestamp()).limit(AT_ONCE)
        ordered = select(tables.delivery).where(table.state == WAITING, table.fifo, table.way == "PUSH")
        async with self.db.read() as connection:
            ended = (await connection.execute(over)).mappings().all()
            waiting = (await connection.execute(ordered.limit(AT_ONCE))).mappings().all()
        for row in ended:
            async with self.db.write() as connection:
                await self.store.settle(connection, row, "expired", now)
        for row in waiting:
            async with self.db.write() as connection:
                await follow(connection, row, now)


def pushing_of(here: "Services") -> Pushing:
    """Over the services of a running gateway."""
    return Pushing(here.db, Store(here.log, here.trust.seal), here.trust, here.dialler)


async def _delivery(connection: AsyncConnection, id_: str) -> tuple[Any, Any]:
    row = (await connection.execute(select(tables.delivery).filter_by(id=id_))).mappings().first()
    if row is None:
        return None, None
    event = (await connection.execute(select(tables.event).filter_by(id=row["event"]))).mappings().first()
    return row, event
