"""Tokens that were revoked, and how each system last proved itself."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Two tables; both start empty."""
    op.create_table(
        "trust_revoked_token",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_id"),
    )
    op.create_index("trust_revoked_token_since", "trust_revoked_token", ["revoked_at"], unique=False)
    op.create_table(
        "trust_method_use",
        sa.Column("system_id", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["system_id"], ["trust_system.id"]),
        sa.PrimaryKeyConstraint("system_id", "method"),
    )
    _messages()


def _messages() -> None:
    """Nonces that were used, and message ids that are being worked on."""
    op.create_table(
        "trust_used_nonce",
        sa.Column("system_id", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("system_id", "nonce"),
    )
    op.create_index("trust_used_nonce_expiry", "trust_used_nonce", ["expires_at"], unique=False)
    op.drop_index("dci_message_received", "dci_message")
    op.add_column("dci_message", sa.Column("claimed_until", sa.Float(), nullable=False, server_default="0"))
    op.add_column("dci_message", sa.Column("expires", sa.Float(), nullable=False, server_default="0"))
    op.execute("UPDATE dci_message SET expires = received + 600")
    op.create_index("dci_message_expires", "dci_message", ["expires"], unique=False)
