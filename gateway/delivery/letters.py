"""Dead letters: work that was tried for a day and did not go through, grouped by what stood in its way.

Nothing of it is lost, and nothing is tried again by itself. A person looks at a group, mends the cause (an address, a
certificate, an agreement), and has the whole group released; or dropped, when nobody wants it any more. Both take two
people (`people.kinds`), for the receiver may have acted on a message whose acknowledgement never came.

Three kinds of groups: deliveries and callbacks that no receiver took; jobs that met a fault of ours; and `resend`:
deliveries that were cut while they were sent to a receiver that cannot tell a repeat.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, literal, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, new_id

from ..trust.evidence import Log
from ..trust.parties import System
from . import jobs
from .tables import callback, delivery, job

RESEND = "resend"
OVER = frozenset({"batch", "waiting"})  # their exchange was closed with their last try
DROPPED = frozenset({"delivery", "callback", "event"})  # what can be ended for good
KEPT_S = 30 * 86400.0
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Group:
    """Letters with one cause: `kind` of work, `cause` of the last failure, `target` that did not take it."""

    kind: str
    cause: str
    target: str
    count: int = 0
    oldest: float = 0.0

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Group":
        """From a proposal.

        Raises:
            ValueError: the text says what a proposal names.
        """
        parts = {name: document.get(name, "") for name in ("kind", "cause", "target")}
        if set(document) - set(parts) or not all(isinstance(each, str) for each in parts.values()):
            raise ValueError("a proposal about dead letters names kind, cause and target as GET /v1/letters has them")
        return cls(**parts)

    def wire(self) -> dict[str, object]:
        """How it is listed."""
        oldest = datetime.fromtimestamp(self.oldest).astimezone().isoformat()
        named = {"kind": self.kind, "cause": self.cause, "target": self.target}
        return {**named, "count": self.count, "oldest": oldest, "can_be_dropped": self.kind in DROPPED}


def _dead() -> Select[Any]:
    """Every letter: kind, cause, target, what it works on, since when."""
    target = func.coalesce(delivery.c.service, callback.c.system, "")
    joined = job.outerjoin(delivery, (job.c.kind == "delivery") & (job.c.ref == delivery.c.id))
    joined = joined.outerjoin(callback, (job.c.kind == "callback") & (job.c.ref == callback.c.id))
    tried = select(job.c.kind, job.c.failure.label("cause"), target.label("target"), job.c.ref, job.c.created)
    tried = tried.select_from(joined).where(job.c.state == "dead", job.c.kind.not_in(OVER))
    again = select(job.c.id).where(job.c.kind == RESEND, job.c.ref == delivery.c.id)
    cut = select(
        literal(RESEND).label("kind"),
        literal("unknown").label("cause"),
        delivery.c.service.label("target"),
        delivery.c.id.label("ref"),
        delivery.c.created,
    ).where(delivery.c.state == "unknown", delivery.c.sealed.is_not(None), ~again.exists())
    every = union_all(tried, cut).subquery("letter")
    return select(every)


def targets(systems: Iterable[System]) -> frozenset[str]:
    """What the letters that are meant for these systems, or come from them, have as their `target`."""
    several = list(systems)
    return frozenset(
        {each.id for each in several} | {f"{each.dci_id}/{one.name}" for each in several for one in each.services}
    )


async def group_of(connection: AsyncConnection, ref: str) -> Group | None:
    """The group that this delivery or callback waits in; None: it is no dead letter."""
    of = _dead().subquery()
    row = (await connection.execute(select(of.c.kind, of.c.cause, of.c.target).where(of.c.ref == ref))).first()
    return Group(*row) if row else None


async def groups(connection: AsyncConnection) -> list[Group]:
    """What waits for a person, the largest group first."""
    of = _dead().subquery()
    count = func.count().label("count")
    counted = select(of.c.kind, of.c.cause, of.c.target, count, func.min(of.c.created))
    counted = counted.group_by(of.c.kind, of.c.cause, of.c.target).order_by(count.desc(), of.c.kind, of.c.target)
    return [Group(*row) for row in await connection.execute(counted)]


async def letters(connection: AsyncConnection, group: Group, most: int = 100) -> list[RowMapping]:
    """The oldest letters of a group: `ref` (the delivery or callback) and `created`; nothing of their content."""
    of = _dead().subquery()
    wanted = select(of.c.ref, of.c.created).where(
        of.c.kind == group.kind, of.c.cause == group.cause, of.c.target == group.target
    )
    return list((await connection.execute(wanted.order_by(of.c.created, of.c.ref).limit(most))).mappings())


async def release(connection: AsyncConnection, log: Log, group: Group, *, by: str, approval: str, now: datetime) -> int:
    """Let a whole group be tried again, in the approving transaction; gives how many."""
    released = 0
    while refs := [str(each["ref"]) for each in await letters(connection, group, AT_ONCE)]:
        if group.kind == RESEND:
            await jobs.add_all(connection, RESEND, refs, now=now.timestamp(), lane=jobs.LIVE)
        else:
            await jobs.revive(connection, group.kind, refs, now=now.timestamp())
            for table in (delivery, callback):
                held = update(table).where(table.c.id.in_(refs), table.c.state == "held")
                await connection.execute(held.values(state="queued", updated=now.timestamp()))
        released += len(refs)
    await _told(connection, log, "letters.released", group, released, by, approval, now)
    return released


async def drop(connection: AsyncConnection, log: Log, group: Group, *, by: str, approval: str, now: datetime) -> int:
    """End a whole group for good, in the approving transaction; gives how many. Deliveries get their outcome entry."""
    if group.kind not in DROPPED:
        raise ValueError(f"only {', '.join(sorted(DROPPED))} can be dropped; release the others when they are mended")
    dropped = 0
    while refs := [str(each["ref"]) for each in await letters(connection, group, AT_ONCE)]:
        await _end(connection, group.kind, refs, now)
        dropped += len(refs)
    await _told(connection, log, "letters.dropped", group, dropped, by, approval, now)
    return dropped


async def expire(connection: AsyncConnection, log: Log, now: datetime) -> int:
    """Drop what nobody looked after for thirty days, and erase what nobody wanted sent again; gives how many."""
    before, dropped = now.timestamp() - KEPT_S, 0
    for group in await groups(connection):
        while group.kind in DROPPED:
            old = [each for each in await letters(connection, group, AT_ONCE) if each["created"] < before]
            if not old:
                break
            await _end(connection, group.kind, [str(each["ref"]) for each in old], now)
            await _told(connection, log, "letters.dropped", group, len(old), "", "", now)
            dropped += len(old)
    unwanted = update(delivery).where(delivery.c.state == "unknown", delivery.c.created < before)
    await connection.execute(unwanted.values(sealed=None))
    return dropped


async def _end(connection: AsyncConnection, kind: str, refs: Sequence[str], now: datetime) -> None:
    await jobs.finish(connection, kind, *refs)
    if kind == "delivery":  # each is an exchange, whose outcome the worker writes
        await jobs.add_all(connection, "drop", refs, now=now.timestamp(), lane=jobs.LIVE)
    if kind == "callback":
        gone = update(callback).where(callback.c.id.in_(refs))
        await connection.execute(gone.values(state="dropped", sealed=None, updated=now.timestamp()))


async def _told(
    connection: AsyncConnection, log: Log, kind: str, group: Group, count: int, by: str, approval: str, now: datetime
) -> None:
    facts = {"work": group.kind, "cause": group.cause, "target": group.target, "count": count, "by": by}
    facts |= {"approval": approval} if approval else {}
    await log.append_in(connection, Entry(new_id(now), kind, now, facts))
