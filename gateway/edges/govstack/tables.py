"""What the GovStack edge keeps beside agreements and consents. Rows are only ever added; of what was never signed they
may be deleted again.

An individual is the controller's own pseudonym for a person; numbers are keyed hashes, as everywhere. The present state
of a record is its newest revision, and whether the consent that this revision names still stands.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, MetaData, Table, Text, UniqueConstraint

metadata = MetaData()

individual = Table(
    "govstack_individual",
    metadata,
    Column("id", Text, primary_key=True),
    Column("member", Text, nullable=False, index=True),  # who knows the person by this id
    Column("subject_ref", Text, nullable=False),
    Column("kind", Text, nullable=False),  # type of the number it was made from
    Column("numbers", Text, nullable=False),  # keyed hashes: sorted, one space between
    Column("created_at", BigInteger, nullable=False),  # microseconds since 1970
)

record = Table(
    "govstack_record",
    metadata,
    Column("id", Text, primary_key=True),
    Column("member", Text, nullable=False),  # the controller
    Column("individual", ForeignKey(individual.c.id), nullable=False),
    Column("agreement", Text, nullable=False, index=True),
    Column("data_agreement", Text, nullable=False),  # agreement, purpose and basis: see agreements.py
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("individual", "data_agreement", name="govstack_record_one"),
)

revision = Table(
    "govstack_revision",
    metadata,
    Column("record", ForeignKey(record.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("agreement_hash", Text, nullable=False),  # of the data agreement's revision that it points to
    Column("opt_in", Boolean, nullable=False),
    Column("state", Text, nullable=False),  # unsigned | signed
    Column("consent", Text, nullable=False),  # the consent that it recorded or withdrew; empty: none
    Column("snapshot", Text, nullable=False),  # canonical JSON, the bytes of `hash`
    Column("hash", Text, nullable=False),
    Column("predecessor", Text, nullable=False),  # hash of the revision before; empty: it is the first
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
)
