"""The tables for people: officers, their roles, sessions, proposals, and accounts of the built-in identity provider."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData()


class Moment(TypeDecorator[datetime]):
    """An aware moment, in UTC: SQLite keeps none of a moment's time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """To the database; a naive moment is a fault of ours."""
        if value is not None and value.tzinfo is None:
            raise TypeError("a moment has a time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """From the database."""
        return value and (value if value.tzinfo else value.replace(tzinfo=UTC))


officer = Table(
    "people_officer",
    metadata,
    Column("id", Text, primary_key=True),  # OFF-7K2M9QXA: the only name that the log knows
    Column("member_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),  # who vouches for the officer, and under which name
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),  # active, suspended, retired
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("issuer", "subject", name="people_officer_identity"),
)

grant = Table(
    "people_grant",
    metadata,
    Column("id", Text, primary_key=True),
    Column("officer_id", ForeignKey(officer.c.id), nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("member_id", Text, nullable=False),  # empty: no member, as the role's reach says
    Column("territory", Text, nullable=False),  # likewise
    Column("granted_by", Text, nullable=False),  # an officer's id, or `command-line`
    Column("granted_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

session = Table(
    "people_session",
    metadata,
    Column("id_hash", Text, primary_key=True),  # SHA-256 of the cookie: a copy of the table opens no session
    Column("officer_id", ForeignKey(officer.c.id), index=True),
    Column("person_ref", Text),  # of a citizen: the pseudonym, never the number
    Column("issuer", Text, nullable=False),
    Column("authenticated_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("draft", LargeBinary),  # sealed: a form that waits for its sender to sign in again (`drafts`)
    Column("draft_until", Moment),
    Index("people_session_end", "ends_at"),
)

approval = Table(
    "people_approval",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),  # what it is about: a system, a host, an agreement, an officer
    Column("member_id", Text, nullable=False),  # whose it is; empty: the gateway's
    Column("document", JSON, nullable=False),  # exactly what shall be done
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),  # proposed, approved, rejected, withdrawn
    Column("proposed_by", Text, nullable=False),
    Column("proposer_member", Text, nullable=False),
    Column("proposed_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("remark", Text, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("people_approval_kind", "kind", "subject"),
)

account = Table(  # of the built-in identity provider, which exists on laptops and in tests only
    "people_account",
    metadata,
    Column("login", Text, primary_key=True),
    Column("subject", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("claims", LargeBinary, nullable=False),  # sealed: a citizen's number is among them
)
