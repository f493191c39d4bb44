"""What agreements and consents need beyond the first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Quotas, the states that agreements went through, proposals, erasures, and what the GovStack edge keeps."""
    _quotas()
    _events()
    _proposals()
    _erasures()
    _govstack()
    _lessening()


def _lessening() -> None:
    op.create_table(
        "consent_lessening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _quotas() -> None:
    op.create_table(
        "consent_spent",
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agreement", "kind", "since"),
    )
    op.create_table(
        "consent_spent_on",
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agreement", "kind", "since", "subject_ref"),
    )


def _events() -> None:
    """Of what was recorded before, the first state and today's are known."""
    op.create_table(
        "consent_agreement_event",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_consent_agreement_event_id", "consent_agreement_event", ["id"])
    op.execute(
        "INSERT INTO consent_agreement_event (id, version, at, state, state_by)"
        " SELECT id, version, recorded_at, 'in_force', state_by FROM consent_agreement ORDER BY recorded_at"
    )
    op.execute(
        "INSERT INTO consent_agreement_event (id, version, at, state, state_by)"
        " SELECT id, version, changed_at, state, state_by FROM consent_agreement"
        " WHERE changed_at > recorded_at AND state <> 'in_force' ORDER BY changed_at"
    )


def _proposals() -> None:
    op.create_table(
        "consent_proposal",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("signatures", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    for name in ("agreement", "provider", "consumer"):
        op.create_index(f"ix_consent_proposal_{name}", "consent_proposal", [name])


def _erasures() -> None:
    withdrawn = sa.text("withdrawn_at IS NOT NULL")
    op.create_index("consent_consent_until", "consent_consent", ["valid_until"])
    op.create_index(
        "consent_consent_withdrawn",
        "consent_consent",
        ["withdrawn_at"],
        sqlite_where=withdrawn,
        postgresql_where=withdrawn,
    )
    op.create_table(
        "consent_erasure",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("exchanges", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("reminded_at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("consent", "recipient", name="consent_erasure_one"),
    )
    for name in ("controller", "member"):
        op.create_index(f"ix_consent_erasure_{name}", "consent_erasure", [name])
    op.create_table(
        "consent_swept",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _govstack() -> None:
    op.create_table(
        "govstack_individual",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_govstack_individual_member", "govstack_individual", ["member"])
    op.create_table(
        "govstack_record",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("individual", sa.Text(), sa.ForeignKey("govstack_individual.id"), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("data_agreement", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("individual", "data_agreement", name="govstack_record_one"),
    )
    op.create_index("ix_govstack_record_agreement", "govstack_record", ["agreement"])
    op.create_table(
        "govstack_revision",
        sa.Column("record", sa.Text(), sa.ForeignKey("govstack_record.id"), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agreement_hash", sa.Text(), nullable=False),
        sa.Column("opt_in", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("predecessor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("record", "number"),
    )
