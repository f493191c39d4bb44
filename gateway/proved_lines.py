"""One person's lines of bulk exchanges, each with the proof that leads to the entry of the log which commits to it.

The log counts the people of a bulk exchange and names nobody; the decision rows beside it do, by a keyed hash. So this
is where a person's evidence and a bulk exchange meet.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import Connection, select, update

from audit.entry import OUTCOME
from audit.lines import LineProof, line_proof
from audit.tables import SAME_PLACE, audit_search, log_entry

from .delivery.tables import batch_decision

FORGOTTEN = ""


def proved_lines(connection: Connection, person_ref: str, exchange: str = "") -> Mapping[UUID, Sequence[LineProof]]:
    """The person's lines by the entry that commits to them; those of running exchanges are left out.

    Args:
        exchange: only of this one; of all when empty.
    """
    table = batch_decision.c
    mine = select(table.exchange_id, table.line).where(table.person_ref == person_ref)
    found: dict[str, list[int]] = {}
    for row in connection.execute(mine.order_by(table.exchange_id, table.line)):
        found.setdefault(row.exchange_id, []).append(row.line)
    proofs: dict[UUID, list[LineProof]] = {}
    for owner, lines in found.items():
        committing = _committing(connection, owner)
        if committing and exchange in {"", committing[1]}:
            proofs[committing[0]] = _proofs(connection, owner, lines)
    return proofs


def entries_around(connection: Connection, committing: Iterable[UUID]) -> set[UUID]:
    """All entries of the exchanges that these entries belong to."""
    keys = [each.bytes for each in committing]
    exchanges = select(audit_search.c.exchange_id).join(log_entry, SAME_PLACE).where(log_entry.c.entry_id.in_(keys))
    rows = connection.execute(select(audit_search.c.entry_id).where(audit_search.c.exchange_id.in_(exchanges)))
    return {UUID(bytes=bytes(row.entry_id)) for row in rows}


def forget_lines(connection: Connection, person_ref: str) -> int:
    """Cut the tie between a person and their lines, after which nobody finds them. How many there were."""
    mine = update(batch_decision).where(batch_decision.c.person_ref == person_ref)
    return int(connection.execute(mine.values(person_ref=FORGOTTEN)).rowcount)


def _committing(connection: Connection, owner: str) -> tuple[UUID, str] | None:
    """(entry, exchange) whose root covers these rows: the outcome of the batch, or what was withheld of it later."""
    table = audit_search.c
    query = select(table.entry_id, table.exchange_id)
    outcome = query.where(table.exchange_id == owner, table.kind == OUTCOME)
    withheld = query.join(log_entry, SAME_PLACE).where(
        log_entry.c.entry_id == UUID(owner).bytes, table.exchange_id != owner
    )
    row = connection.execute(outcome).first() or connection.execute(withheld).first()
    return (UUID(bytes=bytes(row.entry_id)), str(row.exchange_id)) if row else None


def _proofs(connection: Connection, owner: str, lines: Sequence[int]) -> list[LineProof]:
    table = batch_decision.c
    query = select(table.line, table.decision).where(table.exchange_id == owner).order_by(table.line)
    rows = connection.execute(query).all()
    places = {row.line: place for place, row in enumerate(rows)}
    decisions = [str(row.decision).encode() for row in rows]
    return [line_proof(decisions, places[line]) for line in lines]
