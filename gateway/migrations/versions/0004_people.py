"""Officers, roles, sessions, proposals that wait for a second person, accounts of the built-in identity provider."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the five tables."""
    _officers()
    _sessions()
    _approvals()
    op.create_table(
        "people_account",
        sa.Column("login", sa.Text(), primary_key=True),
        sa.Column("subject", sa.Text(), nullable=False, unique=True),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("claims", sa.LargeBinary(), nullable=False),
    )


def _officers() -> None:
    op.create_table(
        "people_officer",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("issuer", "subject", name="people_officer_identity"),
    )
    op.create_index("ix_people_officer_member_id", "people_officer", ["member_id"])
    op.create_table(
        "people_grant",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("officer_id", sa.Text(), sa.ForeignKey("people_officer.id"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_people_grant_officer_id", "people_grant", ["officer_id"])


def _sessions() -> None:
    op.create_table(
        "people_session",
        sa.Column("id_hash", sa.Text(), primary_key=True),
        sa.Column("officer_id", sa.Text(), sa.ForeignKey("people_officer.id")),
        sa.Column("person_ref", sa.Text()),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_people_session_officer_id", "people_session", ["officer_id"])
    op.create_index("people_session_end", "people_session", ["ends_at"])


def _approvals() -> None:
    op.create_table(
        "people_approval",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposer_member", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("people_approval_kind", "people_approval", ["kind", "subject"])
