"""Results that wait for their consumer: agreements and consents are looked at once more before they are handed out.

A batch may be done for hours before it is fetched. What the rules no longer allow by then is taken out of the stored
results for good, the entry `exchange.withheld` commits to what those lines say now, and everything else stays.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Row, select, update

from audit import Entry, new_id
from audit.rows import insert_rows
from consent import Request
from consent.lessening import still_decided

from ..db import Database
from ..errors import ExchangeError
from ..gate import Gate
from ..model import Ask
from ..trust.seal import Seal
from .batch_values import content_digest, pattern_of
from .decisions import Tally, decision_text, told_line
from .lines import Result, Verdict, judged, refused
from .tables import batch, batch_chunk, batch_decision
from .turns import Turns


def people_of(results: Sequence[Result], at: float) -> bytes:
    """Whom the lines of a chunk are about, as far as the rules let anything be told; pseudonyms only.

    Args:
        at: when they were looked at last, seconds since 1970.
    """
    people = [
        (place, each.request.subject_ref, sorted(each.request.numbers), sorted(each.request.things))
        for place, each in enumerate(results)
        if each.permit
    ]
    return orjson.dumps({"at": at, "people": people})


@dataclass(frozen=True, slots=True)
class _Withheld:
    """The lines of one chunk after some were withheld: by place in the chunk, what is left of each."""

    n: int
    told: Sequence[bytes]
    results: dict[int, Result]
    commitments: dict[int, str]
    before: Counter[str]


@dataclass(frozen=True, slots=True)
class Releasing:
    """Checks the results of a batch that is done."""

    db: Database
    gate: Gate
    seal: Seal
    turns: Turns

    async def check(self, row: Row[Any]) -> bool:
        """Withhold what is no longer allowed. False: another fetch changed the results meanwhile; look again.

        Raises:
            NoEvidence: agreements and consents cannot be read, so nothing may be handed out.
        """
        pattern = pattern_of(row)
        async with self.db.read() as connection:
            chunks = select(batch_chunk.c.n).where(batch_chunk.c.batch_id == row.id).order_by(batch_chunk.c.n)
            numbers = (await connection.execute(chunks)).scalars().all()
        found = [each for n in numbers if (each := await self._looked_at(row.id, pattern, n))]
        return not found or await self._withhold(row, pattern, numbers, found)

    async def _looked_at(self, batch_id: str, pattern: Ask, n: int) -> _Withheld | None:
        chunk = await self._chunk(batch_id, n)
        if not chunk.sealed_asks or not chunk.sealed_results:
            return None
        known = orjson.loads(self.seal.opened(f"people:{batch_id}:{n}", chunk.sealed_asks))
        async with self.db.read() as connection:
            if await still_decided(connection, datetime.fromtimestamp(known["at"], UTC), self.gate.clock()):
                return None
        about = self.gate.request_builder(pattern)
        requests = [about(ref, frozenset(numbers), frozenset(*things)) for _, ref, numbers, *things in known["people"]]
        verdicts = (await judged(self.gate, requests, self.turns)).verdicts
        told = self.seal.opened(f"results:{batch_id}:{n}", chunk.sealed_results).splitlines(keepends=True)
        before, results, commitments = Counter[str](), dict[int, Result](), dict[int, str]()
        for (place, *_), request, verdict in zip(known["people"], requests, verdicts, strict=True):
            said = orjson.loads(told[place])
            result = lessened(pattern, request, verdict, said)
            if result:
                before[said["outcome"]] += 1
                results[place] = result
                told[place], commitments[place] = told_line(batch_id, said["line"], result)
        return _Withheld(n, told, results, commitments, before) if results else None

    async def _chunk(self, batch_id: str, n: int) -> Row[Any]:
        async with self.db.read() as connection:
            found = select(batch_chunk).where(batch_chunk.c.batch_id == batch_id, batch_chunk.c.n == n)
            return (await connection.execute(found)).one()

    async def _withhold(self, row: Row[Any], pattern: Ask, numbers: Sequence[int], found: list[_Withheld]) -> bool:
        now, entry_id, tally = self.gate.clock(), new_id(self.gate.clock()), Tally()
        decisions = _decisions(str(entry_id), row.asked.get("chunk", 1000), found)
        tally.take(str(row[-1]) for row in decisions)
        facts = self.gate.facts_about(pattern, row.id) | {
            "lines": len(decisions),
            "outcomes": dict(sorted(tally.outcomes.items())),
            **tally.evidence(),
        }
        left = Counter(row.outcomes) - sum((each.before for each in found), Counter[str]()) + tally.told
        changed = {"digest": await self._digest(row.id, numbers, found), "outcomes": dict(left)}
        async with self.db.write() as connection:
            same = (batch.c.id == row.id) & (batch.c.state == "done") & (batch.c.digest == row.digest)
            if not (await connection.execute(update(batch).where(same).values(changed))).rowcount:
                return False
            for each in found:
                sealed = self.seal.sealed(f"results:{row.id}:{each.n}", b"".join(each.told))
                here = (batch_chunk.c.batch_id == row.id) & (batch_chunk.c.n == each.n)
                await connection.execute(update(batch_chunk).where(here).values(sealed_results=sealed))
            await connection.run_sync(insert_rows, batch_decision, decisions)
            await self.gate.log.append_in(connection, Entry(entry_id, "exchange.withheld", now, facts))
        return True

    async def _digest(self, batch_id: str, numbers: Sequence[int], found: list[_Withheld]) -> str:
        changed, digest = {each.n: each for each in found}, sha256()
        for n in numbers:
            if n in changed:
                digest.update(b"".join(changed[n].told))
                continue
            chunk = await self._chunk(batch_id, n)
            digest.update(self.seal.opened(f"results:{batch_id}:{n}", chunk.sealed_results))
        return content_digest(digest.digest())


def lessened(pattern: Ask, request: Request, verdict: Verdict, said: dict[str, Any]) -> Result | None:
    """What is left of a line after another decision; None where it stays as it is, or was taken back before."""
    if isinstance(verdict, ExchangeError):
        gone = refused(request, None, verdict)
        return None if gone.told["outcome"] == said["outcome"] and "as_of" not in said else gone
    member = "claims" if pattern.claim else "record"
    if pattern.claim or member not in said or said[member].keys() <= verdict.fields:
        return None
    kept = {name: value for name, value in said[member].items() if name in verdict.fields}
    told = {name: value for name, value in said.items() if name not in {"line", "exchange_id", "salt"}}
    told |= {member: kept, "withheld": verdict.withheld}
    return Result(request, told, said["outcome"], verdict.reasons, tuple(sorted(kept)), verdict)


def _decisions(entry_id: str, size: int, found: list[_Withheld]) -> list[tuple[object, ...]]:
    """Rows of `batch_decision` under the id of the entry that commits to them; their lines are the batch's."""
    rows: list[tuple[object, ...]] = []
    for each in found:
        for place, result in sorted(each.results.items()):
            line = each.n * size + place
            text = decision_text(entry_id, line, result, each.commitments[place])
            rows.append((entry_id, line, result.request.subject_ref, result.outcome, text))
    return rows
