"""Adapters that agencies register: versions, files by digest, sealed inputs, planned outages, counts."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "registration_adapter",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("system_id", sa.Text(), nullable=False),
        _moment("changed_at"),
    )
    op.create_index("ix_registration_adapter_member_id", "registration_adapter", ["member_id"])
    op.create_table(
        "registration_content",
        sa.Column("digest", sa.Text(), primary_key=True),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
    )
    _versions()
    _inputs()
    _windows()
    _counts()


def _versions() -> None:
    op.create_table(
        "registration_version",
        _adapter(primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("declared", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("inputs_id", sa.Text(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        _moment("proposed_at"),
        _moment("changed_at"),
    )


def _inputs() -> None:
    op.create_table(
        "registration_inputs",
        sa.Column("id", sa.Text(), primary_key=True),
        _adapter(nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        _moment("at"),
    )
    op.create_index("ix_registration_inputs_adapter_id", "registration_inputs", ["adapter_id"])


def _windows() -> None:
    op.create_table(
        "registration_window",
        sa.Column("id", sa.Text(), primary_key=True),
        _adapter(nullable=False),
        _moment("starts_at"),
        _moment("ends_at"),
        sa.Column("by", sa.Text(), nullable=False),
    )
    op.create_index("registration_window_end", "registration_window", ["adapter_id", "ends_at"])


def _counts() -> None:
    op.create_table(
        "registration_count",
        sa.Column("adapter_id", sa.Text(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("what", sa.Text(), primary_key=True),
        sa.Column("times", sa.Integer(), nullable=False),
    )
    op.create_table(
        "registration_generation",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("value", sa.Integer(), nullable=False),
    )


def _adapter(*, nullable: bool = True, primary_key: bool = False) -> "sa.Column[str]":
    of = sa.ForeignKey("registration_adapter.id")
    return sa.Column("adapter_id", sa.Text(), of, nullable=nullable and not primary_key, primary_key=primary_key)


def _moment(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
