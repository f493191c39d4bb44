"""The tables of trust: who is registered, with which keys, and which assertions were used."""

from sqlalchemy import JSON, Column, DateTime, ForeignKey, Index, Integer, MetaData, Table, Text

metadata = MetaData()

member = Table(
    "trust_member",
    metadata,
    Column("id", Text, primary_key=True),  # LK/GOV/WBB
    Column("name", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)

system = Table(
    "trust_system",
    metadata,
    Column("id", Text, primary_key=True),  # LK/GOV/WBB/SRIS
    Column("member_id", ForeignKey(member.c.id), nullable=False, index=True),
    Column("client_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("scopes", JSON, nullable=False),  # ["audit", ...]
    Column("services", JSON, nullable=False),  # [{"name", "callback_url", "record_schema"}]
    Column("changed_at", DateTime(timezone=True), nullable=False),
)

key = Table(
    "trust_key",
    metadata,
    Column("owner_id", Text, primary_key=True),  # a member's id (signs agreements) or a system's (signs in)
    Column("kid", Text, primary_key=True),  # never used again, not even after the key is retired
    Column("jwk", JSON, nullable=False),  # public members only
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("retired_at", DateTime(timezone=True)),
)

issued_token = Table(  # the primary key is the replay defence of the token endpoint: a restart must not forget
    "trust_issued_token",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("jti", Text, primary_key=True),  # of the client assertion
    Column("token_id", Text, nullable=False),
    Column("key_thumbprint", Text, nullable=False),  # the key the token is bound to
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("assertion_expires_at", DateTime(timezone=True), nullable=False),
    Index("trust_issued_token_expiry", "assertion_expires_at"),
)

generation = Table(  # one row, raised by every change above it, so that other processes notice
    "trust_generation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", Integer, nullable=False),
)
