"""Nothing yet."""

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Nothing: the place is kept so that the chain of revisions stays as it was planned."""
