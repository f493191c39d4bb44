"""Search by the officer whom a consumer named; the adapters of the last start; words of emergencies that can be erased.

The words stood in `emergency_use` under a key that no erasure destroys. They cannot be moved without that key, so those
of emergencies before this revision are gone; the commitments in the log stay.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the column, its index and the table; drop what erasure did not reach."""
    op.add_column("audit_search", sa.Column("officer_ref", sa.Text()))
    present = sa.text("officer_ref IS NOT NULL")
    op.create_index(
        "audit_search_officer_ref",
        "audit_search",
        ["officer_ref", "seq"],
        sqlite_where=present,
        postgresql_where=present,
    )
    op.create_table(
        "review_adapter",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("state", sa.JSON(), nullable=False),
    )
    op.drop_column("emergency_use", "sealed_reason")
    op.drop_column("emergency_use", "sealed_remark")
