"""Findings of a state are read newest first: of a hundred thousand each page went through all of them."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """An index in the order of the list."""
    op.create_index("review_finding_state", "review_finding", ["state", "opened_at", "id"])
