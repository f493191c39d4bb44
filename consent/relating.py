"""Declared relationships as their holders keep them: recorded so that a cut import is simply sent again, read, ended.

Every function works inside the caller's transaction and commits nothing. What a decision makes of them: `decide`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables
from .errors import RelationshipUnknown
from .model import Relationship, member_of
from .moments import micros
from .register import AT_ONCE, CONFLICT, RECORDED, UNCHANGED, declare_relationships, end_relationship
from .rows import relationship_from


async def record_relationships(
    connection: AsyncConnection, relationships: Sequence[Relationship], now: datetime
) -> list[str]:
    """Record many; gives one word per relationship, in order: `recorded`, `unchanged`, or `conflict`: the id stands
    for another one.

    Raises:
        ConsentConflict: another transaction records the same ids at this moment; send it again.
    """
    known = await _present(connection, [each.id for each in relationships])
    outcomes: list[str] = []
    fresh: list[Relationship] = []
    for each in relationships:
        before = known.setdefault(each.id, each)
        if before is each:
            fresh.append(each)
        outcomes.append(RECORDED if before is each else UNCHANGED if _same(before, each) else CONFLICT)
    if fresh:
        await declare_relationships(connection, fresh, now)
    return outcomes


async def list_relationships(
    connection: AsyncConnection, member: str, *, after: str = "", limit: int = 100
) -> list[Relationship]:
    """Those that a member or one of its systems holds, in the order of their ids; the next page begins `after`."""
    body = tables.terms.c.body  # canonical JSON: its first member is the holder
    own = or_(*[body.startswith(f'{{"holder":"{member}{end}', autoescape=True) for end in ('"', "/")])
    query = _query().where(own, tables.relationship.c.id > after).order_by(tables.relationship.c.id).limit(limit)
    return _read((await connection.execute(query)).mappings())


async def end_own(connection: AsyncConnection, id_: str, member: str, now: datetime) -> Relationship | None:
    """End one that this member holds; counts from the next decision on. None: it was ended before.

    Raises:
        RelationshipUnknown: this member holds none of this id.
    """
    known = await _present(connection, [id_])
    if id_ not in known or member_of(known[id_].holder) != member:
        raise RelationshipUnknown
    return known[id_] if await end_relationship(connection, id_, now) else None


async def _present(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Relationship]:
    present: dict[str, Relationship] = {}
    for start in range(0, len(ids), AT_ONCE):
        query = _query().where(tables.relationship.c.id.in_(ids[start : start + AT_ONCE]))
        present |= {each.id: each for each in _read((await connection.execute(query)).mappings())}
    return present


def _query() -> Select[Any]:
    return select(tables.relationship, tables.terms.c.body).join(tables.terms)


def _read(rows: Iterable[Mapping[Any, Any]]) -> list[Relationship]:
    return [
        relationship_from(
            row["id"],
            row["subject_ref"],
            row["body"],
            row["case_ref"],
            row["valid_from"],
            row["valid_until"],
            row["ended_at"],
        )
        for row in rows
    ]


def _same(known: Relationship, said: Relationship) -> bool:
    """Whether it is the same, ended or not; moments as they are stored."""
    return _words(known) == _words(said)


def _words(each: Relationship) -> tuple[object, ...]:
    period = micros(each.valid_from), micros(each.valid_until)
    return (each.subject_ref, each.holder, each.kind, each.case, *period)
