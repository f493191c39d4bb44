"""What is kept about tokens: which were revoked, and how each system last proved itself."""

from sqlalchemy import Column, DateTime, ForeignKey, Index, Table, Text

from .tables import metadata, system

revoked_token = Table(
    "trust_revoked_token",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("revoked_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),  # then the row may go
    Index("trust_revoked_token_since", "revoked_at"),
)

method_use = Table(
    "trust_method_use",
    metadata,
    Column("system_id", ForeignKey(system.c.id), primary_key=True),
    Column("method", Text, primary_key=True),  # private_key_jwt, client_secret_post; dpop, mtls, bearer
    Column("last_used_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),  # of the certificate that was presented
)
