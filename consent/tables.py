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

agreement_event = Table(  # append only: every state a version was in, so that old decisions can be replayed
    "consent_agreement_event",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_by", Text, nullable=False),
)

proposal = Table(  # documents that wait for a signature; nothing rests on them
    "consent_proposal",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("agreement", Text, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("provider", Text, nullable=False, index=True),
    Column("consumer", Text, nullable=False, index=True),
    Column("document", Text, nullable=False),  # canonical JSON
    Column("proposed_by", Text, nullable=False),
    Column("signatures", Text, nullable=False),  # JSON object: member -> compact JWS
    Column("proposed_at", BigInteger, nullable=False),
    Column("standing", Text, nullable=False),  # see proposals.py
    Column("closed_by", Text, nullable=False),
)

generation = Table(  # one row, raised with every change of an agreement: other processes see it at their next lookup
    "consent_generation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

lessening = Table(  # one row: when anybody's permission last became smaller (lessening.py)
    "consent_lessening",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
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
    Index("consent_consent_subject", "subject_ref", info={"only": "postgresql"}).ddl_if(dialect="postgresql"),
    Index(  # all that a decision reads of a consent: one page of a large file instead of two (decision record 0083)
        "consent_consent_said",
        *("subject_ref", "id", "terms", "evidence", "valid_from", "valid_until", "withdrawn_at", "numbers"),
        info={"only": "sqlite"},
    ).ddl_if(dialect="sqlite"),
    Index("consent_consent_controller", "controller", "id"),
    Index("consent_consent_until", "valid_until"),
)
_withdrawn = consent.c.withdrawn_at.is_not(None)
Index(
    "consent_consent_withdrawn", consent.c.withdrawn_at, sqlite_where=_withdrawn, postgresql_where=_withdrawn
)  # what ended since a moment is found by index, however many consents there are

erasure = Table(  # who holds what was released under a consent that ended, or for as long as agreed, and erases it
    "consent_erasure",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("consent", Text, nullable=False),  # empty: a data life is over, of several people
    Column("controller", Text, nullable=False, index=True),
    Column("recipient", Text, nullable=False),  # a system
    Column("member", Text, nullable=False, index=True),  # its member
    Column("cause", Text, nullable=False),  # withdrawn | expired | data_life
    Column("exchanges", Text, nullable=False),  # ids, one space between: by these the recipient knows what it received
    Column("noted_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("reminded_at", BigInteger, nullable=False),  # when the recipient was last asked
    Column("acknowledged_at", BigInteger),
    Column("agreement", Text, nullable=False),  # for a data life
)
_of_one = erasure.c.consent != ""
Index(
    "consent_erasure_one",
    erasure.c.consent,
    erasure.c.recipient,
    unique=True,
    sqlite_where=_of_one,
    postgresql_where=_of_one,
)

lived = Table(  # one row: the log has been read as far as this entry for what has to be erased at the end of its life
    "consent_lived",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("log_id", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

swept = Table(  # one row: consents that ended before this moment have been looked at
    "consent_swept",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("until", BigInteger, nullable=False),
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

control = Table(  # what providers said about who uses their data; append only, each row is ended at most once
    "consent_control",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # stop, approve_each, approval
    Column("provider", Text, nullable=False, index=True),  # member or system
    Column("consumer", Text, nullable=False),  # member or system; empty: every one
    Column("service", Text, nullable=False),  # empty: every one
    Column("reason", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", BigInteger, nullable=False),
    Column("ended_by", Text, nullable=False),
    Column("ended_at", BigInteger),
)

spent = Table(  # quotas of agreements: what was asked in one hour or on one day
    "consent_spent",
    metadata,
    Column("agreement", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # calls_per_hour, ...
    Column("since", BigInteger, primary_key=True, autoincrement=False),  # seconds since 1970: the window's first
    Column("amount", BigInteger, nullable=False),
)

spent_on = Table(  # who was asked about in that window, so that nobody counts twice; erased after a day
    "consent_spent_on",
    metadata,
    Column("agreement", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("subject_ref", Text, primary_key=True),
)
