"""A form that came too late is kept with its session, sealed, until its sender has signed in again."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("people_session", sa.Column("draft", sa.LargeBinary()))
    op.add_column("people_session", sa.Column("draft_until", sa.DateTime(timezone=True)))
