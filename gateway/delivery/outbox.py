"""The writes of deliveries, each kind of them many at a time in one transaction with its log entries.

Four writes make a delivery: taken (with its intent and its job), let go to the workers, sending, and ended (with its
outcome, in the transaction that ends the job). A crash between them leaves a state that says how far it came.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log

from ..db import Database
from ..grouped import Grouped
from . import jobs
from .tables import delivery

KIND = "delivery"
FINAL = frozenset({"handed", "refused", "failed", "unknown"})
HELD_S = 30.0  # how long the first permit check of a request may take before a worker takes over


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery to begin: its row, and the intent entry that opens it."""

    row: Mapping[str, Any]
    intent: Entry
    lane: int = jobs.LIVE
    not_before: float = 0.0  # when it is wanted, where that is not at once


@dataclass(frozen=True, slots=True)
class Begun:
    """A delivery that a worker is about to send, and the state in which that worker found it."""

    id: str
    state: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery to end: what its row becomes, the receiver's word if it took it, and the outcome entry."""

    id: str
    values: Mapping[str, Any]
    outcome: Entry
    receiver_state: str | None = None


class Outbox:
    """Each attribute is a write for one delivery that is committed together with others'."""

    def __init__(self, db: Database, log: Log) -> None:
        self._db, self._log = db, log
        self.take: Grouped[Taken, bool] = Grouped(self._take)
        """False: this consumer used the key before; nothing was written."""
        self.let_go: Grouped[str, None] = Grouped(self._let_go)
        """Let the workers have it."""
        self.sending: Grouped[Begun, bool] = Grouped(self._sending)
        """From here on the receiver may have acted on it. False: another worker sends or ended it; nothing is sent."""
        self.end: Grouped[Ended, str] = Grouped(self._end)
        """The receipt of its outcome; of the first one, if it had ended before."""
        self.row: Grouped[str, Row[Any]] = Grouped(self._rows)
        """The row of a delivery that exists."""

    async def _take(self, some: Sequence[Taken]) -> list[bool]:
        async with self._db.write() as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            adding = dialect.insert(delivery).on_conflict_do_nothing().returning(delivery.c.id)
            added = set((await connection.execute(adding, [dict(each.row) for each in some])).scalars())
            fresh = [each for each in some if each.row["id"] in added]
            if fresh:
                await _jobs_of(connection, fresh)
                await self._log.append_all_in(connection, [each.intent for each in fresh])
        return [each.row["id"] in added for each in some]

    async def _let_go(self, ids: Sequence[str]) -> list[None]:
        async with self._db.write() as connection:
            await jobs.release(connection, KIND, ids)
        return [None] * len(ids)

    async def _sending(self, some: Sequence[Begun]) -> list[bool]:
        """A worker that stood still longer than its lease must not open again what the next one has ended, nor send
        beside it.
        """
        ids, again = [each.id for each in some], [each.id for each in some if each.state == "sending"]
        free = (delivery.c.state != "sending") | delivery.c.id.in_(again)
        open_ = update(delivery).where(delivery.c.id.in_(ids), delivery.c.state.not_in(FINAL), free)
        async with self._db.write() as connection:
            marked = await connection.execute(open_.values(state="sending").returning(delivery.c.id))
            left = set(marked.scalars())
        return [each.id in left and each.id not in ids[:place] for place, each in enumerate(some)]

    async def _end(self, some: Sequence[Ended]) -> list[str]:
        by_id = {each.id: each for each in some}
        async with self._db.write() as connection:
            receipts = await _ended_before(connection, sorted(by_id))
            ending = [each for id_, each in by_id.items() if id_ not in receipts]
            if ending:
                await jobs.finish(connection, KIND, *[each.id for each in ending])
                await _noted(connection, ending)
                given = await self._log.append_all_in(connection, [each.outcome for each in ending])
                rows = [
                    {"this": each.id, "receipt": str(receipt), **each.values}
                    for each, receipt in zip(ending, given, strict=True)
                ]
                await connection.execute(_UPDATE, rows)
                receipts |= {row["this"]: row["receipt"] for row in rows}
        return [receipts[each.id] for each in some]

    async def _rows(self, ids: Sequence[str]) -> list[Row[Any]]:
        async with self._db.read() as connection:
            rows = (await connection.execute(select(delivery).where(delivery.c.id.in_(ids)))).all()
        by_id = {row.id: row for row in rows}
        return [by_id[id_] for id_ in ids]


async def note(connection: AsyncConnection, delivery_id: str, state: str, *, rank: int, now: float) -> bool:
    """Record the receiver's own later word on a delivery; an event that comes late never takes back a newer one.

    Returns whether the delivery exists and the state was newer.
    """
    newer = update(delivery).where(delivery.c.id == delivery_id, delivery.c.receiver_rank < rank + 1)
    done = await connection.execute(newer.values(receiver_state=state[:40], receiver_rank=rank + 1, updated=now))
    return bool(done.rowcount)


async def _jobs_of(connection: AsyncConnection, fresh: Sequence[Taken]) -> None:
    now, wanted = max(each.row["created"] for each in fresh), defaultdict(list)
    for each in fresh:
        wanted[each.lane, each.not_before].append(each.row["id"])
    for (lane, not_before), refs in wanted.items():
        await jobs.add_all(connection, KIND, refs, now=now, lane=lane, held_s=HELD_S, not_before=not_before)


async def _ended_before(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, str]:
    """Receipts of those that have a final state already; all the rows are locked, in one order for everybody."""
    locked = select(delivery.c.id, delivery.c.state, delivery.c.receipt).where(delivery.c.id.in_(ids))
    rows = await connection.execute(locked.order_by(delivery.c.id).with_for_update())
    return {row.id: row.receipt for row in rows if row.state in FINAL}


async def _noted(connection: AsyncConnection, ending: Sequence[Ended]) -> None:
    """What the receiver said when it took them, unless a later event was faster."""
    said = [{"this": each.id, "said": each.receiver_state[:40]} for each in ending if each.receiver_state is not None]
    if said:
        await connection.execute(_FIRST_WORD, said)


_THIS = delivery.c.id == bindparam("this")
_UPDATE = update(delivery).where(_THIS)
_FIRST_WORD = (
    update(delivery)
    .where(_THIS, delivery.c.receiver_rank < 1)
    .values(receiver_state=bindparam("said"), receiver_rank=1)
)
