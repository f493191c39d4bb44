"""Registered adapters, their versions, files, sealed inputs and planned outages; and what was counted of them.

A row of `registration_content` is named by the SHA-256 of its bytes: equal files of versions are kept once.
"""

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from ..people.tables import Moment

metadata = MetaData()

adapter = Table(
    "registration_adapter",
    metadata,
    Column("id", Text, primary_key=True),  # the folder's name: `star`
    Column("member_id", Text, nullable=False, index=True),
    Column("system_id", Text, nullable=False),  # the provider that it speaks for
    Column("changed_at", Moment, nullable=False),
)

content = Table(
    "registration_content",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("bytes", LargeBinary, nullable=False),
)

version = Table(
    "registration_version",
    metadata,
    Column("adapter_id", ForeignKey(adapter.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),  # of the whole folder
    Column("files", JSON, nullable=False),  # path -> digest of its content
    Column("declared", JSON, nullable=False),  # id, name, transport, references, services
    Column("state", Text, nullable=False),  # see steps.MOVES
    Column("share", Integer, nullable=False),  # of a canary: per cent of the exchanges
    Column("inputs_id", Text, nullable=False),  # what it was released with; empty: never released
    Column("report", JSON, nullable=False),  # grade, verdicts, results
    Column("by", Text, nullable=False),
    Column("proposed_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

inputs = Table(  # never changed: another address is another row, and another approval
    "registration_inputs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("adapter_id", ForeignKey(adapter.c.id), nullable=False, index=True),
    Column("stage", Text, nullable=False),  # test, production
    Column("names", JSON, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

window = Table(
    "maintenance_window",
    metadata,
    Column("id", Text, primary_key=True),
    Column("adapter_id", Text, nullable=False),  # a registered one, or one that this installation brings
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Index("maintenance_window_end", "adapter_id", "ends_at"),
)

count = Table(  # of live answers, added up over all processes; never a value, never a person
    "registration_count",
    metadata,
    Column("adapter_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("day", Text, primary_key=True),
    Column("what", Text, primary_key=True),  # see `versioned`
    Column("times", Integer, nullable=False),
)

generation = Table(  # raised by every change, so that every process looks again
    "registration_generation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", Integer, nullable=False),
)
