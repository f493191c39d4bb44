"""Policies of systems, uses and ends of keys, certificates, client secrets, contacts of members."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Every system has a policy; those registered before have the strict default, and keys that check signatures."""
    op.add_column("trust_system", sa.Column("policy", sa.JSON(), nullable=False, server_default="{}"))
    for name in ("security_contact", "data_protection_contact", "address"):
        op.add_column("trust_member", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("trust_key", sa.Column("use", sa.Text(), nullable=False, server_default="sig"))
    op.add_column("trust_key", sa.Column("unpublished", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("trust_key", sa.Column("not_after", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "trust_certificate",
        sa.Column("system_id", sa.Text(), nullable=False),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["trust_system.id"]),
        sa.PrimaryKeyConstraint("system_id", "thumbprint"),
    )
    op.create_table(
        "trust_client_secret",
        sa.Column("system_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["trust_system.id"]),
        sa.PrimaryKeyConstraint("system_id", "made_at"),
    )
    op.create_table(
        "trust_key_set",
        sa.Column("system_id", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["system_id"], ["trust_system.id"]),
        sa.PrimaryKeyConstraint("system_id"),
    )
