"""Batches: one exchange about many people, one agreement, a decision line for each, never a missing line.

The asks lie sealed in chunks; a chunk's results replace its asks in one transaction, so a worker
that dies repeats at most one chunk. Results are shown only after the outcome entry is durable.
"""

import asyncio
import json
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from adapters.kit.contract import Subject

from ..db import Database
from ..gate import Gate
from ..model import Ask, ClaimAsked, Period
from ..trust.seal import Seal
from . import jobs
from .decisions import agreements_of, decision_text, decisions_root, told_line
from .deliveries import KeyReused, subject_of
from .entries import batch_intent, batch_outcome
from .lines import Result, answered
from .tables import batch, batch_chunk, batch_decision

CHUNK = 1000
ROWS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One person of a batch. `key` is the caller's own name for the line."""

    key: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class Batch:
    """What its owner may see of a batch."""

    id: str
    state: str  # running | done | failed | erased
    lines: int
    done: int
    outcomes: Mapping[str, int]
    receipt: str
    digest: str = ""

    def wire(self) -> dict[str, object]:
        """The JSON answer of `/v1/batches/{id}`."""
        return {"batch_id": self.id, "exchange_id": self.id, **{k: v for k, v in asdict(self).items() if k != "id"}}


@dataclass(frozen=True, slots=True)
class Batches:
    """Accepts, runs and shows batches."""

    db: Database
    gate: Gate
    seal: Seal
    wake: asyncio.Event
    kept_s: float

    async def accept(self, pattern: Ask, lines: Sequence[Line], key: str | None = None) -> Batch:
        """Take a batch: durable on return. `pattern` is the question with an empty subject.

        Args:
            key: the caller's idempotency key; the same key and body give the same batch.

        Raises:
            UnknownService: no provider offers it.
            KeyReused: the key was used with another body.
        """
        kept = self._kept(pattern, lines, key)
        if known := await self._known(pattern.consumer, kept):
            return known
        try:
            return await self._taken(pattern, lines, kept)
        except IntegrityError:  # the same request won the race
            return await self.accept(pattern, lines, key)

    def _kept(self, pattern: Ask, lines: Sequence[Line], key: str | None) -> dict[str, str | None]:
        if key is None:
            return {"key_hash": None, "body_hash": None}
        body = json.dumps(_pattern_json(pattern), sort_keys=True).encode() + _packed(lines)
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
        return _shown(row)

    async def _taken(self, pattern: Ask, lines: Sequence[Line], kept: Mapping[str, str | None]) -> Batch:
        intent = batch_intent(self.gate, pattern, len(lines))
        batch_id, now = str(intent.id), self.gate.clock().timestamp()
        values = {
            "id": batch_id,
            "consumer": pattern.consumer,
            "service": pattern.service,
            "purpose": pattern.purpose,
            "asked": _pattern_json(pattern),
            "state": "running",
            "lines": len(lines),
            "outcomes": {},
            **kept,
            "created": now,
            "expires": now + self.kept_s,
        }
        chunks = [lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK)]
        async with self.db.write() as connection:
            await connection.execute(insert(batch).values(values))
            for n, chunk in enumerate(chunks):
                sealed = self.seal.sealed(f"asks:{batch_id}:{n}", _packed(chunk))
                row = {"batch_id": batch_id, "n": n, "state": "open", "sealed_asks": sealed}
                await connection.execute(insert(batch_chunk).values(row))
            await jobs.add(connection, "batch", batch_id, now=now, lane=jobs.BULK)
            await self.gate.log.append_in(connection, intent)
        self.wake.set()
        return Batch(batch_id, "running", len(lines), 0, {}, "")

    async def show(self, consumer: str, batch_id: str) -> Batch:
        """One batch of this consumer.

        Raises:
            KeyError: it has none of that id.
        """
        async with self.db.read() as connection:
            found = select(batch).where(batch.c.id == batch_id, batch.c.consumer == consumer)
            row = (await connection.execute(found)).one_or_none()
        if row is None:
            raise KeyError(batch_id)
        return _shown(row)

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
        pattern = _pattern(row)
        for n in numbers:
            chunk = await self._chunk(row.id, n)
            lines = _unpacked(self.seal.opened(f"asks:{row.id}:{n}", chunk.sealed_asks))
            results = await answered(self.gate, [replace(pattern, subject=line.subject) for line in lines])
            await self._store(claimed, n, lines, results)
        await self._close(row, pattern)

    async def _chunk(self, batch_id: str, n: int) -> Row[Any]:
        async with self.db.read() as connection:
            found = select(batch_chunk).where(batch_chunk.c.batch_id == batch_id, batch_chunk.c.n == n)
            return (await connection.execute(found)).one()

    async def _store(self, claimed: jobs.Job, n: int, lines: Sequence[Line], results: Sequence[Result]) -> None:
        told, rows = [], []
        for position, (line, result) in enumerate(zip(lines, results, strict=True), n * CHUNK):
            said, commitment = told_line(claimed.ref, line.key, result)
            told.append(said)
            rows.append(
                {
                    "exchange_id": claimed.ref,
                    "line": position,
                    "person_ref": self.gate.person_ref(line.subject),
                    "outcome": result.outcome,
                    "decision": decision_text(position, result, commitment),
                }
            )
        sealed = self.seal.sealed(f"results:{claimed.ref}:{n}", b"".join(told))
        here = (batch_chunk.c.batch_id == claimed.ref) & (batch_chunk.c.n == n) & (batch_chunk.c.state == "open")
        async with self.db.write() as connection:
            done = {"state": "done", "sealed_results": sealed, "sealed_asks": None}
            if not (await connection.execute(update(batch_chunk).where(here).values(done))).rowcount:
                return  # another worker was faster
            await connection.execute(insert(batch_decision), rows)
            counted = update(batch).where(batch.c.id == claimed.ref).values(done=batch.c.done + len(lines))
            await connection.execute(counted)
            await jobs.renew(connection, claimed, now=self.gate.clock().timestamp())

    async def _close(self, row: Row[Any], pattern: Ask) -> None:
        outcomes, evidence = await self._evidence(row.id)
        digest, told = sha256(), Counter[str]()
        async for part in self.results(row.id):
            digest.update(part)
            told.update(orjson.loads(line)["outcome"] for line in part.splitlines())
        closed = {
            "state": "done",
            "outcomes": dict(told),  # as the caller may know them; the log has the true ones
            "digest": f"sha-256=:{b64encode(digest.digest()).decode()}:",
        }
        async with self.db.write() as connection:
            running = (batch.c.id == row.id) & (batch.c.state == "running")
            if not (await connection.execute(update(batch).where(running).values(closed))).rowcount:
                return  # another worker was faster
            await jobs.finish(connection, "batch", row.id)
            entry = batch_outcome(self.gate, pattern, row.id, outcomes, evidence)
            receipt = await self.gate.log.append_in(connection, entry)
            await connection.execute(update(batch).where(batch.c.id == row.id).values(receipt=str(receipt)))

    async def _evidence(self, batch_id: str) -> tuple[dict[str, int], dict[str, object]]:
        """Lines by outcome, and what the outcome entry says of the decisions."""
        wanted = select(batch_decision.c.outcome, batch_decision.c.decision)
        wanted = wanted.where(batch_decision.c.exchange_id == batch_id).order_by(batch_decision.c.line)
        async with self.db.read() as connection:
            rows = (await connection.execute(wanted)).all()
        agreements = agreements_of(orjson.loads(row.decision) for row in rows)
        root = decisions_root(row.decision for row in rows)
        evidence: dict[str, object] = {"decisions_root": root, "agreements": agreements}
        return dict(Counter(row.outcome for row in rows)), evidence

    async def give_up(self, claimed: jobs.Job) -> None:
        """Close a batch whose last try failed: its outcome is `unknown`, and no line is shown."""
        async with self.db.write() as connection:
            row = (await connection.execute(select(batch).where(batch.c.id == claimed.ref))).one()
            if row.state != "running":
                return
            await connection.execute(update(batch).where(batch.c.id == row.id).values(state="failed"))
            entry = batch_outcome(self.gate, _pattern(row), row.id, {"unknown": row.lines}, {})
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


