"""Messages of ours to registered systems: kept in the caller's transaction, sent until taken, each under one id.

The receiver sees the same `message_id` however often it is sent, so a receiver that was slow, or whose acknowledgement
was lost, can tell the repeat. What nobody took for a day waits for a person (`letters`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

import orjson
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.contract import AgencyError

from ..db import Database
from ..trust.seal import Seal
from . import jobs
from .tables import callback

KIND = "callback"
UNSENT = ("queued", "held")  # the states of what may leave yet


class Sends(Protocol):
    """The connection to one registered address."""

    async def send(self, action: str, message: Mapping[str, object], *, message_id: str) -> None:
        """Raises AgencyError: not taken; safe to try again with the same id."""


AddressOf = Callable[[str, str], Awaitable[Sends | None]]
"""(system, service name) -> the connection to the address registered there; None where there is none."""
StillSo = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""(callback id, message) -> the message as it may be told now."""


async def as_it_was(_id: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """For messages that say nothing about a person."""
    return message


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Keeps and sends them. `still` has, by action, what looks at a message once more before it is sent."""

    db: Database
    seal: Seal
    address_of: AddressOf
    clock: Callable[[], datetime]
    still: dict[str, StillSo] = field(default_factory=dict)

    async def add(
        self, connection: AsyncConnection, to: tuple[str, str], action: str, message: Mapping[str, Any]
    ) -> str:
        """Keep a message in the caller's transaction, beside its log entry; gives the id it is sent under.

        Args:
            to: the system, and the name of the service under which it registered where to be called.
        """
        id_, now = str(uuid4()), self.clock().timestamp()
        row: dict[str, object] = {"id": id_, "system": to[0], "service": to[1], "action": action, "state": "queued"}
        row |= {"sealed": self.seal.sealed(f"callback:{id_}", orjson.dumps(message)), "created": now, "updated": now}
        await connection.execute(insert(callback).values(row))
        await jobs.add(connection, KIND, id_, now=now, lane=jobs.LIVE)
        return id_

    async def run(self, claimed: jobs.Job) -> None:
        """Send one. Safe to run twice: the receiver knows a repeat by its id."""
        async with self.db.read() as connection:
            row = (await connection.execute(select(callback).where(callback.c.id == claimed.ref))).one()
        if row.state == "held":  # whoever held it was killed before it buried the job
            async with self.db.write() as connection:
                await jobs.bury(connection, claimed)
            return
        if row.state != "queued" or row.sealed is None:
            await self._ended(claimed, row.state)
            return
        message = orjson.loads(self.seal.opened(f"callback:{row.id}", row.sealed))
        address = await self.address_of(row.system, row.service)
        if address is None:  # the system took its address back; nobody is waiting
            await self._ended(claimed, "dropped")
            return
        message = await self.still.get(row.action, as_it_was)(row.id, message)
        try:
            await address.send(row.action, message, message_id=row.id)
        except AgencyError as error:
            await self._later(claimed, error.code or "source_down")
            return
        await self._ended(claimed, "handed")

    async def _ended(self, claimed: jobs.Job, state: str) -> None:
        now = self.clock().timestamp()
        async with self.db.write() as connection:
            ended = update(callback).where(callback.c.id == claimed.ref)
            await connection.execute(ended.values(state=state, sealed=None, updated=now))
            await jobs.finish(connection, KIND, claimed.ref)

    async def _later(self, claimed: jobs.Job, failure: str) -> None:
        now = self.clock().timestamp()
        async with self.db.write() as connection:
            if not claimed.last_try:
                await jobs.again(connection, claimed, failure, now=now)
                return
            await _held(connection, claimed.ref, now)
            await jobs.bury(connection, claimed, failure)

    async def give_up(self, claimed: jobs.Job) -> None:
        """A fault of ours on the last try: it waits for a person, as what nobody took."""
        async with self.db.write() as connection:
            await _held(connection, claimed.ref, self.clock().timestamp())


async def _held(connection: AsyncConnection, id_: str, now: float) -> None:
    """Of what another worker has not ended meanwhile: it waits for a person."""
    queued = update(callback).where(callback.c.id == id_, callback.c.state == "queued")
    await connection.execute(queued.values(state="held", updated=now))
