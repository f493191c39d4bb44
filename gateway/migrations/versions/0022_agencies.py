"""What agencies let themselves be asked in a minute, and answers that an agreement lets be kept for some minutes."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Two small tables."""
    op.create_table(
        "agency_minute",
        sa.Column("provider", sa.String(120), primary_key=True),
        sa.Column("minute", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("used", sa.Integer(), nullable=False),
    )
    op.create_table(
        "kept_answer",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("subject_ref", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
    )
    op.create_index("ix_kept_answer_subject_ref", "kept_answer", ["subject_ref"])
    op.create_index("ix_kept_answer_expires", "kept_answer", ["expires"])
