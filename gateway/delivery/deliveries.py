"""Deliveries: one record handed to another system, once, however often the caller or a worker tries.

The intent, the delivery and its job are one transaction; so are the outcome entry, the delivery's
state and the end of the job (`outbox`). Between them lies `pipeline.push`.

What its receiver did not take for a day is *held*: the exchange is not over, the record stays sealed, and a person
decides whether it is tried again, under the same id, or dropped (`letters`).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..db import Database
from ..errors import ExchangeError, OnHold, RefusedByRules, Unknown, shown_as
from ..gate import Gate
from ..model import Closing, Handover, Opened
from ..permits import REFUSED
from ..pipeline import failed, push
from ..trust.seal import Seal
from . import jobs
from .closing import ClosingGate, Places, StillWanted, final, wanted, whole
from .entries import failed_outcome
from .handovers import packed, unpacked
from .outbox import FINAL, Begun, Ended, Outbox, Taken
from .tables import delivery

FULL_S = 1.0  # until it is looked whether the receiver has a place


class KeyReused(Exception):
    """The idempotency key came before with another body."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What its sender may see of a delivery."""

    id: str
    service: str
    state: str  # queued | sending | held | handed | refused | failed | unknown
    outcome: str
    receiver_state: str
    withheld: Sequence[tuple[str, str]]  # field, reason
    receipt: str
    updated: float
    may_know: bool

    def wire(self) -> dict[str, object]:
        """The JSON answer of `/v1/deliveries`: a hidden outcome looks like any other to who may not know."""
        outcome = shown_as(self.outcome, self.may_know)
        return {
            "delivery_id": self.id,
            "exchange_id": self.id,
            "service": self.service,
            "state": self.state if outcome == self.outcome else "failed",
            "outcome": outcome,
            "receiver_state": self.receiver_state,
            "withheld": [{"field": field, "reason": reason} for field, reason in self.withheld],
            "receipt": self.receipt,
        }


