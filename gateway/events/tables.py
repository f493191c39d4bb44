"""Subscriptions, and the events that are on their way to subscribers. Payloads are sealed."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData()

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
    Column("frequency", String(120), nullable=False, server_default="real-time"),  # or a cron line
    Column("starts", Float, nullable=False, server_default="0"),
    Column("ends", Float, nullable=True),
    Column("ended", Float, nullable=True),
    Column("sealed_filter", LargeBinary, nullable=True),  # sealed: it may name people
    UniqueConstraint("subscriber", "provider", "event_type"),
    Index("subscription_provider", "provider", "state"),
)

# Raised with every change of a subscription: other processes look again.
event_generation = Table(
    "event_generation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("provider", String(120), nullable=False),
    Column("name", String(80), nullable=False),
    Column("key", String(64), nullable=False),  # keyed hash of the agency's id for it: told again, it is the same
    Column("signature", JSON, nullable=True),  # how the message that told it was signed
    Column("sealed", LargeBinary, nullable=True),  # until every subscriber has its handover
    Column("handed", JSON, nullable=True),  # by end: how many handovers were taken, refused, not wanted
    Column("created", Float, nullable=False),
    UniqueConstraint("provider", "name", "key"),
    Index("event_created", "created"),
)
