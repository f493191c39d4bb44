"""A random sample that anyone can draw again: planned before, drawn with a seed that nobody could choose.

The plan (period, size) is an entry. The seed is SHA-256 over the sample's id and the first checkpoint of the log that
covers that entry and was signed after the period's end; the checkpoint is published with the sample. Each exchange
that was begun in the period gets the number SHA-256(seed || exchange id); those with the lowest are drawn.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, new_id
from audit.entry import INTENT
from audit.note import Checkpoint
from audit.tables import audit_search, log_checkpoint, log_entry, log_head
from audit.writing import microseconds

from . import tables
from .errors import NothingFound, ReviewRefused
from .evidence import kept_text, noted, texts_about

LARGEST = 1_000
CHECKLIST: Mapping[str, str] = {
    "case": "Is there a case, or another reason, for asking about this person?",
    "purpose": "Does the purpose fit that case?",
    "agreement": "Does the agreement cover what was asked and released?",
    "basis": "Can the legal basis be shown, e.g. the signed consent?",
    "use": "Was the answer used for that purpose only, and kept no longer than agreed?",
}
ANSWERS = ("yes", "no", "does_not_apply")


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample as kept. `checkpoint` is empty until it was drawn."""

    id: str
    since: datetime
    until: datetime
    size: int
    planned_by: str
    planned_at: datetime
    entry_id: str
    checkpoint: str
    population: int
    signed_off_by: str


async def plan(
    connection: AsyncConnection, log: Log, since: datetime, until: datetime, size: int, *, by: str, now: datetime
) -> Sample:
    """Commit to a sample. Raises ReviewRefused: the period or the size makes no sense."""
    if since >= until or not 1 <= size <= LARGEST:
        raise ReviewRefused(f"A sample has a period that begins before it ends, and 1 to {LARGEST} exchanges.")
    id_, entry_id = str(new_id(now)), new_id(now)
    facts = {"by": by, "sample": id_, "since": since.isoformat(), "until": until.isoformat(), "size": size}
    made = Sample(id_, since, until, size, by, now, str(entry_id), "", 0, "")
    await connection.execute(insert(tables.sample).values({name: getattr(made, name) for name in Sample.__slots__}))
    await log.append_in(connection, Entry(entry_id, "sample.planned", now, facts))
    return made


async def draw(connection: AsyncConnection, log: Log, id_: str, *, by: str, now: datetime) -> Sample:
    """Draw a planned sample.

    Raises:
        NothingFound, ReviewRefused: drawn already, the period is not over, or no checkpoint covers the plan yet.
    """
    sample = await read(connection, id_, lock=True)
    if sample.checkpoint:
        raise ReviewRefused("This sample is drawn.")
    if now < sample.until:
        raise ReviewRefused(f"The period is not over; draw it after {sample.until.isoformat()}.")
    note = await connection.run_sync(_checkpoint_after, sample)
    if note is None:
        raise ReviewRefused("No checkpoint after the period covers the plan yet; try again in a few seconds.")
    ids = await connection.run_sync(_population, sample)
    drawn = drawn_from(ids, seed_of(id_, note), sample.size)
    here = tables.sample.c.id == id_
    await connection.execute(update(tables.sample).where(here).values(checkpoint=note, population=len(ids)))
    rows = [
        {"sample_id": id_, "exchange_id": each, "place": place, "answers": {}, "checked_by": ""}
        for place, each in enumerate(drawn)
    ]
    if rows:
        await connection.execute(insert(tables.sampled), rows)
    facts = {"by": by, "sample": id_, "seed": seed_of(id_, note).hex(), "population": len(ids), "drawn": len(rows)}
    await noted(connection, log, "sample.drawn", now, facts)
    return await read(connection, id_)


def seed_of(id_: str, checkpoint: str) -> bytes:
    """32 bytes; of the three lines of the checkpoint, without signatures: those may still be added to."""
    body = Checkpoint.from_text(checkpoint.partition("\n\n")[0] + "\n")
    return hashlib.sha256(f"sample v1\n{id_}\n{body.origin}\n{body.size}\n{body.root.hex()}\n".encode()).digest()


def drawn_from(ids: Sequence[str], seed: bytes, size: int) -> list[str]:
    """The ids with the lowest numbers, lowest first."""
    return nsmallest(size, ids, key=lambda each: hashlib.sha256(seed + each.encode()).digest())


@dataclass(frozen=True, slots=True)
class Filled:
    """The checklist as an officer filled it in: question -> answer."""

    answers: Mapping[str, str]
    remark: str
    by: str