class Deliveries:
    """Accepts, runs and shows deliveries."""

    def __init__(self, db: Database, gate: Gate, seal: Seal, wake: asyncio.Event) -> None:
        self.db, self.gate, self.seal, self.wake = db, gate, seal, wake
        self._outbox = Outbox(db, gate.log)
        self._places = Places()
        self.still_wanted: StillWanted = wanted

    async def accept(
        self, handover: Handover, *, lane: int = jobs.LIVE, not_before: float = 0.0, resends: str = ""
    ) -> Delivery:
        """Take a handover: durable on return, refused at once if the rules already say no, and again when repeated.

        Args:
            not_before: when it is wanted, in seconds since 1970, where that is not at once.
            resends: the delivery that this one is sent instead of; the log says so.

        Raises:
            KeyReused: the idempotency key was used with another body.
            RefusedByRules, NoEvidence: see `gateway.errors`.
        """
        opened, taken = self._opened(handover, resends)
        taken = replace(taken, lane=lane, not_before=not_before)
        if not await self._outbox.take(taken):  # this key was here before
            return await self._known(handover)
        await self._judged(opened, handover)
        await self._outbox.let_go(opened.exchange_id)
        self.wake.set()
        created = taken.row["created"]
        return Delivery(opened.exchange_id, handover.service, "queued", "", "", (), "", created, may_know=False)

    async def show(self, consumer: str, delivery_id: str) -> Delivery:
        """One delivery of this sender.

        Raises:
            KeyError: this sender has none of that id.
        """
        async with self.db.read() as connection:
            found = select(delivery).where(delivery.c.id == delivery_id, delivery.c.consumer == consumer)
            row = (await connection.execute(found)).one_or_none()
        if row is None:
            raise KeyError(delivery_id)
        return _shown(row)

    async def run(self, claimed: jobs.Job) -> None:
        """Work on one claimed delivery: steps 2 to 6 of the push. Safe to run twice."""
        row = await self._outbox.row(claimed.ref)
        if row.state in FINAL or row.sealed is None:
            await self._drop(claimed)
            return
        handover = unpacked(self.seal.opened(f"delivery:{row.id}", row.sealed), row)
        opened = Opened(row.id, self.gate.person_ref(handover.subject))
        closing = ClosingGate(self.gate, self._outbox, self.still_wanted)
        if not self._places.enter(handover.service):  # one slow receiver does not take all places of a lane
            await self._wait(claimed)
            return
        try:
            await self._push(claimed, row.state, opened, handover, closing)
        finally:
            self._places.leave(handover.service)

    async def _push(
        self, claimed: jobs.Job, state: str, opened: Opened, handover: Handover, closing: ClosingGate
    ) -> None:
        if state == "sending" and not self._may_repeat(handover.service):
            cut = Unknown("The message was cut while it was sent; look at it, it is not sent again by itself.")
            await closing.closed(opened, handover, Closing(cut.code, reasons=("cut between sending and its record",)))
            return
        if not await self._outbox.sending(Begun(opened.exchange_id, state)):
            return
        try:
            await push(opened, handover, closing, last_try=False)
        except ExchangeError as error:
            if error.retryable:
                await self._later(claimed, error)

    async def give_up(self, claimed: jobs.Job) -> None:
        """A fault of ours on the last try: it is held, as what no receiver took."""
        async with self.db.write() as connection:
            await _held(connection, claimed.ref, self.gate.clock().timestamp())

    async def drop(self, claimed: jobs.Job) -> None:
        """End a held delivery that nobody wants sent any more (the job `drop`): its outcome is why it was held.

        From its own intent, so that it ends even when nobody offers the service any more.
        """
        row = await self._outbox.row(claimed.ref)
        (intent,) = await self.gate.log.find([UUID(claimed.ref)])
        entry = failed_outcome(self.gate, intent.entry.facts)
        outcome = row.outcome or "unknown"
        entry = replace(entry, facts={**entry.facts, "outcome": outcome, "reasons": ["held, then dropped by a person"]})
        closed = {"state": final(outcome), "outcome": outcome, "sealed": None, "updated": entry.at.timestamp()}
        await self._outbox.end(Ended(claimed.ref, closed, entry))
        await self._drop(claimed)

    async def resend(self, claimed: jobs.Job) -> None:
        """Send a delivery once more of which it is not known whether it arrived (the job `resend`).

        An exchange of its own, which names the first one; running twice is one delivery.
        """
        row = await self._outbox.row(claimed.ref)
        if row.state == "unknown" and row.sealed is not None:
            first = unpacked(self.seal.opened(f"delivery:{row.id}", row.sealed), row)
            with suppress(RefusedByRules):  # the log has it
                await self.accept(replace(first, idempotency_key=f"resend:{row.id}"), resends=row.id)
            async with self.db.write() as connection:
                await connection.execute(update(delivery).where(delivery.c.id == row.id).values(sealed=None))
        await self._drop(claimed)

    def _may_repeat(self, service: str) -> bool:
        return bool(self.gate.catalogue.offer(service).service.extra.get("repeatable", True))

    async def _known(self, handover: Handover) -> Delivery:
        async with self.db.read() as connection:
            key = self._key(handover)
            found = select(delivery).where(delivery.c.consumer == handover.consumer, delivery.c.idempotency_key == key)
            row = (await connection.execute(found)).one()
        if row.body_hash != self.seal.fingerprint(packed(handover)):
            raise KeyReused
        if row.outcome == RefusedByRules.code and row.state in FINAL:
            raise _refusal(row)
        return _shown(row)

    def _key(self, handover: Handover) -> str:
        return self.seal.fingerprint(f"idempotency key:{handover.idempotency_key}".encode())

    def _opened(self, handover: Handover, resends: str) -> tuple[Opened, Taken]:
        opened, intent = self.gate.intent(handover)
        if resends:
            intent = replace(intent, facts={**intent.facts, "resends": resends})
        now, content = self.gate.clock().timestamp(), packed(handover)
        row = {
            "id": opened.exchange_id,
            "consumer": handover.consumer,
            "idempotency_key": self._key(handover),
            "body_hash": self.seal.fingerprint(content),
            "service": handover.service,
            "purpose": handover.purpose,
            "state": "queued",
            "withheld": [],
            "sealed": self.seal.sealed(f"delivery:{opened.exchange_id}", content),
            "created": now,
            "updated": now,
        }
        return opened, Taken(row, intent)

    async def _judged(self, opened: Opened, handover: Handover) -> None:
        try:
            await self.gate.charge(opened, handover, whole(handover, await self.gate.permit(handover)))
        except ExchangeError as error:
            if error.retryable:  # the worker asks again
                return
            await ClosingGate(self.gate, self._outbox).closed(opened, handover, failed(error, None))
            error.exchange_id = opened.exchange_id
            raise

    async def _later(self, claimed: jobs.Job, error: ExchangeError) -> None:
        now = self.gate.clock().timestamp()
        async with self.db.write() as connection:
            on_hold = isinstance(error, OnHold)
            queued = {"state": "queued", "outcome": "" if on_hold else error.code, "updated": now}
            open_ = update(delivery).where(delivery.c.id == claimed.ref, delivery.c.state.not_in(FINAL))
            if not (await connection.execute(open_.values(queued))).rowcount:
                return  # another worker has ended it meanwhile
            if on_hold:
                await jobs.hold(connection, claimed, now=now)
            elif not claimed.last_try:
                await jobs.again(connection, claimed, error.code, now=now)
            else:
                await _held(connection, claimed.ref, now)
                await jobs.bury(connection, claimed, error.code)

    async def _wait(self, claimed: jobs.Job) -> None:
        async with self.db.write() as connection:
            await jobs.hold(connection, claimed, now=self.gate.clock().timestamp(), for_s=FULL_S)

    async def _drop(self, claimed: jobs.Job) -> None:
        async with self.db.write() as connection:
            await jobs.finish(connection, "delivery", claimed.ref)


async def _held(connection: AsyncConnection, delivery_id: str, now: float) -> None:
    """Of what is not over: it waits for a person."""
    open_ = update(delivery).where(delivery.c.id == delivery_id, delivery.c.state.not_in(FINAL))
    await connection.execute(open_.values(state="held", updated=now))


def _shown(row: Row[Any]) -> Delivery:
    return Delivery(
        row.id,
        row.service,
        row.state,
        row.outcome,
        row.receiver_state,
        tuple((field, reason) for field, reason in row.withheld),
        row.receipt,
        row.updated,
        row.may_know,
    )


def _refusal(row: Row[Any]) -> RefusedByRules:
    """The same refusal as the first time."""
    refusal = RefusedByRules(REFUSED)
    refusal.exchange_id, refusal.may_know_existence = row.id, row.may_know
    return refusal
