"""Deliveries: one record handed to another system, once, however often the caller or a worker tries.

The intent, the delivery and its job are one transaction; so are the outcome entry, the delivery's
state and the end of the job (`outbox`). Between them lies `pipeline.push`.
"""

import asyncio
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from adapters.kit.contract import Handed, Identifier, Name, Subject

from ..db import Database
from ..errors import ExchangeError, OnHold, RefusedByRules, Unknown, shown_as
from ..gate import REFUSED, Gate
from ..model import Ask, Closing, Handover, Opened, Permit
from ..pipeline import failed, push
from ..trust.seal import Seal
from . import jobs
from .entries import failed_outcome
from .outbox import FINAL, Ended, Outbox, Taken
from .tables import delivery


class KeyReused(Exception):
    """The idempotency key came before with another body."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What its sender may see of a delivery."""

    id: str
    service: str
    state: str  # queued | sending | handed | refused | failed | unknown
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

    async def accept(self, handover: Handover) -> Delivery:
        """Take a handover: durable on return, refused at once if the rules already say no, and again when repeated.

        Raises:
            KeyReused: the idempotency key was used with another body.
            RefusedByRules, NoEvidence: see `gateway.errors`.
        """
        opened, taken = self._opened(handover)
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
        handover = _unpacked(self.seal.opened(f"delivery:{row.id}", row.sealed), row)
        opened = Opened(row.id, self.gate.person_ref(handover.subject))
        closing = ClosingGate(self.gate, self._outbox)
        if row.state == "sending" and not self._may_repeat(handover.service):
            cut = Unknown("The message was cut while it was sent; look at it, it is not sent again by itself.")
            await closing.closed(opened, handover, Closing(cut.code, reasons=("cut between sending and its record",)))
            return
        await self._outbox.sending(row.id)
        try:
            await push(opened, handover, closing, last_try=claimed.last_try)
        except ExchangeError as error:
            if error.retryable and not claimed.last_try:
                await self._later(claimed, error)

    async def give_up(self, claimed: jobs.Job) -> None:
        """Close a delivery whose last try failed as `unknown`.

        From its own intent, so that it ends even when nobody offers the service any more.
        """
        (intent,) = await self.gate.log.find([UUID(claimed.ref)])
        entry = failed_outcome(self.gate, intent.entry.facts)
        entry = replace(entry, facts={**entry.facts, "reasons": ["the last try failed"]})
        closed = {"state": "unknown", "outcome": "unknown", "sealed": None, "updated": entry.at.timestamp()}
        await self._outbox.end(Ended(claimed.ref, closed, entry))

    def _may_repeat(self, service: str) -> bool:
        return bool(self.gate.catalogue.offer(service).service.extra.get("repeatable", True))

    async def _known(self, handover: Handover) -> Delivery:
        async with self.db.read() as connection:
            key = self._key(handover)
            found = select(delivery).where(delivery.c.consumer == handover.consumer, delivery.c.idempotency_key == key)
            row = (await connection.execute(found)).one()
        if row.body_hash != self.seal.fingerprint(_packed(handover)):
            raise KeyReused
        if row.outcome == RefusedByRules.code and row.state in FINAL:
            raise _refusal(row)
        return _shown(row)

    def _key(self, handover: Handover) -> str:
        return self.seal.fingerprint(f"idempotency key:{handover.idempotency_key}".encode())

    def _opened(self, handover: Handover) -> tuple[Opened, Taken]:
        opened, intent = self.gate.intent(handover)
        now, packed = self.gate.clock().timestamp(), _packed(handover)
        row = {
            "id": opened.exchange_id,
            "consumer": handover.consumer,
            "idempotency_key": self._key(handover),
            "body_hash": self.seal.fingerprint(packed),
            "service": handover.service,
            "purpose": handover.purpose,
            "state": "queued",
            "withheld": [],
            "sealed": self.seal.sealed(f"delivery:{opened.exchange_id}", packed),
            "created": now,
            "updated": now,
        }
        return opened, Taken(row, intent)

    async def _judged(self, opened: Opened, handover: Handover) -> None:
        try:
            await self.gate.drawn(opened, handover, await self.gate.permit(handover))
        except ExchangeError as error:
            if error.retryable:  # the worker asks again
                return
            await ClosingGate(self.gate, self._outbox).closed(opened, handover, failed(error, None))
            error.exchange_id = opened.exchange_id
            raise

    async def _later(self, claimed: jobs.Job, error: ExchangeError) -> None:
        now = self.gate.clock().timestamp()
        async with self.db.write() as connection:
            held = isinstance(error, OnHold)
            queued = {"state": "queued", "outcome": "" if held else error.code, "updated": now}
            await connection.execute(update(delivery).where(delivery.c.id == claimed.ref).values(queued))
            if held:
                await jobs.hold(connection, claimed, now=now)
            else:
                await jobs.again(connection, claimed, error.code, now=now)

    async def _drop(self, claimed: jobs.Job) -> None:
        async with self.db.write() as connection:
            await jobs.finish(connection, "delivery", claimed.ref)


