"""What reviewers keep beside the log: findings, samples, statements, due dates. Nothing here says who a person is.

`person_ref` is the keyed pseudonym. Free text stands here and not in the log, which could never forget it; the entries
of the log commit to it with the salt beside it.
"""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, MetaData, Table, Text

from ..people.tables import Moment

metadata = MetaData()

finding = Table(
    "review_finding",
    metadata,
    Column("id", Text, primary_key=True),  # made of rule and subject, so that a rerun finds the same one
    Column("rule", Text, nullable=False, index=True),
    Column("subject", Text, nullable=False),  # what it is about, e.g. a system and a day
    Column("about", JSON, nullable=False),  # ids of members, systems and officers who do not sign it off
    Column("facts", JSON, nullable=False),
    Column("state", Text, nullable=False),  # open, assigned, signed_off
    Column("assigned_to", Text, nullable=False),
    Column("verdict", Text, nullable=False),  # explained, confirmed, false_alarm
    Column("signed_off_by", Text, nullable=False),
    Column("four_eyes", Integer, nullable=False),  # 1: signed off by another than who had it
    Column("opened_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("review_finding_state", "state", "opened_at", "id"),  # a page of the list
)

comment = Table(
    "review_comment",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("about", Text, nullable=False, index=True),  # a finding, a sample's exchange, a statement
    Column("by", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("text", Text, nullable=False),
    Column("salt", Text, nullable=False),  # hex; of the commitment in the entry
)

mark = Table(  # how far something that runs again and again has come
    "review_mark",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Moment, nullable=False),
)

day = Table(  # what was asked on a day, for "more than usual"; derived, made again by a rerun
    "review_day",
    metadata,
    Column("day", Text, primary_key=True),  # 2026-10-31
    Column("what", Text, primary_key=True),  # `SYSTEM SERVICE`, or `agreement ID`
    Column("calls", Integer, nullable=False),  # a line of a batch counts as one
)

schedule = Table(
    "review_schedule",
    metadata,
    Column("id", Text, primary_key=True),
    Column("report", Text, nullable=False),
    Column("every", Text, nullable=False),  # day, week, month
    Column("made_by", Text, nullable=False),
    Column("next_at", Moment, nullable=False),
)

sample = Table(
    "review_sample",
    metadata,
    Column("id", Text, primary_key=True),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("size", Integer, nullable=False),
    Column("planned_by", Text, nullable=False),
    Column("planned_at", Moment, nullable=False),
    Column("entry_id", Text, nullable=False),  # of the plan: the seed comes from a checkpoint after it
    Column("checkpoint", Text, nullable=False),  # what the seed was made of; empty: not drawn yet
    Column("population", Integer, nullable=False),
    Column("signed_off_by", Text, nullable=False),
)

sampled = Table(
    "review_sampled",
    metadata,
    Column("sample_id", ForeignKey(sample.c.id), primary_key=True),
    Column("exchange_id", Text, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("answers", JSON, nullable=False),  # question -> yes, no, does_not_apply
    Column("checked_by", Text, nullable=False),
)

access_request = Table(
    "review_access_request",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_ref", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("state", Text, nullable=False),  # open, handed
    Column("handed_at", Moment),
)

statement = Table(
    "review_statement",
    metadata,
    Column("id", Text, primary_key=True),  # made of month and system
    Column("month", Text, nullable=False),  # 2026-10
    Column("system", Text, nullable=False, index=True),
    Column("document", Text, nullable=False),  # canonical JSON, the bytes that are signed
    Column("signed", Text, nullable=False),  # compact JWS by the gateway
    Column("countersigned", Text, nullable=False),  # compact JWS by the system, over the same bytes
    Column("state", Text, nullable=False),  # issued, countersigned, disputed
    Column("issued_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

breach = Table(
    "review_breach",
    metadata,
    Column("id", Text, primary_key=True),
    Column("criteria", JSON, nullable=False),  # {kid | system | agreement, since, until}
    Column("opened_by", Text, nullable=False),
    Column("known_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("told_at", Moment),  # when the authority was notified
    Column("figures", JSON, nullable=False),
)

query = Table(  # a search that an officer keeps: filters alone, never a person's number or a case
    "review_query",
    metadata,
    Column("id", Text, primary_key=True),
    Column("officer_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("filters", JSON, nullable=False),
    Column("made_at", Moment, nullable=False),
)

adapter = Table(  # which were linked at the last start
    "review_adapter",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", JSON, nullable=False),  # `adapters_changed.State`
)

setting = Table(  # what mattered at the last start: keyed digests, never values
    "review_setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False),
)
