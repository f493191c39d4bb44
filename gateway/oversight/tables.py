"""What is remembered so that nobody is told twice, and nothing is forgotten. Moments: microseconds since 1970, UTC."""

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text

metadata = MetaData()

emergency_use = Table(  # each use of a basis that counts in an emergency only, until somebody has looked at it
    "emergency_use",
    metadata,
    Column("exchange_id", Text, primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("agreement", Text, nullable=False),
    Column("agreement_version", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("alarmed_at", BigInteger),
    Column("verdict", Text, nullable=False),  # empty until reviewed
    Column("reviewed_by", Text, nullable=False),
    Column("reviewed_at", BigInteger),
    Index("emergency_use_due", "verdict", "due_at"),
)

agreement_notice = Table(  # notices of `consent.expiry` that were sent
    "agreement_notice",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

consumer_miss = Table(  # how often a consumer asked in an hour, and how often it missed
    "consumer_miss",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("since", BigInteger, primary_key=True, autoincrement=False),  # the hour's first second since 1970
    Column("asked", BigInteger, nullable=False),
    Column("missed", BigInteger, nullable=False),
    Column("alarmed_at", BigInteger),
)