class ClosingGate:
    """The gate of a delivery: its outcome entry, its state and the end of its job are one transaction."""

    def __init__(self, gate: Gate, outbox: Outbox) -> None:
        self._gate, self._outbox = gate, outbox
        self._reference = ""
        self.drawn = gate.drawn
        self.opened, self.fetch, self.normalise = gate.opened, gate.fetch, gate.normalise

    async def permit(self, ask: Ask | Handover) -> Permit:
        """Steps 2 and 5; a suspended agreement only holds up what was taken under it. Raises OnHold."""
        try:
            return await self._gate.permit(ask)
        except RefusedByRules as refusal:
            if await self._gate.on_hold(ask):
                raise OnHold(refusal.detail, reasons=refusal.reasons) from refusal
            raise

    async def hand(self, handover: Handover, record: Mapping[str, object], item_id: str) -> Handed:
        """Step 3; keeps the receiver's own id for the item."""
        handed = await self._gate.hand(handover, record, item_id)
        self._reference = handed.reference
        return handed

    async def closed(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> str:
        """Step 6 of a delivery; shielded like the gate's own."""
        return await asyncio.shield(self._closed(opened, ask, closing))

    async def _closed(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> str:
        entry = self._gate.outcome(opened, ask, closing)
        values: dict[str, Any] = {
            "state": _final(closing.outcome),
            "outcome": closing.outcome,
            "may_know": closing.may_know,
            "withheld": _withheld(closing),
            "reference": self._reference[:120],
            "sealed": None,
            "updated": self._gate.clock().timestamp(),
        }
        said = closing.source_code if closing.outcome == "answered" else None
        return await self._outbox.end(Ended(opened.exchange_id, values, entry, said))


def _withheld(closing: Closing) -> list[list[str]]:
    """What the permit narrowed, of a record that was handed over."""
    if closing.permit is None or closing.outcome != "answered":
        return []
    return [[each.field, each.reason] for each in closing.permit.withheld]


def _final(outcome: str) -> str:
    named = {"answered": "handed", "unknown": "unknown", "refused_by_rules": "refused", "refused_by_source": "refused"}
    return named.get(outcome, "failed")


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


def _packed(handover: Handover) -> bytes:
    found = dataclasses.asdict(handover)
    del found["signature"]  # the same delivery may be signed anew; the intent says how the first one was
    return json.dumps(found, sort_keys=True, default=str, ensure_ascii=False).encode()


def _unpacked(packed: bytes, row: Row[Any]) -> Handover:
    found = json.loads(packed)
    return Handover(
        consumer=row.consumer,
        service=found["service"],
        purpose=found["purpose"],
        subject=subject_of(found["subject"]),
        record=found["record"],
        idempotency_key=found["idempotency_key"],
        case=found["case"],
        action=found["action"],
    )


def subject_of(found: Mapping[str, object]) -> Subject:
    """A subject as `dataclasses.asdict` and JSON left it."""
    identifiers, names, born = found["identifiers"], found["names"], found["birth_date"]
    assert isinstance(identifiers, list)
    assert isinstance(names, list)
    return Subject(
        tuple(Identifier(**each) for each in identifiers),
        tuple(Name(**each) for each in names),
        date.fromisoformat(str(born)) if born else None,
    )
