"""What the DCI edge remembers: message ids for a while."""

from sqlalchemy import Boolean, Column, Float, Index, MetaData, String, Table

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
