"""Nothing yet."""

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Nothing: the place is kept so that the chain of revisions stays as it was planned."""
