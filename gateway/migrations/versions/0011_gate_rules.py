"""What the gateway finds for people to look at: emergencies, many misses, agreements that end."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the tables of `gateway.oversight`."""
    op.create_table(
        "emergency_use",
        sa.Column("exchange_id", sa.Text(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("agreement_version", sa.BigInteger(), nullable=False),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("alarmed_at", sa.BigInteger()),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("sealed_remark", sa.LargeBinary()),
        sa.Column("reviewed_by", sa.Text(), nullable=False),
        sa.Column("reviewed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("exchange_id"),
    )
    op.create_index("emergency_use_due", "emergency_use", ["verdict", "due_at"])
    op.create_table(
        "agreement_notice",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "consumer_miss",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.Column("alarmed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("consumer", "since"),
    )
