"""What the DCI edge remembers: message ids for a while, and who subscribed to what."""

from sqlalchemy import Boolean, Column, Float, Index, MetaData, String, Table, UniqueConstraint

metadata = MetaData()

dci_message = Table(
    "dci_message",
    metadata,
    Column("sender", String(120), primary_key=True),
    Column("message_id", String(99), primary_key=True),
    Column("body_hash", String(64), nullable=False),  # keyed: another body under the same id is refused
    Column("done", Boolean, nullable=False),  # a repeat of what failed shall succeed
    Column("received", Float, nullable=False),
    Column("claimed_until", Float, nullable=False, server_default="0"),  # until then somebody works on it
    Column("expires", Float, nullable=False, server_default="0"),  # its message_ts is too old to be shown again
    Index("dci_message_expires", "expires"),
)

subscription = Table(
    "subscription",
    metadata,
    Column("code", String(36), primary_key=True),
    Column("subscriber", String(120), nullable=False),  # LK/GOV/DME/ESS
    Column("provider", String(120), nullable=False),  # LK/GOV/WBB/SRIS
    Column("event_type", String(80), nullable=False),
    Column("purpose", String(80), nullable=False),
    Column("state", String(12), nullable=False),  # active | ended
    Column("created", Float, nullable=False),
    UniqueConstraint("subscriber", "provider", "event_type"),
)
