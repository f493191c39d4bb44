"""Batches are found by their agreements, and by how any of their lines ended: their outcome says several of each.

The lines of the batches that are in the log already are made from their entries, as `python -m audit rebuild` would.
"""

import json
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

AT_ONCE = 1000
TABLE = sa.table("audit_batch", *map(sa.column, ("name", "value", "log_id", "seq", "ts")))
OUTCOMES = sa.text(
    "SELECT s.seq, s.ts, e.body FROM audit_search s JOIN log_entry e ON e.log_id = s.log_id AND e.seq = s.seq "
    "WHERE s.kind = 'exchange.outcome' AND s.agreement IS NULL AND s.log_id = :log_id AND s.seq > :last "
    "ORDER BY s.seq LIMIT :most"
)
"""A batch has no agreement of its own; neither has a refusal, which says nothing here."""


def upgrade() -> None:
    """Add the table, and fill it."""
    op.create_table(
        "audit_batch",
        sa.Column("name", sa.Text(), primary_key=True, comment="`agreement` or `outcome`"),
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("log_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("ts", sa.BigInteger(), nullable=False, comment="as in `audit_search`"),
        sqlite_with_rowid=False,
        comment="Derived: the agreements and outcomes of a batch, which may be several; can be rebuilt.",
    )
    op.create_index("audit_batch_ts", "audit_batch", ["name", "value", "log_id", "ts", "seq"])
    op.create_index("audit_batch_place", "audit_batch", ["log_id", "seq"])
    connection = op.get_bind()
    for (log_id,) in connection.execute(sa.text("SELECT log_id FROM log_head")).all():
        _fill(connection, log_id)


def _fill(connection: sa.Connection, log_id: int) -> None:
    last = -1
    while rows := connection.execute(OUTCOMES, {"log_id": log_id, "last": last, "most": AT_ONCE}).all():
        lines = [
            {"name": name, "value": value, "log_id": log_id, "seq": row.seq, "ts": row.ts}
            for row in rows
            for name, value in _said(bytes(row.body))
        ]
        if lines:
            connection.execute(TABLE.insert(), lines)
        last = rows[-1].seq


def _said(body: bytes) -> Iterator[tuple[str, str]]:
    facts = json.loads(body)["facts"]
    agreements, outcomes = facts.get("agreements"), facts.get("outcomes")
    for name in sorted({each.rpartition(" v")[0] or each for each in agreements or ()}):
        yield "agreement", name
    for code in outcomes or ():
        yield "outcome", code
