"""Consent records as GovStack names them: for one person and one data agreement, in revisions that are only ever added.

Here they are read; `changes` adds to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import subject_pseudonym
from consent.errors import ConsentUnknown
from consent.moments import micros, moment
from consent.tables import consent as consents

from . import tables
from .agreements import Object

UNSIGNED, SIGNED = "unsigned", "signed"


@dataclass(frozen=True, slots=True)
class Individual:
    """A person as one member knows it here."""

    id: str
    member: str
    subject_ref: str
    kind: str
    numbers: frozenset[str]

    def shown(self) -> Object:
        """The published shape, without any number."""
        return {"id": self.id, "externalIdType": self.kind}


@dataclass(frozen=True, slots=True)
class Kept:
    """A record at its newest revision. `stands`: the consent of that revision was not withdrawn."""

    id: str
    member: str
    individual: str
    subject_ref: str
    data_agreement: str
    number: int
    agreement_hash: str
    opt_in: bool
    state: str
    consent: str
    hash: str
    stands: bool

    @property
    def opted_in(self) -> bool:
        """What the person says now, wherever it was said."""
        return self.opt_in and (self.stands or not self.consent)


def individual_id(subject_ref: str, member: str) -> str:
    """The pseudonym of a person for one member: another one for every member."""
    return subject_pseudonym(subject_ref, f"individual {member}")[:32]


async def keep_individual(connection: AsyncConnection, each: Individual, now: datetime) -> None:
    """Keep one; a person that is known already stays as it is."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    row = {
        "id": each.id,
        "member": each.member,
        "subject_ref": each.subject_ref,
        "kind": each.kind,
        "numbers": " ".join(sorted(each.numbers)),
        "created_at": micros(now),
    }
    await connection.execute(dialect.insert(tables.individual).values(row).on_conflict_do_nothing())


async def add_numbers(connection: AsyncConnection, each: Individual, more: frozenset[str]) -> Individual:
    """Note that a person is also known by these; gives the person as it is now."""
    made = replace(each, numbers=each.numbers | more)
    here = (tables.individual.c.id == each.id) & (tables.individual.c.member == each.member)
    await connection.execute(update(tables.individual).where(here).values(numbers=" ".join(sorted(made.numbers))))
    return made


async def delete_unsigned(connection: AsyncConnection, each: Individual) -> list[str]:
    """Delete the records of a person, with their revisions, that never were signed; gives their ids."""
    record, revision = tables.record.c, tables.revision.c
    signed = select(revision.record).where(revision.consent != "")
    query = select(record.id).where(record.individual == each.id, record.id.not_in(signed)).order_by(record.id)
    ids = list((await connection.execute(query)).scalars())
    if ids:
        await connection.execute(delete(tables.revision).where(revision.record.in_(ids)))
        await connection.execute(delete(tables.record).where(record.id.in_(ids)))
    return ids


async def individuals(
    connection: AsyncConnection, member: str, *, id_: str | None = None, offset: int = 0, limit: int = 100
) -> list[Individual]:
    """Those that a member knows, by id; the one with `id_` if given."""
    table = tables.individual.c
    query = select(tables.individual).where(table.member == member).order_by(table.id).offset(offset).limit(limit)
    rows = (await connection.execute(query if id_ is None else query.where(table.id == id_))).all()
    return [Individual(row.id, row.member, row.subject_ref, row.kind, frozenset(row.numbers.split())) for row in rows]


async def individual(connection: AsyncConnection, member: str, id_: str) -> Individual:
    """One. Raises ConsentUnknown: this member knows none of this id."""
    found = await individuals(connection, member, id_=id_)
    if not found:
        raise ConsentUnknown
    return found[0]


def _records() -> Select[Any]:
    """Each record with its newest revision, and when the consent of that one was withdrawn."""
    newest = select(tables.revision.c.record, func.max(tables.revision.c.number).label("number"))
    last = newest.group_by(tables.revision.c.record).subquery()
    each, person = tables.revision, tables.individual
    return (
        select(tables.record, each, person.c.subject_ref, consents.c.withdrawn_at)
        .join(last, last.c.record == tables.record.c.id)
        .join(each, (each.c.record == last.c.record) & (each.c.number == last.c.number))
        .join(person, person.c.id == tables.record.c.individual)
        .outerjoin(consents, consents.c.id == each.c.consent)
        .order_by(tables.record.c.id)
    )


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        row.id,
        row.member,
        row.individual,
        row.subject_ref,
        row.data_agreement,
        row.number,
        row.agreement_hash,
        row.opt_in,
        row.state,
        row.consent,
        row.hash,
        stands=bool(row.consent) and row.withdrawn_at is None,
    )


@dataclass(frozen=True, slots=True)
class Sought:
    """Which records. A condition that is left empty is none; `agreements` are those that the caller is a party to."""

    id: str = ""
    member: str = ""
    agreements: Sequence[str] | None = None
    subject_ref: str = ""
    data_agreement: str = ""
    offset: int = 0
    limit: int = 100


async def find(connection: AsyncConnection, sought: Sought) -> list[Kept]:
    """Records by id."""
    query, table = _records().offset(sought.offset).limit(sought.limit), tables.record.c
    if sought.id:
        query = query.where(table.id == sought.id)
    if sought.member and sought.agreements is not None:
        query = query.where((table.member == sought.member) | table.agreement.in_(sought.agreements))
    elif sought.member:
        query = query.where(table.member == sought.member)
    if sought.subject_ref:
        query = query.where(tables.individual.c.subject_ref == sought.subject_ref)
    if sought.data_agreement:
        query = query.where(table.data_agreement == sought.data_agreement)
    return [_kept(row) for row in (await connection.execute(query)).all()]


async def record_of(connection: AsyncConnection, sought: Sought) -> Kept:
    """One. Raises ConsentUnknown: there is none like that."""
    found = await find(connection, sought)
    if not found:
        raise ConsentUnknown
    return found[0]


async def chain(connection: AsyncConnection, record: str) -> list[Object]:
    """The revisions of a record, oldest first."""
    table = tables.revision
    rows = (await connection.execute(select(table).where(table.c.record == record).order_by(table.c.number))).all()
    return [_revision(row) for row in rows]


def _revision(row: Row[Any]) -> Object:
    at = moment(row.at)
    before = {"predecessorHash": row.predecessor} if row.predecessor else {}
    return {
        "id": f"{row.record}.{row.number}",
        "schemaName": "ConsentRecord",
        "objectId": row.record,
        "authorizedByOther": row.by,
        "signedWithoutObjectId": False,
        "timestamp": at.isoformat(),
        **before,
        "serializedSnapshot": row.snapshot,
        "serializedHash": row.hash,
    }
