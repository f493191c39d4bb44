"""Batches: one exchange about many people, one agreement, a decision line for each, never a missing line.

The asks lie sealed in chunks; a chunk's results replace its asks in one transaction, so a worker that dies repeats
at most the chunks it had under way. Results are shown only after the outcome entry is durable, and what the rules no
longer allow by then is taken out (`releasing`).
"""

import asyncio
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import perf_counter
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from audit.rows import insert_rows
from consent.beforehand import most_lines

from ..db import Database
from ..errors import OnHold, RefusedByRules
from ..gate import Gate, is_miss
from ..model import Ask
from ..trust.seal import Seal
from . import jobs
from .batch_values import Batch, Line, content_digest, line_of, packed, pattern_json, pattern_of, shown
from .decisions import Tally, decision_text, told_line
from .deliveries import KeyReused
from .entries import batch_intent, batch_outcome
from .lines import answered
from .releasing import Releasing, people_of
from .tables import batch, batch_chunk, batch_decision
from .turns import Turns

CHUNK = 250  # lines, unless the service's manifest says how many people it takes a call
AHEAD = 3  # chunks under way: while the agency works on one, the next is judged and the last is written
ROWS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class _Answered:
    """A chunk that is done but for writing it down. `decisions` are rows of `batch_decision`."""

    batch_id: str
    n: int
    people: bytes
    results: bytes
    decisions: list[tuple[object, ...]]


