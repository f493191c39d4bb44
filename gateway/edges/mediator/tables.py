"""What the Information Mediator keeps: services that members describe, event types, subscriptions, events on their way.

A room is a system's; its events are sealed until everybody who subscribed has them or their time is over.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

service = Table(
    "im_service",
    metadata,
    Column("application", String(300), primary_key=True),  # LK/GOV/RGD/CRVS
    Column("code", String(120), primary_key=True),
    Column("spec_url", Text, nullable=False),
    Column("service_url", Text, nullable=False),
    Column("document", Text, nullable=False),  # the OpenAPI description as it was fetched
    Column("changed", Float, nullable=False),
)

event_type = Table(
    "im_event_type",
    metadata,
    Column("room", String(120), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("schema", JSON, nullable=False),
    Column("published", BigInteger, nullable=False),  # events so far: the last one's sequence number
    Column("created", Float, nullable=False),
)

subscription = Table(
    "im_subscription",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room", String(120), nullable=False),
    Column("event_type", String(64), nullable=False),
    Column("subscriber", String(120), nullable=False),
    Column("delivery", String(4), nullable=False),  # PUSH | PULL
    Column("ttl_s", Integer, nullable=False),
    Column("fifo", Boolean, nullable=False),
    Column("created", Float, nullable=False),
    UniqueConstraint("room", "event_type", "subscriber", name="im_subscription_one"),
)

event = Table(
    "im_event",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room", String(120), nullable=False),
    Column("event_type", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("publisher", String(120), nullable=False),
    Column("sealed", LargeBinary, nullable=True),  # None once nobody waits for it
    Column("state", String(9), nullable=False),  # published | stopped
    Column("created", Float, nullable=False),
    UniqueConstraint("room", "event_type", "sequence", name="im_event_sequence"),
)

delivery = Table(
    "im_delivery",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("event", ForeignKey(event.c.id), nullable=False),
    Column("subscriber", String(120), nullable=False),
    Column("room", String(120), nullable=False),
    Column("event_type", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("way", String(4), nullable=False),
    Column("fifo", Boolean, nullable=False),
    Column("state", String(12), nullable=False),  # waiting | acknowledged | expired | refused | stopped
    Column("expires", Float, nullable=False),
    Column("updated", Float, nullable=False),
    UniqueConstraint("event", "subscriber", name="im_delivery_one"),
    Index("im_delivery_waiting", "room", "event_type", "subscriber", "state"),
    Index("im_delivery_expires", "state", "expires"),
)
