"""What people said, in the database: consents, objections, declared relationships.

Every function works inside the caller's transaction and commits nothing. A row is written once; the only
change it ever sees is its end (withdrawn, lifted, ended), which is never taken back.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Select, Table, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables
from .errors import ConsentConflict, ConsentUnknown, ObjectionUnknown
from .lessening import note_lessening
from .model import Consent, Objection, Relationship
from .moments import micros
from .rows import (
    consent_from,
    consent_row,
    consent_terms,
    objection_from,
    objection_terms,
    relationship_terms,
)

RECORDED, UNCHANGED, CONFLICT = "recorded", "unchanged", "conflict"
AT_ONCE = 500  # ids in one IN list, rows in one list of values

T = TypeVar("T")

KEEP_TERMS = text("INSERT INTO consent_terms (digest, body) VALUES (:digest, :body) ON CONFLICT (digest) DO NOTHING")


async def record_consents(connection: AsyncConnection, consents: Sequence[Consent], now: datetime) -> list[str]:
    """Record many; gives one word per consent, in order, so that a cut import is simply sent again.

    `recorded` it is new; `unchanged` the same consent is there already; `conflict` the id stands for another.

    Raises:
        ConsentConflict: another transaction records the same ids at this moment; send it again.
    """
    terms = await _kept_terms(connection, [consent_terms(each) for each in consents])
    at = micros(now)
    rows = [consent_row(each, digest, at) for each, digest in zip(consents, terms, strict=True)]
    present = await _present(connection, [row["id"] for row in rows])
    outcomes: list[str] = []
    fresh: list[dict[str, Any]] = []
    for row in rows:
        known = present.setdefault(row["id"], row)
        if known is row:
            fresh.append(row)
        outcomes.append(RECORDED if known is row else UNCHANGED if _same(known, row) else CONFLICT)
    if fresh:
        try:
            await _inserted(connection, tables.consent, fresh)
        except IntegrityError:
            raise ConsentConflict("the same ids are being recorded by another request: send it again") from None
    return outcomes


async def record_consent(connection: AsyncConnection, consent: Consent, now: datetime) -> str:
    """Record one: `recorded` or `unchanged`.

    Raises:
        ConsentConflict: the id stands for another consent.
    """
    (outcome,) = await record_consents(connection, [consent], now)
    if outcome == CONFLICT:
        raise ConsentConflict("this id stands for another consent: use a new one")
    return outcome


async def read_consent(connection: AsyncConnection, id_: str) -> Consent:
    """One consent.

    Raises:
        ConsentUnknown: there is none.
    """
    found = await _consents(connection, _consent_query().where(tables.consent.c.id == id_))
    if not found:
        raise ConsentUnknown
    return found[0]


async def list_consents(
    connection: AsyncConnection,
    controller: str | None = None,
    *,
    subject_ref: str | None = None,
    after: str = "",
    limit: int = 100,
) -> list[Consent]:
    """Consents in the order of their ids; the next page begins `after` the last id of this one."""
    query = _consent_query().where(tables.consent.c.id > after).order_by(tables.consent.c.id).limit(limit)
    if controller is not None:
        query = query.where(tables.consent.c.controller == controller)
    if subject_ref is not None:
        query = query.where(tables.consent.c.subject_ref == subject_ref)
    return await _consents(connection, query)


async def withdraw_consent(connection: AsyncConnection, id_: str, now: datetime) -> bool:
    """Withdraw one; counts from the moment the caller commits. False if it was withdrawn before.

    Raises:
        ConsentUnknown: there is none.
    """
    table = tables.consent
    statement = update(table).where(table.c.id == id_, table.c.withdrawn_at.is_(None)).values(withdrawn_at=micros(now))
    if (await connection.execute(statement)).rowcount:
        await note_lessening(connection, now)
        return True
    await read_consent(connection, id_)
    return False


async def still_given(connection: AsyncConnection, id_: str) -> bool:
    """Whether nobody has withdrawn it; and nobody does before the caller's transaction ends."""
    open_ = (tables.consent.c.id == id_, tables.consent.c.withdrawn_at.is_(None))
    query = select(tables.consent.c.id).where(*open_).with_for_update(read=True)
    return (await connection.execute(query)).scalar_one_or_none() is not None


async def withdraw_consents_of(
    connection: AsyncConnection,
    subject_ref: str,
    now: datetime,
    *,
    controller: str | None = None,
    purposes: frozenset[str] = frozenset(),
) -> list[str]:
    """Withdraw all that a person gave, to one controller if named; gives the ids, by id.

    With `purposes`, those consents that name one of them; a consent is withdrawn whole.
    """
    query = _consent_query().where(tables.consent.c.subject_ref == subject_ref, tables.consent.c.withdrawn_at.is_(None))
    if controller is not None:
        query = query.where(tables.consent.c.controller == controller)
    found = await _consents(connection, query.order_by(tables.consent.c.id))
    ids = [each.id for each in found if not purposes or purposes & each.purposes]
    for some in _chunks(ids):
        open_ = (tables.consent.c.id.in_(some), tables.consent.c.withdrawn_at.is_(None))
        await connection.execute(update(tables.consent).where(*open_).values(withdrawn_at=micros(now)))
    if ids:
        await note_lessening(connection, now)
    return ids


