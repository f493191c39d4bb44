"""Duties to erase at the end of a data life, whom an entry concerns by index, contests of what somebody hands over."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add columns, indexes and the row that says how far the log has been read for data lives."""
    op.create_index("audit_subject_entry", "audit_subject", ["entry_id"])
    with op.batch_alter_table("consent_erasure") as erasure:
        erasure.drop_constraint("consent_erasure_one", type_="unique")
        erasure.add_column(sa.Column("agreement", sa.Text(), nullable=False, server_default=""))
    ended = sa.text("consent <> ''")
    op.create_index(
        "consent_erasure_one",
        "consent_erasure",
        ["consent", "recipient"],
        unique=True,
        sqlite_where=ended,
        postgresql_where=ended,
    )
    op.create_table(
        "consent_lived",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("log_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
    )
