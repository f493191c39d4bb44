"""SQLite: an index that has all that a decision reads of a consent, instead of one that only finds it."""

from alembic import op

revision = "0012"
down_revision = "0011"

READ = ["subject_ref", "id", "terms", "evidence", "valid_from", "valid_until", "withdrawn_at", "numbers"]


def upgrade() -> None:
    """PostgreSQL keeps the narrow one: its index rows have a largest size, and its pages are in memory anyway."""
    if op.get_context().dialect.name == "sqlite":
        op.create_index("consent_consent_said", "consent_consent", READ)
        op.drop_index("consent_consent_subject", "consent_consent")
