"""Budgets of callers: kept in memory, so there is nothing here (docs/decisions/0040)."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing: the place is kept so that the chain of revisions stays as it was planned."""
