"""The tables of agreements, consents, objections and relationships. Portable: SQLite and PostgreSQL.

Moments are whole microseconds since 1970-01-01 UTC (`moments`): exact, ordered and the same on both.
What many people agreed to in the same words is stored once (`consent_terms`, named by its own digest),
so a consent is a short row and a country's registration day is a bulk insert.

Nothing here says who a person is: `subject_ref` and `numbers` are the caller's keyed hashes.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, Table, Text

metadata = MetaData()

agreement = Table(
    "consent_agreement",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("provider", Text, nullable=False, index=True),  # members
    Column("consumer", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("state_by", Text, nullable=False),  # the member that put it into this state; only it may resume
    Column("document", Text, nullable=False),  # canonical JSON, the bytes that were signed
    Column("signatures", Text, nullable=False),  # JSON object: member -> compact JWS
    Column("recorded_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("replaced_at", BigInteger),  # when the next version takes over
)

generation = Table(  # one row, raised with every change of an agreement: other processes see it at their next lookup
    "consent_generation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

terms = Table(
    "consent_terms",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of body, hex
    Column("body", Text, nullable=False),  # canonical JSON: what does not differ from person to person
)

consent = Table(
    "consent_consent",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject_ref", Text, nullable=False),
    Column("terms", ForeignKey(terms.c.digest), nullable=False),  # controller, recipients, purposes, services, how
    Column("controller", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Column("numbers", Text, nullable=False),  # recorded as the person's: sorted, one space between
    Index("consent_consent_subject", "subject_ref"),
    Index("consent_consent_controller", "controller", "id"),
)

objection = Table(
    "consent_objection",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject_ref", Text, nullable=False),
    Column("terms", ForeignKey(terms.c.digest), nullable=False),  # kind, purposes, services, fields, recipients
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("lifted_at", BigInteger),
    Index("consent_objection_subject", "subject_ref"),
)

relationship = Table(
    "consent_relationship",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject_ref", Text, nullable=False),
    Column("terms", ForeignKey(terms.c.digest), nullable=False),  # holder, kind
    Column("case_ref", Text),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("consent_relationship_subject", "subject_ref"),
)
