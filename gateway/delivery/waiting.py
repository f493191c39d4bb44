"""Exchanges whose agency answers later: asked durably, and decided again when the answer comes, before anything of it
is released.

    exchange_id = await here.waiting.ask(ask)                     # intent, row and job: one transaction
    await here.waiting.tell(provider, reference, raw_or_error)    # an edge got the answer; durable on return
    found = await here.waiting.show(consumer, exchange_id)        # what was released, for as long as it is kept

The agency's adapter implements `AnswersLater`; it is given a reference, and its answer names that. Steps 2 and 3 of the
pipeline run when it is asked, steps 4 to 6 when it has answered, with all rules looked at anew: a consent that was
withdrawn in between releases nothing. An answer that comes twice, or after its time, changes nothing.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.contract import AgencyError, AnswersLater, RawAnswer
from audit import Entry, new_id
from consent.lessening import still_decided

from ..db import Database
from ..errors import (
    TRANSLATION,
    ExchangeError,
    NoEvidence,
    OurError,
    RefusedByRules,
    SourceUnavailable,
    translated,
)
from ..gate import Gate, fresh, question
from ..gate_ports import metered
from ..model import Answer, Ask, Closing, Opened, Permit
from ..pipeline import answered, failed, minimised
from ..trust.seal import Seal
from . import jobs
from .batch_values import pattern_json, pattern_of
from .entries import failed_outcome
from .handovers import subject_of
from .tables import waiting

KIND, RESUME = "waiting", "resume"
PATIENCE_S = 3 * 86400.0  # how long an agency has to answer
ERRORS = {each.__name__: each for each in TRANSLATION}
Resume = Callable[[str, int, str], Awaitable[None]]
"""(transaction, place, exchange id): the exchange that an item waited for has ended."""


@dataclass(frozen=True, slots=True)
class Waited:
    """What its caller may see of such an exchange. `answer` is what was released, with receipt and salt."""

    id: str
    service: str
    state: str  # asking | waiting | told | ended
    outcome: str
    may_know: bool
    answer: Mapping[str, Any] | None
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """Asks, is told, decides. `resume` lets the item of a transaction go on that waited for it."""

    db: Database
    gate: Gate
    seal: Seal
    wake: Callable[[], None]
    kept_s: float
    resume: Resume

    async def ask(self, ask: Ask, *, item: tuple[str, int] = ("", 0)) -> str:
        """Begin one: durable on return, with its intent; gives the exchange id.

        Args:
            item: the transaction and the place in it that wait for the end.

        Raises:
            UnknownService, NoLink: as any exchange.
            OurError: the agency of this service does not answer later.
        """
        offer = self.gate.catalogue.offer(ask.service)
        if not isinstance(offer.link, AnswersLater):
            raise OurError("The agency of this service answers at once; ask POST /v1/exchanges.")
        opened, intent = self.gate.intent(ask)
        now, id_ = self.gate.clock().timestamp(), opened.exchange_id
        row = {
            "id": id_,
            "consumer": ask.consumer,
            "provider": offer.provider,
            "reference": str(uuid4()),
            "service": ask.service,
            "purpose": ask.purpose,
            "asked": pattern_json(ask),
            "state": "asking",
            "sealed": self.seal.sealed(f"waiting:{id_}", _packed(ask)),
            "txn_id": item[0],
            "n": item[1],
            "due": now + PATIENCE_S,
            "created": now,
            "updated": now,
        }
        async with self.db.write() as connection:
            await connection.execute(insert(waiting).values(row))
            await jobs.add(connection, KIND, id_, now=now, lane=jobs.LIVE)
            await self.gate.log.append_in(connection, intent)
        self.wake()
        return id_

    async def tell(self, provider: str, reference: str, told: RawAnswer | AgencyError) -> bool:
        """Keep what the agency answered; durable on return. False: nobody waits for it (any more), which is no fault.

        Args:
            provider: the system that answered, as it was authenticated; another's answer is not taken.
        """
        now = self.gate.clock().timestamp()
        async with self.db.write() as connection:
            of = (waiting.c.provider == provider) & (waiting.c.reference == reference)
            open_ = of & waiting.c.state.in_(("asking", "waiting"))
            id_ = (await connection.execute(select(waiting.c.id).where(open_).with_for_update())).scalar_one_or_none()
            if id_ is None:
                return False
            sealed = self.seal.sealed(f"told:{id_}", _told(told))
            said = update(waiting).where(waiting.c.id == id_)
            await connection.execute(said.values(state="told", sealed_told=sealed, updated=now))
            await jobs.forget(connection, id_)
            await jobs.add(connection, KIND, id_, now=now, lane=jobs.LIVE)
        self.wake()
        return True

    async def overdue(self) -> int:
        """Let those end whose agency did not answer in time; gives how many."""
        now = self.gate.clock().timestamp()
        late = select(waiting.c.id).where(waiting.c.state == "waiting", waiting.c.due < now).limit(1000)
        late = late.with_for_update()  # an answer may come at this moment
        async with self.db.write() as connection:
            ids = (await connection.execute(late)).scalars().all()
            for id_ in ids:
                await connection.execute(update(waiting).where(waiting.c.id == id_).values(state="told"))
                await jobs.forget(connection, id_)
                await jobs.add(connection, KIND, id_, now=now, lane=jobs.LIVE)
            gone = update(waiting).where(waiting.c.state == "ended", waiting.c.updated < now - self.kept_s)
            await connection.execute(gone.values(sealed=None, sealed_answer=None))
        return len(ids)

    async def show(self, consumer: str, exchange_id: str) -> Waited:
        """One of this consumer's.

        Raises:
            KeyError: it has none of that id.
        """
        mine = select(waiting).where(waiting.c.id == exchange_id, waiting.c.consumer == consumer)
        async with self.db.read() as connection:
            row = (await connection.execute(mine)).one_or_none()
        if row is None:
            raise KeyError(exchange_id)
        opened = self.seal.opened(f"answer:{row.id}", row.sealed_answer) if row.sealed_answer else b"null"
        return Waited(
            row.id, row.service, row.state, row.outcome, row.may_know, orjson.loads(opened), row.created, row.updated
        )

    async def released(self, consumer: str, exchange_id: str) -> Mapping[str, Any] | None:
        """What was released, as it may be handed out now: decided once more, unless that was just done and still holds.

        What is not allowed any more is erased, with an entry. None: there is nothing (yet, or any more).

        Raises:
            KeyError: this consumer has none of that id.
            NoEvidence: the rules cannot be read now.
        """
        shown = await self.show(consumer, exchange_id)
        if shown.answer is None or await self._still(shown.updated):
            return shown.answer
        row = await self._row(exchange_id)
        if row.sealed is None:
            return None
        ask = self._asked(row)
        member = "claims" if ask.claim else "record"
        try:
            permit = await self.gate.permit(ask)
            kept = minimised(ask, shown.answer[member], permit)
        except RefusedByRules:
            kept = {}
        if kept.keys() == shown.answer[member].keys():
            return shown.answer
        return await self._lessen(row, ask, {**shown.answer, member: kept} if kept else None)

    async def _still(self, decided: float) -> bool:
        async with self.db.read() as connection:
            return await still_decided(connection, datetime.fromtimestamp(decided, UTC), self.gate.clock())

    async def _lessen(self, row: Row[Any], ask: Ask, left: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        now = self.gate.clock()
        sealed = self.seal.sealed(f"answer:{row.id}", orjson.dumps(left)) if left is not None else None
        facts = {"exchange_id": row.id, "consumer": row.consumer, "service": ask.service}
        facts |= {"reasons": ["narrowed" if left is not None else "refused_by_rules"]}
        async with self.db.write() as connection:
            await connection.execute(update(waiting).where(waiting.c.id == row.id).values(sealed_answer=sealed))
            await self.gate.log.append_in(connection, Entry(new_id(now), "answer.withheld", now, facts))
        return left

    def _asked(self, row: Row[Any]) -> Ask:
        subject = subject_of(orjson.loads(self.seal.opened(f"waiting:{row.id}", row.sealed)))
        return dataclasses.replace(pattern_of(row), subject=subject)

    async def run(self, claimed: jobs.Job) -> None:
        """Ask the agency, or decide what it told. Safe to run twice."""
        row = await self._row(claimed.ref)
        if row.sealed is None or row.state in {"waiting", "ended"}:
            await self._finished(claimed)
            return
        ask = self._asked(row)
        opened = Opened(row.id, self.gate.person_ref(ask.subject))
        if row.state == "asking":
            await self._put(claimed, row, opened, ask)
        else:
            await self._decide(row, opened, ask)

    async def give_up(self, claimed: jobs.Job) -> None:
        """A fault of ours on the last try: it ends as `unknown`."""
        row = await self._row(claimed.ref)
        (intent,) = await self.gate.log.find([UUID(claimed.ref)])
        entry = failed_outcome(self.gate, intent.entry.facts)
        async with self.db.write() as connection:
            over = update(waiting).where(waiting.c.id == claimed.ref, waiting.c.state != "ended")
            ended = {"state": "ended", "outcome": "unknown", "sealed": None, "sealed_told": None}
            if (await connection.execute(over.values(ended))).rowcount:
                await self.gate.log.append_in(connection, entry)
                await _resuming(connection, row, self.gate.clock().timestamp())

    async def go_on(self, claimed: jobs.Job) -> None:
        """Let the item go on that waited for this exchange (the job `resume`). Safe to run twice."""
        row = await self._row(claimed.ref)
        await self.resume(row.txn_id, row.n, row.id)
        await self._finished(claimed)

    async def _put(self, claimed: jobs.Job, row: Row[Any], opened: Opened, ask: Ask) -> None:
        """Steps 2 and 3: what the agency gets to see is decided as for any question."""
        permit: Permit | None = None
        try:
            permit = await self.gate.permit(ask)
            await self.gate.charge(opened, ask, permit)
            offer = self.gate.catalogue.offer(ask.service)
            assert isinstance(offer.link, AnswersLater)
            await metered(self.gate.meter, offer)
            try:
                await offer.link.ask_later(question(ask, offer, permit, ask.subject), row.reference)
            except AgencyError as error:
                raise translated(error) from error
        except ExchangeError as error:
            if error.retryable and not claimed.last_try:
                async with self.db.write() as connection:
                    await jobs.again(connection, claimed, error.code, now=self.gate.clock().timestamp())
                return
            await self._close(row, opened, ask, failed(error, permit), None)
            return
        now = self.gate.clock().timestamp()
        async with self.db.write() as connection:
            asked = update(waiting).where(waiting.c.id == row.id, waiting.c.state == "asking")
            if (await connection.execute(asked.values(state="waiting", updated=now))).rowcount:
                await jobs.finish(connection, KIND, row.id)
            else:  # it has answered already, and that is work to do
                await jobs.release(connection, KIND, [row.id])

    async def _decide(self, row: Row[Any], opened: Opened, ask: Ask) -> None:
        """Steps 4 to 6 on the rules as they are now."""
        permit: Permit | None = None
        answer: Answer | None = None
        try:
            permit = await self.gate.permit(ask)  # first: who may know what the agency says depends on it
            raw = self._raw(row)
            raw = fresh(raw, ask.as_at, permit)
            record = self.gate.normalise(ask, permit, raw)
            answer = answered(ask, opened, permit, raw, minimised(ask, record, permit))
        except NoEvidence:  # the rules cannot be read now; the worker comes again
            raise
        except ExchangeError as error:
            closing = failed(error, permit)
        else:
            content = (answer.content(), answer.salt)
            closing = Closing(answer.outcome, frozenset(answer.released), permit, permit.reasons, raw.code, *content)
        await self._close(row, opened, ask, closing, answer)

    def _raw(self, row: Row[Any]) -> RawAnswer:
        """What the agency told. Raises the ExchangeError that it told, or that it told nothing in time."""
        if row.sealed_told is None:
            raise SourceUnavailable("The agency did not answer in time.")
        found = orjson.loads(self.seal.opened(f"told:{row.id}", row.sealed_told))
        if "error" in found:
            raise translated(ERRORS[found["error"]](found["detail"], code=found["code"]))
        return RawAnswer(
            found["payload"], date.fromisoformat(found["as_of"]), found["code"], found["match"], found["empty"]
        )

    async def _close(self, row: Row[Any], opened: Opened, ask: Ask, closing: Closing, answer: Answer | None) -> None:
        entry, now = self.gate.outcome(opened, ask, closing), self.gate.clock().timestamp()
        told = answer if closing.outcome == "answered" or closing.may_know else None
        ended: dict[str, Any] = {"state": "ended", "outcome": closing.outcome, "may_know": closing.may_know}
        ended |= {"sealed_told": None, "updated": now} | ({} if told is not None else {"sealed": None})
        async with self.db.write() as connection:
            open_ = update(waiting).where(waiting.c.id == row.id, waiting.c.state != "ended")
            if not (await connection.execute(open_.values(ended))).rowcount:
                return  # another worker was faster
            await jobs.finish(connection, KIND, row.id)
            receipt = str(await self.gate.log.append_in(connection, entry))
            if told is not None:
                released = orjson.dumps(dataclasses.replace(told, receipt=receipt).wire())
                sealed = self.seal.sealed(f"answer:{row.id}", released)
                await connection.execute(update(waiting).where(waiting.c.id == row.id).values(sealed_answer=sealed))
            await _resuming(connection, row, now)
        self.wake()

    async def _row(self, id_: str) -> Row[Any]:
        async with self.db.read() as connection:
            return (await connection.execute(select(waiting).where(waiting.c.id == id_))).one()

    async def _finished(self, claimed: jobs.Job) -> None:
        async with self.db.write() as connection:
            await jobs.finish(connection, claimed.kind, claimed.ref)


async def _resuming(connection: AsyncConnection, row: Row[Any], now: float) -> None:
    """In the transaction that ends the exchange, so that no item waits for ever."""
    if row.txn_id:
        await jobs.add(connection, RESUME, row.id, now=now, lane=jobs.LIVE)


def _packed(ask: Ask) -> bytes:
    return orjson.dumps(ask.subject)


def _told(told: RawAnswer | AgencyError) -> bytes:
    if isinstance(told, AgencyError):
        kind = next(each.__name__ for each in type(told).__mro__ if each.__name__ in ERRORS)
        return orjson.dumps({"error": kind, "detail": told.detail, "code": told.code})
    return orjson.dumps(told)
