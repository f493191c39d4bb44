"""Codes that no mapping knew, and what officers said they mean. Moments: seconds since 1970, UTC. Codes only: what is
no code by its looks never gets here (`adapters.kit.codes`)."""

from sqlalchemy import BigInteger, Column, Float, MetaData, Table, Text

metadata = MetaData()

unmapped_code = Table(
    "unmapped_code",
    metadata,
    Column("adapter", Text, primary_key=True),
    Column("list", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("first_met", Float, nullable=False),
    Column("last_met", Float, nullable=False),
)

mapped_code = Table(
    "mapped_code",
    metadata,
    Column("adapter", Text, primary_key=True),
    Column("list", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("ours", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Float, nullable=False),
)
