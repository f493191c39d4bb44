"""Shards, witnesses, anchors, and what is kept off the log until it is erased."""

import sqlalchemy as sa
from alembic import op

from audit.tables import later_guards

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The tables and their guards."""
    _shards_and_witnesses()
    _details()
    for statement in later_guards(op.get_bind().dialect.name):
        op.execute(sa.text(statement))


def _shards_and_witnesses() -> None:
    op.create_table(
        "log_alarm",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("ours", sa.LargeBinary(), nullable=False, comment="the checkpoint we showed"),
        sa.Column("theirs", sa.LargeBinary(), nullable=False, comment="what contradicts it, as received"),
        sa.Column("cleared", sa.BigInteger(), nullable=True, comment="when a person decided to go on"),
        sa.PrimaryKeyConstraint("log_id", "at", "kind"),
        comment="Reasons not to publish: kept as evidence.",
    )
    op.create_table(
        "log_anchor",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tsa", sa.Text(), nullable=False, comment="address of the time-stamping authority"),
        sa.Column(
            "asked", sa.BigInteger(), autoincrement=False, nullable=False, comment="microseconds since 1970, UTC"
        ),
        sa.Column(
            "gen_time",
            sa.BigInteger(),
            nullable=True,
            comment="the authority's time; none: the reply could not be verified",
        ),
        sa.Column(
            "note", sa.LargeBinary(), nullable=False, comment="the checkpoint with cosignatures that was stamped"
        ),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False, comment="DER, as received"),
        sa.PrimaryKeyConstraint("log_id", "size", "tsa", "asked"),
    )
    op.create_table(
        "log_cosignature",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="the witness"),
        sa.Column(
            "at", sa.BigInteger(), autoincrement=False, nullable=False, comment="the witness's clock, microseconds"
        ),
        sa.Column("line", sa.Text(), nullable=False, comment="the signature line, as it goes into the checkpoint"),
        sa.PrimaryKeyConstraint("log_id", "size", "name", "at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_shard",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("next_origin", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("log_id"),
        comment="Logs that were closed: their size, and the origin of the one that goes on.",
    )
    op.create_table(
        "log_watch",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", "since"),
        comment="Which witnesses and authorities watch the log since when; each change is an entry too.",
    )
    op.create_table(
        "log_witnessed",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("origin"),
        comment="The witness role: the newest checkpoint of each other log that we cosigned.",
    )


def _details() -> None:
    op.create_table(
        "audit_detail",
        sa.Column("entry_id", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="nonce, then AES-256-GCM of salt and value"),
        sa.PrimaryKeyConstraint("entry_id", "name"),
        comment="Off-log: what the commitments in entries are about.",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_audit_detail_owner"), "audit_detail", ["owner"], unique=False)
    op.create_table(
        "audit_hold",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False, comment="`exchange:ID`, `person:REF`, `agreement:ID` or `*`"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("lifted", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        comment="Legal holds: while one stands, what it names is not erased.",
    )
    op.create_table(
        "audit_key",
        sa.Column("owner", sa.Text(), nullable=False, comment="whose details it opens: `exchange:ID` or `person:REF`"),
        sa.Column(
            "wrapped",
            sa.LargeBinary(),
            nullable=False,
            comment="the data key, under a key that is not in this database",
        ),
        sa.Column("agreement", sa.Text(), nullable=True, comment="decides how long it is kept"),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner"),
        comment="Off-log: deleting a row makes the details unreadable, in every copy that has no copy of this table.",
    )
    op.create_index(op.f("ix_audit_key_agreement"), "audit_key", ["agreement", "created"], unique=False)
