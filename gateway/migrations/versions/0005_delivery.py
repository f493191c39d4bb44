"""What durable work needs beyond the first schema."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
