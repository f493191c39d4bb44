"""GovStack Information Mediator: described services, event types, subscriptions, events."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Create the tables of the Information Mediator."""
    op.create_table(
        "im_service",
        sa.Column("application", sa.String(length=300), nullable=False),
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.Column("spec_url", sa.Text(), nullable=False),
        sa.Column("service_url", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("changed", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("application", "code"),
    )
    op.create_table(
        "im_event_type",
        sa.Column("room", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("schema", sa.JSON(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("room", "name"),
    )
    op.create_table(
        "im_subscription",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room", sa.String(length=120), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("subscriber", sa.String(length=120), nullable=False),
        sa.Column("delivery", sa.String(length=4), nullable=False),
        sa.Column("ttl_s", sa.Integer(), nullable=False),
        sa.Column("fifo", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("room", "event_type", "subscriber", name="im_subscription_one"),
    )
    _events()


def _events() -> None:
    op.create_table(
        "im_event",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room", sa.String(length=120), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("publisher", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("room", "event_type", "sequence", name="im_event_sequence"),
    )
    op.create_table(
        "im_delivery",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("event", sa.String(length=36), sa.ForeignKey("im_event.id"), nullable=False),
        sa.Column("subscriber", sa.String(length=120), nullable=False),
        sa.Column("room", sa.String(length=120), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("way", sa.String(length=4), nullable=False),
        sa.Column("fifo", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event", "subscriber", name="im_delivery_one"),
    )
    op.create_index("im_delivery_waiting", "im_delivery", ["room", "event_type", "subscriber", "state"])
    op.create_index("im_delivery_expires", "im_delivery", ["state", "expires"])
