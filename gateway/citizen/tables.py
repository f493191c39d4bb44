"""Records that people contest. What they wrote, and the numbers they sent, are sealed (`trust.seal`)."""

from sqlalchemy import JSON, BigInteger, Column, LargeBinary, MetaData, Table, Text

metadata = MetaData()

contest = Table(
    "citizen_contest",
    metadata,
    Column("id", Text, primary_key=True),  # the objection of kind `contest` has the same one
    Column("person_ref", Text, nullable=False, index=True),
    Column("provider", Text, nullable=False, index=True),  # the member whose record it is
    Column("service", Text, nullable=False),  # empty: everything that this member tells
    Column("fields", JSON, nullable=False),  # empty: all
    Column("exchange_id", Text, nullable=False),  # where the person saw it; may be empty
    Column("sealed", LargeBinary),  # {statement, identifiers}; the identifiers only while it is open
    Column("state", Text, nullable=False),  # open, corrected, confirmed, deleted, withdrawn
    Column("sealed_answer", LargeBinary),  # the agency's, in its own words
    Column("opened_at", BigInteger, nullable=False),  # microseconds since 1970, UTC
    Column("opened_by", Text, nullable=False),  # `person`, or the officer who helped
    Column("resolved_at", BigInteger),
    Column("resolved_by", Text, nullable=False),
)
