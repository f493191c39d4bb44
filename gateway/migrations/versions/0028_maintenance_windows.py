"""Maintenance windows are of every adapter: those that the installation brings have no row of their own to refer to."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

NAMES = ("id", "adapter_id", "starts_at", "ends_at", "by")


def upgrade() -> None:
    """Move the windows into a table without the reference."""
    op.create_table(
        "maintenance_window",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("adapter_id", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
    )
    before, after = (sa.table(each, *map(sa.column, NAMES)) for each in ("registration_window", "maintenance_window"))
    op.execute(after.insert().from_select(NAMES, sa.select(*before.c)))
    op.drop_table("registration_window")
    op.create_index("maintenance_window_end", "maintenance_window", ["adapter_id", "ends_at"])
