"""Searches of exchanges that officers keep for themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """One small table."""
    op.create_table(
        "review_query",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("officer_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_review_query_officer_id", "review_query", ["officer_id"])