def _shown(row: Row[Any]) -> Batch:
    return Batch(row.id, row.state, row.lines, row.done, row.outcomes, row.receipt, row.digest)


def _packed(lines: Sequence[Line]) -> bytes:
    return json.dumps([asdict(line) for line in lines], default=str, ensure_ascii=False).encode()


def _unpacked(packed: bytes) -> list[Line]:
    return [Line(each["key"], subject_of(each["subject"])) for each in json.loads(packed)]


def _pattern_json(pattern: Ask) -> dict[str, object]:
    return {
        "fields": sorted(pattern.fields),
        "claim": asdict(pattern.claim) if pattern.claim else None,
        "period": [pattern.period.start.isoformat(), pattern.period.end.isoformat()] if pattern.period else None,
        "as_at": pattern.as_at.isoformat(),
        "case": pattern.case,
        "action": pattern.action,
    }


def _pattern(row: Row[Any]) -> Ask:
    asked: Mapping[str, Any] = row.asked
    period = asked["period"]
    return Ask(
        consumer=row.consumer,
        service=row.service,
        purpose=row.purpose,
        subject=Subject(),
        as_at=date.fromisoformat(asked["as_at"]),
        fields=frozenset(asked["fields"]),
        claim=ClaimAsked(**asked["claim"]) if asked["claim"] else None,
        period=Period(date.fromisoformat(period[0]), date.fromisoformat(period[1])) if period else None,
        case=asked["case"],
        action=asked["action"],
    )