async def check(
    connection: AsyncConnection, log: Log, id_: str, exchange_id: str, filled: Filled, now: datetime
) -> str:
    """Fill in the checklist for one exchange of the sample. Raises NothingFound, ReviewRefused."""
    sample = await read(connection, id_, lock=True)
    if sample.signed_off_by:
        raise ReviewRefused("This sample is signed off.")
    answers, by = dict(filled.answers), filled.by
    if answers.keys() != CHECKLIST.keys() or not set(answers.values()) <= set(ANSWERS):
        raise ReviewRefused(f"Answer {', '.join(CHECKLIST)}, each with {', '.join(ANSWERS)}.")
    here = (tables.sampled.c.sample_id == id_) & (tables.sampled.c.exchange_id == exchange_id)
    done = await connection.execute(update(tables.sampled).where(here).values(answers=answers, checked_by=by))
    if not done.rowcount:
        raise NothingFound("exchange in this sample")
    commitment = await kept_text(connection, f"{id_} {exchange_id}", by, filled.remark, now)
    facts = {"by": by, "sample": id_, "checked": exchange_id, "answers": answers, "remark": commitment}
    return await noted(connection, log, "sample.checked", now, facts)


async def sign_off(connection: AsyncConnection, log: Log, id_: str, remark: str, *, by: str, now: datetime) -> str:
    """Close a sample of which every exchange was checked, by another officer than those who did it.

    Raises:
        NothingFound, ReviewRefused.
    """
    sample = await read(connection, id_, lock=True)
    items = await _items(connection, id_)
    if not sample.checkpoint or sample.signed_off_by or not all(each.checked_by for each in items):
        raise ReviewRefused("A sample is signed off once, when every exchange in it was checked.")
    if by in {each.checked_by for each in items} | {sample.planned_by}:
        raise ReviewRefused("Another officer signs it off than who planned or checked it.")
    commitment = await kept_text(connection, id_, by, remark, now)
    await connection.execute(update(tables.sample).where(tables.sample.c.id == id_).values(signed_off_by=by))
    noes = sum("no" in each.answers.values() for each in items)
    facts = {"by": by, "sample": id_, "checked": len(items), "with_a_no": noes, "remark": commitment}
    return await noted(connection, log, "sample.signed_off", now, facts)


async def read(connection: AsyncConnection, id_: str, *, lock: bool = False) -> Sample:
    """One sample. Raises NothingFound."""
    query = select(tables.sample).where(tables.sample.c.id == id_)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    if row is None:
        raise NothingFound("sample")
    return Sample(**row._mapping)


async def listed(connection: AsyncConnection) -> list[Sample]:
    """All of them, newest first."""
    return [Sample(**row._mapping) for row in await connection.execute(select(tables.sample).order_by(_NEWEST))]


async def shown(connection: AsyncConnection, sample: Sample) -> dict[str, object]:
    """Everything about one, with what it takes to draw it again."""
    items = [
        {
            "exchange_id": each.exchange_id,
            "answers": each.answers or None,
            "checked_by": each.checked_by or None,
            "remarks": await texts_about(connection, f"{sample.id} {each.exchange_id}"),
        }
        for each in await _items(connection, sample.id)
    ]
    return summary(sample) | {"checklist": dict(CHECKLIST), "exchanges": items}


def summary(sample: Sample) -> dict[str, object]:
    """One line of a list."""
    state = "signed_off" if sample.signed_off_by else "drawn" if sample.checkpoint else "planned"
    return {
        "id": sample.id,
        "since": sample.since.isoformat(),
        "until": sample.until.isoformat(),
        "size": sample.size,
        "state": state,
        "planned_by": sample.planned_by,
        "planned_at": sample.planned_at.isoformat(),
        "plan_entry": sample.entry_id,
        "checkpoint": sample.checkpoint or None,
        "seed": seed_of(sample.id, sample.checkpoint).hex() if sample.checkpoint else None,
        "population": sample.population,
        "signed_off_by": sample.signed_off_by or None,
    }


async def _items(connection: AsyncConnection, id_: str) -> Sequence[Any]:
    table = tables.sampled.c
    query = select(tables.sampled).where(table.sample_id == id_).order_by(table.place)
    return (await connection.execute(query)).all()


def _checkpoint_after(connection: Connection, sample: Sample) -> str | None:
    """The first checkpoint that covers the plan and was signed when the period was over."""
    place = select(log_entry.c.log_id, log_entry.c.seq).where(log_entry.c.entry_id == UUID(sample.entry_id).bytes)
    log_id, seq = connection.execute(place).one()
    table = log_checkpoint.c
    query = select(table.note).where(table.log_id == log_id, table.size > seq)
    query = query.where(table.created >= microseconds(sample.until)).order_by(table.size).limit(1)
    note = connection.execute(query).scalar()
    return bytes(note).decode() if note is not None else None


def _population(connection: Connection, sample: Sample) -> list[str]:
    table = audit_search.c
    query = select(table.exchange_id).where(table.kind == INTENT, table.exchange_id.is_not(None))
    query = query.where(table.ts >= microseconds(sample.since), table.ts < microseconds(sample.until))
    query = query.where(table.log_id.in_(select(log_head.c.log_id)))  # the index of times is one for each log
    return list(connection.execute(query.order_by(table.log_id, table.seq)).scalars())


_NEWEST = tables.sample.c.planned_at.desc()
