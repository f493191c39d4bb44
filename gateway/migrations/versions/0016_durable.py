"""Nothing yet."""

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Nothing: the place is kept so that the chain of revisions stays as it was planned."""
