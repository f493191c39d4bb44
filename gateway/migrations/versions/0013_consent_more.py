"""Nothing yet."""

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Nothing: the place is kept so that the chain of revisions stays as it was planned."""
