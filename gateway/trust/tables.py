"""The tables of trust: who is registered, with which keys, and which assertions were used."""

from sqlalchemy import JSON, Boolean, Column, DateTime, ForeignKey, Index, Integer, MetaData, Table, Text, false

metadata = MetaData()

member = Table(
    "trust_member",
    metadata,
    Column("id", Text, primary_key=True),  # LK/GOV/WBB
    Column("name", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("security_contact", Text, nullable=False, server_default=""),
    Column("data_protection_contact", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
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
    Column("policy", JSON, nullable=False, server_default="{}"),  # see policy.py
    Column("changed_at", DateTime(timezone=True), nullable=False),
)

key = Table(
    "trust_key",
    metadata,
    Column("owner_id", Text, primary_key=True),  # a member's id (signs agreements) or a system's (signs in)
    Column("kid", Text, primary_key=True),  # never used again, not even after the key is retired
    Column("use", Text, nullable=False, server_default="sig"),  # or "enc"
    Column("jwk", JSON, nullable=False),  # public members only
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("not_after", DateTime(timezone=True)),  # the key's own end
    Column("retired_at", DateTime(timezone=True)),
    Column(
        "unpublished", Boolean, nullable=False, server_default=false()
    ),  # retired only because it was no longer there
)

certificate = Table(  # of the thumbprints in a policy, those that came as a certificate: when each ends
    "trust_certificate",
    metadata,
    Column("system_id", ForeignKey(system.c.id), primary_key=True),
    Column("thumbprint", Text, primary_key=True),  # x5t#S256
    Column("not_after", DateTime(timezone=True), nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
)

client_secret = Table(  # at most one in force and one before it, for the time of the change
    "trust_client_secret",
    metadata,
    Column("system_id", ForeignKey(system.c.id), primary_key=True),
    Column("made_at", DateTime(timezone=True), primary_key=True),
    Column("hash", Text, nullable=False),  # argon2id, PHC string
    Column("not_after", DateTime(timezone=True), nullable=False),
)

key_set = Table(  # of systems whose keys are fetched from where they publish them (policy.jwks_uri)
    "trust_key_set",
    metadata,
    Column("system_id", ForeignKey(system.c.id), primary_key=True),
    Column("fetched_at", DateTime(timezone=True), nullable=False),  # keys count for 24 hours after it
    Column("next_at", DateTime(timezone=True), nullable=False),  # when it is fetched again
    Column("asked_at", DateTime(timezone=True), nullable=False),  # when an unknown kid last made us look
    Column("problem", Text, nullable=False, server_default=""),  # why the last fetch failed
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
