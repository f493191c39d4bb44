"""Codes of agencies that no mapping knew, and what officers said they mean."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Two new tables."""
    op.create_table(
        "unmapped_code",
        sa.Column("adapter", sa.Text(), primary_key=True),
        sa.Column("list", sa.Text(), primary_key=True),
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_met", sa.Float(), nullable=False),
        sa.Column("last_met", sa.Float(), nullable=False),
    )
    op.create_table(
        "mapped_code",
        sa.Column("adapter", sa.Text(), primary_key=True),
        sa.Column("list", sa.Text(), primary_key=True),
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
