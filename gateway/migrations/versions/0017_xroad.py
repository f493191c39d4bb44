"""Nothing yet."""

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Nothing: the place is kept so that the chain of revisions stays as it was planned."""
