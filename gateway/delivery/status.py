"""How far anything is that a system gave the gateway to do: one truth, natively and over DCI.

    await standing(here, consumer, id)                       # `GET /v1/jobs/{id}`
    await here.transactions.find(consumer, attribute, values)  # DCI `txn/status`, which answers with the whole message

Both read the same rows, so no edge can say something else than another. What belongs to others does not exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Table, select

from ..db import Database
from ..errors import shown_as
from .tables import batch, campaign, delivery, job, txn, waiting

KINDS: Mapping[str, Table] = {
    "delivery": delivery,
    "batch": batch,
    "txn": txn,
    "waiting": waiting,
    "campaign": campaign,
}
NAMES = {"txn": "message", "waiting": "exchange"}
EXCHANGING = ("batch", "delivery", "waiting")
"""Whose ids are those of exchanges."""
HREF = {"delivery": "/v1/deliveries/", "batch": "/v1/batches/", "campaign": "/v1/campaigns/"}
OVER = frozenset({"handed", "refused", "failed", "unknown", "done", "erased", "succ", "rjct", "ended"})


@dataclass(frozen=True, slots=True)
class Standing:
    """One piece of work, as its owner may see it. `next_at` is when it is tried again, where that is later."""

    id: str
    kind: str  # delivery | batch | message | exchange | campaign
    state: str
    over: bool
    outcome: str
    attempts: int
    last_failure: str
    next_at: float | None
    created: float
    updated: float | None
    href: str

    def wire(self) -> dict[str, object]:
        """The JSON of `GET /v1/jobs/{id}`; times in UTC."""
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "over": self.over,
            "outcome": self.outcome or None,
            "attempts": self.attempts,
            "last_failure": self.last_failure or None,
            "next_at": _time(self.next_at),
            "created": _time(self.created),
            "updated": _time(self.updated),
            "href": self.href,
        }


async def standing(db: Database, consumer: str, id_: str, now: datetime) -> Standing:
    """One piece of work of this system.

    Raises:
        KeyError: it gave none of this id.
    """
    async with db.read() as connection:
        for kind, table in KINDS.items():
            mine = select(table).where(table.c.id == id_, table.c.consumer == consumer)
            row = (await connection.execute(mine)).one_or_none()
            if row is not None:
                its = select(job).where(job.c.kind == kind, job.c.ref == id_)
                return _shown(kind, row, (await connection.execute(its)).one_or_none(), now)
    raise KeyError(id_)


async def recent(db: Database, consumer: str, now: datetime, *, most: int = 100) -> list[Standing]:
    """What this system gave the gateway to do, the newest first, whether it is over or not."""
    async with db.read() as connection:
        found: list[Standing] = []
        for kind, table in KINDS.items():
            newest = select(table).where(table.c.consumer == consumer).order_by(table.c.created.desc()).limit(most)
            rows = (await connection.execute(newest)).all()
            ids = [row.id for row in rows]
            tried = (await connection.execute(select(job).where(job.c.kind == kind, job.c.ref.in_(ids)))).all()
            jobs_of = {each.ref: each for each in tried}
            found += [_shown(kind, row, jobs_of.get(row.id), now) for row in rows]
    return sorted(found, key=lambda each: (-each.created, each.id))[:most]


async def unfinished(db: Database, consumer: str, now: datetime, *, most: int = 100) -> list[Standing]:
    """The work of this system that is not over, oldest first."""
    found: list[Standing] = []
    async with db.read() as connection:
        for kind, table in KINDS.items():
            joined = table.outerjoin(job, (job.c.kind == kind) & (job.c.ref == table.c.id))
            mine = select(table.c.id).select_from(joined)
            mine = mine.where(table.c.consumer == consumer, table.c.state.not_in(OVER))
            ids = (await connection.execute(mine.order_by(table.c.created).limit(most))).scalars().all()
            rows = (await connection.execute(select(table).where(table.c.id.in_(ids)))).all()
            tried = (await connection.execute(select(job).where(job.c.kind == kind, job.c.ref.in_(ids)))).all()
            jobs_of = {each.ref: each for each in tried}
            found += [_shown(kind, row, jobs_of.get(row.id), now) for row in rows]
    return sorted(found, key=lambda each: (each.created, each.id))[:most]


async def tries(db: Database, exchange_ids: Sequence[str]) -> Mapping[str, Row[Any]]:
    """Exchange -> the job that works on it, of those that are done by jobs."""
    async with db.read() as connection:
        mine = select(job).where(job.c.kind.in_(EXCHANGING), job.c.ref.in_(exchange_ids))
        return {row.ref: row for row in await connection.execute(mine)}


def _shown(kind: str, row: Row[Any], tried: Row[Any] | None, now: datetime) -> Standing:
    outcome = str(getattr(row, "outcome", ""))
    told = shown_as(outcome, getattr(row, "may_know", False)) if outcome else ""
    state = row.state if told == outcome or kind != "delivery" else "failed"
    waits = tried is not None and tried.state == "ready" and tried.not_before > now.timestamp()
    return Standing(
        id=row.id,
        kind=NAMES.get(kind, kind),
        state=state,
        over=state in OVER,
        outcome=told,
        attempts=tried.attempts if tried is not None else 0,
        last_failure=tried.failure if tried is not None and told == outcome else "",
        next_at=tried.not_before if tried is not None and waits else None,
        created=row.created,
        updated=getattr(row, "updated", None),
        href=f"{HREF.get(kind, '/v1/jobs/')}{row.id}",
    )


def _time(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()
