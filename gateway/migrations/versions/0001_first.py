"""The first schema. A step is never changed once it was released; what comes later is another step."""

import sqlalchemy as sa
from alembic import op

from audit.tables import guards

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    _log()
    _consent()
    _trust()
    _work()


def _log() -> None:
    """The log, its derived tables, and the guards that keep its rows from being changed by accident."""
    op.create_table(
        "audit_open",
        sa.Column("exchange_id", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.LargeBinary(), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("exchange_id"),
        comment="Derived: exchanges with an intent and no outcome.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_search",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.LargeBinary(), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False, comment="claimed time, microseconds since 1970, UTC"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("exchange_id", sa.Text(), nullable=True),
        sa.Column("consumer", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("agreement", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("case_ref", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("log_id", "seq"),
        comment="Derived from log_entry in the same transaction; can be rebuilt.",
        sqlite_with_rowid=False,
    )
    op.create_index(
        "audit_search_agreement",
        "audit_search",
        ["agreement", "seq"],
        unique=False,
        sqlite_where=sa.text("agreement IS NOT NULL"),
        postgresql_where=sa.text("agreement IS NOT NULL"),
    )
    op.create_index(
        "audit_search_case_ref",
        "audit_search",
        ["case_ref", "seq"],
        unique=False,
        sqlite_where=sa.text("case_ref IS NOT NULL"),
        postgresql_where=sa.text("case_ref IS NOT NULL"),
    )
    op.create_index(
        "audit_search_consumer",
        "audit_search",
        ["consumer", "seq"],
        unique=False,
        sqlite_where=sa.text("consumer IS NOT NULL"),
        postgresql_where=sa.text("consumer IS NOT NULL"),
    )
    op.create_index(
        "audit_search_exchange_id",
        "audit_search",
        ["exchange_id", "seq"],
        unique=False,
        sqlite_where=sa.text("exchange_id IS NOT NULL"),
        postgresql_where=sa.text("exchange_id IS NOT NULL"),
    )
    op.create_index(
        "audit_search_outcome",
        "audit_search",
        ["outcome", "seq"],
        unique=False,
        sqlite_where=sa.text("outcome IS NOT NULL"),
        postgresql_where=sa.text("outcome IS NOT NULL"),
    )
    op.create_index(
        "audit_search_service",
        "audit_search",
        ["service", "seq"],
        unique=False,
        sqlite_where=sa.text("service IS NOT NULL"),
        postgresql_where=sa.text("service IS NOT NULL"),
    )
    op.create_table(
        "audit_subject",
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject_ref", "entry_id"),
        comment="Off-log: which entries concern whom. Erasing a row leaves the entry provable and unlinkable.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_checkpoint",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False, comment="microseconds since 1970, UTC"),
        sa.PrimaryKeyConstraint("log_id", "size"),
    )
    op.create_table(
        "log_entry",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.LargeBinary(), nullable=False, comment="UUID, 16 bytes"),
        sa.Column("leaf", sa.LargeBinary(), nullable=False, comment="SHA-256(0x00 || body)"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="the exact bytes that are hashed"),
        sa.PrimaryKeyConstraint("log_id", "seq"),
        sa.UniqueConstraint("entry_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_head",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("compact_range", sa.LargeBinary(), nullable=False, comment="32 bytes a subtree, largest first"),
        sa.PrimaryKeyConstraint("log_id"),
        sa.UniqueConstraint("origin"),
        comment="The sequencer: whoever appends locks this row.",
    )
    op.create_table(
        "log_key",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("vkey", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="size of the log when the key was first used"),
        sa.PrimaryKeyConstraint("log_id", "vkey"),
        comment="Verifier keys, newest first is the one in use. An auditor compares them with a copy from elsewhere.",
    )
    op.create_table(
        "log_node",
        sa.Column("log_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False, comment="of tiles, from 1"),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", "level", "n"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_signer",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="The signer's memory, where no file is used.",
    )
    for statement in guards(op.get_bind().dialect.name):
        op.execute(statement)


def _consent() -> None:
    """Agreements, consents, objections, relationships."""
    op.create_table(
        "consent_agreement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_by", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signatures", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("replaced_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", "version"),
    )
    op.create_index(op.f("ix_consent_agreement_consumer"), "consent_agreement", ["consumer"], unique=False)
    op.create_index(op.f("ix_consent_agreement_provider"), "consent_agreement", ["provider"], unique=False)
    op.create_table(
        "consent_generation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "consent_terms",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "consent_consent",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["terms"],
            ["consent_terms.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("consent_consent_controller", "consent_consent", ["controller", "id"], unique=False)
    op.create_index("consent_consent_subject", "consent_consent", ["subject_ref"], unique=False)
    op.create_table(
        "consent_objection",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["terms"],
            ["consent_terms.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("consent_objection_subject", "consent_objection", ["subject_ref"], unique=False)
    op.create_table(
        "consent_relationship",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("case_ref", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["terms"],
            ["consent_terms.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("consent_relationship_subject", "consent_relationship", ["subject_ref"], unique=False)


def _trust() -> None:
    """Members, systems, keys, used assertions."""
    op.create_table(
        "trust_generation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "trust_issued_token",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("key_thumbprint", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assertion_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "jti"),
    )
    op.create_index("trust_issued_token_expiry", "trust_issued_token", ["assertion_expires_at"], unique=False)
    op.create_table(
        "trust_key",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("jwk", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", "kid"),
    )
    op.create_table(
        "trust_member",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "trust_system",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("services", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"],
            ["trust_member.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("client_id"),
    )
    op.create_index(op.f("ix_trust_system_member_id"), "trust_system", ["member_id"], unique=False)


def _work() -> None:
    """Jobs, deliveries, batches, and what the DCI edge remembers."""
    op.create_table(
        "batch",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("consumer", sa.String(length=120), nullable=False),
        sa.Column("service", sa.String(length=120), nullable=False),
        sa.Column("purpose", sa.String(length=80), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("outcomes", sa.JSON(), nullable=False),
        sa.Column("receipt", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=True),
        sa.Column("body_hash", sa.String(length=64), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("consumer", "key_hash"),
    )
    op.create_table(
        "batch_decision",
        sa.Column("exchange_id", sa.String(length=36), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("person_ref", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("exchange_id", "line"),
    )
    op.create_index("batch_decision_person", "batch_decision", ["person_ref"], unique=False)
    op.create_table(
        "dci_message",
        sa.Column("sender", sa.String(length=120), nullable=False),
        sa.Column("message_id", sa.String(length=99), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("received", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "message_id"),
    )
    op.create_index("dci_message_received", "dci_message", ["received"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("consumer", sa.String(length=120), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=120), nullable=False),
        sa.Column("purpose", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("may_know", sa.Boolean(), nullable=False),
        sa.Column("withheld", sa.JSON(), nullable=False),
        sa.Column("receipt", sa.String(length=200), nullable=False),
        sa.Column("receiver_state", sa.String(length=40), nullable=False),
        sa.Column("receiver_rank", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("consumer", "idempotency_key"),
    )
    op.create_index("delivery_reference", "delivery", ["reference"], unique=False)
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("ref", sa.String(length=36), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("failure", sa.String(length=40), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "ref"),
    )
    op.create_index("job_ready", "job", ["state", "lane", "not_before"], unique=False)
    op.create_table(
        "subscription",
        sa.Column("code", sa.String(length=36), nullable=False),
        sa.Column("subscriber", sa.String(length=120), nullable=False),
        sa.Column("provider", sa.String(length=120), nullable=False),
        sa.Column("event_type", sa.String(length=80), nullable=False),
        sa.Column("purpose", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("code"),
        sa.UniqueConstraint("subscriber", "provider", "event_type"),
    )
    op.create_table(
        "batch_chunk",
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("sealed_asks", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_results", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batch.id"],
        ),
        sa.PrimaryKeyConstraint("batch_id", "n"),
    )
