"""Erasing what is off the log, and what must not be erased: certificates, legal holds, retention.

What stays is the log: entries and proofs, which name nobody once the keys and the index rows are gone. Backups hold
both until they are overwritten, so keep backups of `audit_key` and `audit_subject` no longer than 30 days.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .details import exchange, person
from .entry import Entry, commit, new_id
from .errors import Held, NotInLog
from .log import Log
from .randomness import new_salt
from .tables import SAME_PLACE, audit_detail, audit_hold, audit_key, audit_search, audit_subject, log_entry
from .writing import microseconds

EVERYTHING = "*"
AT_ONCE = 500


class Erased(NamedTuple):
    """How many rows went: data keys, details, lines of the subject index; and how many keys a hold kept."""

    keys: int = 0
    details: int = 0
    lines: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """What we give to whoever asked for the erasure.

    The log holds only a commitment to `scope` (whom or what it was about); with `salt` the holder of this certificate
    can prove that the entry speaks of it.
    """

    entry_id: UUID
    receipt: str
    at: datetime
    by: str
    reason: str
    scope: str
    salt: bytes
    erased: Erased

    def text(self) -> str:
        """As JSON, for people and machines."""
        content = {
            "certificate": "erasure",
            "at": self.at.isoformat(),
            "by": self.by,
            "reason": self.reason,
            "scope": self.scope,
            "salt": self.salt.hex(),
            "erased": self.erased._asdict(),
            "entry": str(self.entry_id),
            "receipt": self.receipt,
            "how to check": "commit('scope', salt, scope) is the fact `scope` of the entry; see audit/README.md",
        }
        return json.dumps(content, indent=1)


async def erase(
    connection: AsyncConnection, log: Log, scope: str, *, by: str, reason: str, now: datetime
) -> Certificate:
    """Erase all details and index lines of a person or an exchange; the entry about it joins the transaction.

    Args:
        scope: `details.person(ref)` or `details.exchange(id)`.

    Raises:
        Held: a legal hold stands on it.
    """
    erased = await connection.run_sync(erased_now, scope)
    salt = new_salt()
    facts = {
        "by": by,
        "reason": reason,
        "scope": commit("scope", salt, scope.encode()),
        "erased": erased._asdict(),
    }
    entry = Entry(new_id(now), "details.erased", now, facts)
    receipt = await log.append_in(connection, entry)
    return Certificate(entry.id, str(receipt), now, by, reason, scope, salt, erased)


def erased_now(connection: Connection, scope: str) -> Erased:
    """Delete the keys, the details and the index lines of a scope, without an entry: use `erase`.

    Raises:
        Held: a legal hold stands on it. Exchanges of a person that are held on their own are kept and counted.
    """
    if is_held(connection, [scope]):
        raise Held("a legal hold stands on this; lift it first")
    kind, _, ref = scope.partition(":")
    owners, lines = {scope}, 0
    if kind == "person":
        owners |= {exchange(each) for each in _exchanges_of(connection, ref)}
        lines = connection.execute(delete(audit_subject).where(audit_subject.c.subject_ref == ref)).rowcount
    return _destroyed(connection, sorted(owners))._replace(lines=lines)


def expired(connection: Connection, now: datetime, kept: Mapping[str, timedelta], default: timedelta) -> Erased:
    """Destroy what has been kept as long as its agreement says (`kept`, else `default`); holds win."""
    total = Erased()
    agreements = connection.execute(select(audit_key.c.agreement).distinct()).scalars().all()
    for agreement in agreements:
        until = microseconds(now - kept.get(agreement or "", default))
        same: ColumnElement[bool] = audit_key.c.agreement.is_(None)
        if agreement is not None:
            same = audit_key.c.agreement == agreement
        query = select(audit_key.c.owner).where(same, audit_key.c.created < until)
        found = _destroyed(connection, list(connection.execute(query).scalars()))
        total = Erased(*(a + b for a, b in zip(total, found, strict=True)))
    return total


def held(connection: Connection, id_: str, scope: str, reason: str, now: datetime) -> Entry:
    """Place a legal hold; gives the entry that its transaction appends.

    Args:
        scope: `details.person(ref)`, `details.exchange(id)`, `agreement:ID`, or `*` for everything.
    """
    row = {"id": id_, "scope": scope, "reason": reason, "since": microseconds(now)}
    connection.execute(insert(audit_hold).values(row))
    return _about_hold("hold.placed", id_, scope, now, reason)


def lifted(connection: Connection, id_: str, reason: str, now: datetime) -> Entry:
    """Lift a legal hold; gives the entry that its transaction appends.

    Raises:
        NotInLog: none of this id stands.
    """
    here = (audit_hold.c.id == id_) & audit_hold.c.lifted.is_(None)
    scope = connection.execute(select(audit_hold.c.scope).where(here)).scalar()
    if scope is None:
        raise NotInLog("no legal hold of this id stands")
    connection.execute(update(audit_hold).where(here).values(lifted=microseconds(now)))
    return _about_hold("hold.lifted", id_, str(scope), now, reason)


def is_held(connection: Connection, scopes: Sequence[str]) -> bool:
    """Whether a hold stands on any of these, or on everything."""
    standing = audit_hold.c.lifted.is_(None) & audit_hold.c.scope.in_([*scopes, EVERYTHING])
    return bool(connection.execute(select(func.count()).select_from(audit_hold).where(standing)).scalar_one())


def _destroyed(connection: Connection, owners: Sequence[str]) -> Erased:
    keys = details = kept = 0
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")  # overwrite, not only unlink
    for at in range(0, len(owners), AT_ONCE):
        part = owners[at : at + AT_ONCE]
        free = [owner for owner in part if not is_held(connection, _scopes(connection, owner))]
        kept += len(part) - len(free)
        details += connection.execute(delete(audit_detail).where(audit_detail.c.owner.in_(free))).rowcount
        keys += connection.execute(delete(audit_key).where(audit_key.c.owner.in_(free))).rowcount
    return Erased(keys, details, 0, kept)


def _scopes(connection: Connection, owner: str) -> list[str]:
    """All that a hold on this owner's details may name."""
    agreement = connection.execute(select(audit_key.c.agreement).where(audit_key.c.owner == owner)).scalar()
    scopes = [owner] + ([f"agreement:{agreement}"] if agreement else [])
    kind, _, ref = owner.partition(":")
    if kind == "exchange":
        entries = select(audit_search.c.entry_id).where(audit_search.c.exchange_id == ref)
        refs = select(audit_subject.c.subject_ref).where(audit_subject.c.entry_id.in_(entries)).distinct()
        scopes += map(person, connection.execute(refs).scalars())
    return scopes


def _exchanges_of(connection: Connection, subject_ref: str) -> list[str]:
    """The exchanges about this person and nobody else."""
    query = select(audit_search.c.exchange_id).join(log_entry, SAME_PLACE).distinct()
    query = query.join(audit_subject, audit_subject.c.entry_id == log_entry.c.entry_id)
    query = query.where(audit_subject.c.subject_ref == subject_ref)
    return [each for each in connection.execute(query).scalars() if each and _alone(connection, each)]


def _alone(connection: Connection, exchange_id: str) -> bool:
    entries = select(audit_search.c.entry_id).where(audit_search.c.exchange_id == exchange_id)
    count = select(func.count(audit_subject.c.subject_ref.distinct())).where(audit_subject.c.entry_id.in_(entries))
    return int(connection.execute(count).scalar_one()) == 1


def _about_hold(kind: str, id_: str, scope: str, now: datetime, reason: str) -> Entry:
    what = scope.partition(":")[0]
    return Entry(new_id(now), kind, now, {"hold": id_, "what": what, "reason": reason})