class Batches:
    """Accepts, runs and shows batches."""

    def __init__(self, db: Database, gate: Gate, seal: Seal, wake: asyncio.Event, kept_s: float) -> None:
        """`kept_s` is how long results are kept."""
        self.db, self.gate, self.seal, self.wake, self.kept_s = db, gate, seal, wake, kept_s
        self.turns = Turns(gate.in_flight)

    async def accept(
        self, pattern: Ask, lines: Sequence[Line], key: str | None = None, *, booked: bool = False
    ) -> Batch:
        """Take a batch: durable on return. `pattern` is the question with an empty subject.

        Args:
            key: the caller's idempotency key; the same key and body give the same batch.
            booked: its lines are counted on the agency's quota already.

        Raises:
            UnknownService: no provider offers it.
            KeyReused: the key was used with another body.
            RefusedByRules: it has more lines than the agreement lets a batch have.
            NoEvidence: agreements cannot be read now.
        """
        kept = self._kept(pattern, lines, key)
        if known := await self._known(pattern.consumer, kept):
            return known
        most = await self._most_lines(pattern)
        if most is not None and len(lines) > most:
            raise await self._too_many(pattern, len(lines), most)
        try:
            return await self._taken(pattern, lines, kept, booked=booked)
        except IntegrityError:  # the same request won the race
            return await self.accept(pattern, lines, key, booked=booked)

    def _kept(self, pattern: Ask, lines: Sequence[Line], key: str | None) -> dict[str, str | None]:
        if key is None:
            return {"key_hash": None, "body_hash": None}
        body = json.dumps(pattern_json(pattern), sort_keys=True).encode() + packed(lines)
        return {"key_hash": self.seal.fingerprint(key.encode()), "body_hash": self.seal.fingerprint(body)}

    async def _known(self, consumer: str, kept: Mapping[str, str | None]) -> Batch | None:
        if kept["key_hash"] is None:
            return None
        async with self.db.read() as connection:
            found = select(batch).where(batch.c.consumer == consumer, batch.c.key_hash == kept["key_hash"])
            row = (await connection.execute(found)).one_or_none()
        if row is None:
            return None
        if row.body_hash != kept["body_hash"]:
            raise KeyReused("batch")
        return shown(row)

    async def _most_lines(self, pattern: Ask) -> int | None:
        request = self.gate.request_for_anyone(pattern)
        (facts,) = await self.gate.facts_about_many([request])
        return most_lines(request, facts.agreements, self.gate.clock())

    async def _too_many(self, pattern: Ask, lines: int, most: int) -> RefusedByRules:
        """Write the refusal down; it is about nobody, so its reason is told to everybody."""
        intent = batch_intent(self.gate, pattern, lines)
        said = {"reasons": [f"deny request: quota bulk_lines {most}"]}
        entries = [intent, batch_outcome(self.gate, pattern, str(intent.id), {RefusedByRules.code: lines}, said)]
        async with self.db.write() as connection:
            await self.gate.log.append_all_in(connection, entries)
        refusal = RefusedByRules(f"The agreement lets a batch have at most {most} lines; send several.")
        refusal.may_know_existence, refusal.exchange_id = True, str(intent.id)
        return refusal

    async def _taken(
        self, pattern: Ask, lines: Sequence[Line], kept: Mapping[str, str | None], *, booked: bool
    ) -> Batch:
        intent = batch_intent(self.gate, pattern, len(lines))
        batch_id, now = str(intent.id), self.gate.clock().timestamp()
        size = int(self.gate.catalogue.offer(pattern.service).service.people_a_call or CHUNK)
        values = {
            "id": batch_id,
            "consumer": pattern.consumer,
            "service": pattern.service,
            "purpose": pattern.purpose,
            "asked": pattern_json(pattern) | {"chunk": size, "booked": booked},
            "state": "running",
            "lines": len(lines),
            "outcomes": {},
            **kept,
            "created": now,
            "expires": now + self.kept_s,
        }

        def chunk(n: int) -> dict[str, object]:
            sealed = self.seal.sealed(f"asks:{batch_id}:{n}", packed(lines[n * size : (n + 1) * size]))
            return {"batch_id": batch_id, "n": n, "state": "open", "sealed_asks": sealed}

        chunks = await self.turns.each(chunk, range(-(-len(lines) // size)))
        async with self.db.write() as connection:
            await connection.execute(insert(batch).values(values))
            await connection.execute(insert(batch_chunk), chunks)
            await jobs.add(connection, "batch", batch_id, now=now, lane=jobs.BULK)
            await self.gate.log.append_in(connection, intent)
        self.wake.set()
        return Batch(batch_id, "running", len(lines), 0, {}, "")

    async def show(self, consumer: str, batch_id: str) -> Batch:
        """One batch of this consumer.

        Raises:
            KeyError: it has none of that id.
        """
        return shown(await self._row(consumer, batch_id))

    async def released(self, consumer: str, batch_id: str) -> Batch:
        """One batch of this consumer, before its `results` are handed out: what is no longer allowed is withheld.

        Raises:
            KeyError: it has none of that id.
            NoEvidence: agreements and consents cannot be read now.
        """
        releasing = Releasing(self.db, self.gate, self.seal, self.turns)
        while (row := await self._row(consumer, batch_id)).state == "done" and not await releasing.check(row):
            continue
        return await self.show(consumer, batch_id)

    async def _row(self, consumer: str, batch_id: str) -> Row[Any]:
        async with self.db.read() as connection:
            found = select(batch).where(batch.c.id == batch_id, batch.c.consumer == consumer)
            row = (await connection.execute(found)).one_or_none()
        if row is None:
            raise KeyError(batch_id)
        return row

    async def results(self, batch_id: str) -> AsyncIterator[bytes]:
        """The lines in the order they were asked, as JSON Lines; of a batch that is `done`."""
        async with self.db.read() as connection:
            wanted = select(batch_chunk.c.n).where(batch_chunk.c.batch_id == batch_id).order_by(batch_chunk.c.n)
            numbers = (await connection.execute(wanted)).scalars().all()
        for n in numbers:
            chunk = await self._chunk(batch_id, n)
            if chunk.sealed_results:
                yield self.seal.opened(f"results:{batch_id}:{n}", chunk.sealed_results)

    async def run(self, claimed: jobs.Job) -> None:
        """Work on one claimed batch, chunk by chunk, then close it. Safe to run twice."""
        async with self.db.read() as connection:
            row = (await connection.execute(select(batch).where(batch.c.id == claimed.ref))).one()
            wanted = select(batch_chunk.c.n).where(batch_chunk.c.batch_id == row.id, batch_chunk.c.state == "open")
            numbers = (await connection.execute(wanted.order_by(batch_chunk.c.n))).scalars().all()
        if row.state != "running":
            async with self.db.write() as connection:
                await jobs.finish(connection, "batch", row.id)
            return
        pattern = pattern_of(row)
        under_way: deque[asyncio.Task[_Answered]] = deque()
        try:
            for n in numbers:
                under_way.append(asyncio.create_task(self._answered(row, n, pattern)))
                if len(under_way) == AHEAD:
                    await self._store(await under_way.popleft())
            while under_way:
                await self._store(await under_way.popleft())
        except OnHold:  # chunks that are done stay done; the others are asked when it is resumed
            async with self.db.write() as connection:
                await jobs.hold(connection, claimed, now=self.gate.clock().timestamp())
            return
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        await self._close(row, pattern)

    async def _chunk(self, batch_id: str, n: int) -> Row[Any]:
        async with self.db.read() as connection:
            found = select(batch_chunk).where(batch_chunk.c.batch_id == batch_id, batch_chunk.c.n == n)
            return (await connection.execute(found)).one()

    async def _answered(self, row: Row[Any], n: int, pattern: Ask) -> _Answered:
        """Steps 2 to 5 of one chunk, with everything that is to be written of it."""
        chunk = await self._chunk(row.id, n)
        lines = await self.turns.each(line_of, orjson.loads(self.seal.opened(f"asks:{row.id}:{n}", chunk.sealed_asks)))
        subjects = [line.subject for line in lines]
        once, booked = f"{row.id}:{n}", row.asked.get("booked", False)
        results = await answered(self.gate, pattern, subjects, self.turns, once=once, size=row.lines, booked=booked)
        ends = Counter([(each.outcome, each.told["outcome"]) for each in results])
        missed = sum(lines for (true, told), lines in ends.items() if is_miss(true, told == true))
        self.gate.count_misses(pattern.consumer, len(results), missed)
        if any(true == RefusedByRules.code for true, _ in ends) and await self.gate.on_hold(pattern):
            raise OnHold("The agreement is suspended.")
        first = n * row.asked.get("chunk", 1000)

        def written(place: int) -> tuple[bytes, tuple[object, ...]]:
            result = results[place]
            said, commitment = told_line(row.id, lines[place].key, result)
            text = decision_text(row.id, first + place, result, commitment)
            return said, (row.id, first + place, result.request.subject_ref, result.outcome, text)

        told = await self.turns.each(written, range(len(lines)))
        people = self.seal.sealed(f"people:{row.id}:{n}", people_of(results, self.gate.clock().timestamp()))
        lines_told = self.seal.sealed(f"results:{row.id}:{n}", b"".join([said for said, _ in told]))
        return _Answered(row.id, n, people, lines_told, [decision for _, decision in told])

    async def _store(self, chunk: _Answered) -> None:
        here = (batch_chunk.c.batch_id == chunk.batch_id) & (batch_chunk.c.n == chunk.n)
        done = {"state": "done", "sealed_results": chunk.results, "sealed_asks": chunk.people}
        counted = update(batch).where(batch.c.id == chunk.batch_id)

        def stored(connection: Connection) -> None:
            if not connection.execute(
                update(batch_chunk).where(here, batch_chunk.c.state == "open").values(done)
            ).rowcount:
                return  # another worker was faster
            insert_rows(connection, batch_decision, chunk.decisions)
            connection.execute(counted.values(done=batch.c.done + len(chunk.decisions)))

        begun = perf_counter()
        await self.db.write_whole(stored)
        await self.turns.give_way(begun)

    async def _close(self, row: Row[Any], pattern: Ask) -> None:
        tally, digest = await self._tallied(row), sha256()
        async for part in self.results(row.id):
            digest.update(part)
        closed = {
            "state": "done",
            "outcomes": dict(tally.told),  # as the caller may know them; the log has the true ones
            "digest": content_digest(digest.digest()),
        }
        async with self.db.write() as connection:
            running = (batch.c.id == row.id) & (batch.c.state == "running")
            if not (await connection.execute(update(batch).where(running).values(closed))).rowcount:
                return  # another worker was faster
            await jobs.finish(connection, "batch", row.id)
            entry = batch_outcome(self.gate, pattern, row.id, tally.outcomes, tally.evidence())
            receipt = await self.gate.log.append_in(connection, entry)
            await connection.execute(update(batch).where(batch.c.id == row.id).values(receipt=str(receipt)))

    async def _tallied(self, row: Row[Any]) -> Tally:
        """All decisions of a batch, as they are stored."""
        tally, of = Tally(), batch_decision.c
        wanted = select(of.decision).where(of.exchange_id == row.id, of.line >= bindparam("first"))
        wanted = wanted.order_by(of.line).limit(ROWS_AT_ONCE)
        for first in range(0, row.lines, ROWS_AT_ONCE):
            async with self.db.read() as connection:
                decisions = (await connection.execute(wanted, {"first": first})).scalars().all()
            begun = perf_counter()
            tally.take(decisions)
            await self.turns.give_way(begun)
        return tally

    async def give_up(self, claimed: jobs.Job) -> None:
        """Close a batch whose last try failed: its outcome is `unknown`, and no line is shown."""
        async with self.db.write() as connection:
            row = (await connection.execute(select(batch).where(batch.c.id == claimed.ref))).one()
            if row.state != "running":
                return
            await connection.execute(update(batch).where(batch.c.id == row.id).values(state="failed"))
            entry = batch_outcome(self.gate, pattern_of(row), row.id, {"unknown": row.lines}, {})
            await self.gate.log.append_in(connection, entry)

    async def erase_expired(self) -> int:
        """Erase asks and results whose time is over; the decision rows stay. Gives the number of batches."""
        now = self.gate.clock().timestamp()
        async with self.db.write() as connection:
            over = (
                select(batch.c.id)
                .where(batch.c.expires < now, batch.c.state.in_(("done", "failed")))
                .limit(ROWS_AT_ONCE)
            )
            ids = (await connection.execute(over)).scalars().all()
            gone = update(batch_chunk).where(batch_chunk.c.batch_id.in_(ids))
            await connection.execute(gone.values(sealed_asks=None, sealed_results=None))
            await connection.execute(update(batch).where(batch.c.id.in_(ids)).values(state="erased"))
        return len(ids)