async def record_objection(connection: AsyncConnection, objection: Objection, *, by: str, now: datetime) -> None:
    """Record an upheld objection or restriction; `by` is the member that upheld it.

    Raises:
        ConsentConflict: the id is taken.
    """
    (digest,) = await _kept_terms(connection, [objection_terms(objection)])
    row = {
        "id": objection.id,
        "subject_ref": objection.subject_ref,
        "terms": digest,
        "recorded_by": by,
        "recorded_at": micros(now),
    }
    try:
        await connection.execute(insert(tables.objection).values(row))
    except IntegrityError:
        raise ConsentConflict("this id stands for another objection: use a new one") from None
    await note_lessening(connection, now)


async def list_objections(connection: AsyncConnection, by: str, *, subject_ref: str | None = None) -> list[Objection]:
    """Those that a member upheld, by id."""
    table = tables.objection
    query = select(table, tables.terms.c.body).join(tables.terms).where(table.c.recorded_by == by).order_by(table.c.id)
    if subject_ref is not None:
        query = query.where(table.c.subject_ref == subject_ref)
    rows = (await connection.execute(query)).mappings()
    return [objection_from(row["id"], row["subject_ref"], row["body"], row["lifted_at"]) for row in rows]


async def lift_objection(connection: AsyncConnection, id_: str, *, by: str, now: datetime) -> bool:
    """Lift one that this member upheld. False if it was lifted before.

    Raises:
        ObjectionUnknown: this member upheld none of this id.
    """
    table = tables.objection
    own = (table.c.id == id_, table.c.recorded_by == by)
    statement = update(table).where(*own, table.c.lifted_at.is_(None)).values(lifted_at=micros(now))
    if (await connection.execute(statement)).rowcount:
        return True
    if await connection.scalar(select(table.c.id).where(*own)) is None:
        raise ObjectionUnknown
    return False


async def declare_relationships(
    connection: AsyncConnection, relationships: Sequence[Relationship], now: datetime
) -> None:
    """Declare many.

    Raises:
        ConsentConflict: an id is taken.
    """
    terms = await _kept_terms(connection, [relationship_terms(each) for each in relationships])
    rows = [
        {
            "id": each.id,
            "subject_ref": each.subject_ref,
            "terms": digest,
            "case_ref": each.case,
            "valid_from": micros(each.valid_from),
            "valid_until": micros(each.valid_until),
            "recorded_at": micros(now),
        }
        for each, digest in zip(relationships, terms, strict=True)
    ]
    try:
        await connection.execute(insert(tables.relationship), rows)
    except IntegrityError:
        raise ConsentConflict("an id stands for another relationship: use new ones") from None


async def end_relationship(connection: AsyncConnection, id_: str, now: datetime) -> bool:
    """End one. False if there is none, or it was ended before."""
    table = tables.relationship
    statement = update(table).where(table.c.id == id_, table.c.ended_at.is_(None)).values(ended_at=micros(now))
    if not (await connection.execute(statement)).rowcount:
        return False
    await note_lessening(connection, now)
    return True


def _same(known: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return all(known[name] == value for name, value in row.items() if name != "recorded_at")


async def _kept_terms(connection: AsyncConnection, bodies: Sequence[str]) -> list[str]:
    """The digest of each body; bodies not seen before are stored, in one order so that nobody waits in a ring."""
    digests = {body: sha256(body.encode()).hexdigest() for body in set(bodies)}
    rows = sorted(({"digest": digest, "body": body} for body, digest in digests.items()), key=lambda row: row["digest"])
    if rows:
        await connection.execute(KEEP_TERMS, rows)
    return [digests[body] for body in bodies]


async def _present(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    present: dict[str, Mapping[str, Any]] = {}
    for some in _chunks(ids):
        query = select(tables.consent).where(tables.consent.c.id.in_(some))
        present |= {row["id"]: row for row in (await connection.execute(query)).mappings()}
    return present


async def _inserted(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of the same columns. Straight to the driver: SQLAlchemy's own binding would take half the time.

    SQLite gets one list of values for a few hundred rows: its driver takes turns with the other threads at every row
    of an `executemany`, which is slow beside a thread that works.
    """
    statement = insert(table).values(dict.fromkeys(rows[0])).compile(dialect=connection.dialect)
    values = itemgetter(*statement.positiontup or ())
    if connection.dialect.name != "sqlite":
        await connection.exec_driver_sql(str(statement), [values(row) for row in rows])
        return
    before, _, each = str(statement).partition(" VALUES ")
    for some in _chunks(rows):
        flat = tuple(value for row in some for value in values(row))
        await connection.exec_driver_sql(f"{before} VALUES {', '.join([each] * len(some))}", flat)


def _chunks(whole: Sequence[T]) -> Iterable[Sequence[T]]:
    return (whole[start : start + AT_ONCE] for start in range(0, len(whole), AT_ONCE))


def _consent_query() -> Select[Any]:
    return select(tables.consent, tables.terms.c.body).join(tables.terms)


async def _consents(connection: AsyncConnection, query: Select[Any]) -> list[Consent]:
    rows = (await connection.execute(query)).mappings()
    return [
        consent_from(
            row["id"],
            row["subject_ref"],
            row["body"],
            row["evidence"],
            row["valid_from"],
            row["valid_until"],
            row["withdrawn_at"],
            row["numbers"],
        )
        for row in rows
    ]
