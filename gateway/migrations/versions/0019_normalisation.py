"""Nothing yet."""

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Nothing: the place is kept so that the chain of revisions stays as it was planned."""
