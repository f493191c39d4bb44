"""Tables of durable work. Payloads are sealed (`trust.seal`) and erased when the work is done or expires."""

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
    UniqueConstraint,
)

metadata = MetaData()

# One row per piece of work. Times are seconds since the epoch, UTC: the same arithmetic on both databases.
job = Table(
    "job",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String(20), nullable=False),
    Column("ref", String(36), nullable=False),  # the batch or delivery it works on
    Column("lane", Integer, nullable=False),  # 0 live, 1 bulk: a batch never starves a delivery
    Column("state", String(10), nullable=False),  # ready | done | dead
    Column("attempts", Integer, nullable=False, default=0),
    Column("not_before", Float, nullable=False),
    Column("lease_until", Float, nullable=False, default=0),
    Column("failure", String(40), nullable=False, default=""),  # outcome code of the last try
    Column("created", Float, nullable=False),
    UniqueConstraint("kind", "ref"),
    Index("job_ready", "state", "lane", "not_before"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", String(36), primary_key=True),  # the exchange id
    Column("consumer", String(120), nullable=False),
    Column("idempotency_key", String(64), nullable=False),  # keyed hash: callers put anything into their keys
    Column("body_hash", String(64), nullable=False),  # keyed: the same key with another body is a conflict
    Column("service", String(120), nullable=False),
    Column("purpose", String(80), nullable=False),
    Column("state", String(12), nullable=False),  # queued | sending | handed | refused | failed | unknown
    Column("outcome", String(20), nullable=False, default=""),
    Column("may_know", Boolean, nullable=False, default=False),  # else the sender sees no hidden outcome
    Column("withheld", JSON, nullable=False),  # [field, reason]: what the permit narrowed
    Column("receipt", String(200), nullable=False, default=""),  # of the outcome entry
    Column("receiver_state", String(40), nullable=False, default=""),
    Column("receiver_rank", Integer, nullable=False, default=0),  # a late event never takes back a newer one
    Column("reference", String(120), nullable=False, default=""),  # the receiver's own id
    Column("sealed", LargeBinary, nullable=True),  # the handover until it is handed
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    UniqueConstraint("consumer", "idempotency_key"),
    Index("delivery_reference", "reference"),
)

batch = Table(
    "batch",
    metadata,
    Column("id", String(36), primary_key=True),  # the exchange id
    Column("consumer", String(120), nullable=False),
    Column("service", String(120), nullable=False),
    Column("purpose", String(80), nullable=False),
    Column("asked", JSON, nullable=False),  # fields or claim, period, as_at, case: nothing about a person
    Column("state", String(12), nullable=False),  # running | done | failed | erased
    Column("lines", Integer, nullable=False),
    Column("done", Integer, nullable=False, default=0),
    Column("outcomes", JSON, nullable=False),  # outcome -> number of lines
    Column("receipt", String(200), nullable=False, default=""),
    Column("digest", String(80), nullable=False, default=""),  # of the results: RFC 9530 sha-256
    Column("key_hash", String(64), nullable=True),  # keyed hash of the caller's idempotency key
    Column("body_hash", String(64), nullable=True),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    UniqueConstraint("consumer", "key_hash"),
)

batch_chunk = Table(
    "batch_chunk",
    metadata,
    Column("batch_id", String(36), ForeignKey("batch.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("state", String(8), nullable=False),  # open | done
    Column("sealed_asks", LargeBinary, nullable=True),
    Column("sealed_results", LargeBinary, nullable=True),
)

# The decision line of each person in a batch; `person_ref` is a keyed hash, never an identifier. `decision` is the
# exact JSON that the outcome entry's `decisions_root` covers (`delivery.decisions`): a changed row does not go unseen.
batch_decision = Table(
    "batch_decision",
    metadata,
    Column("exchange_id", String(36), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("person_ref", String(64), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("decision", String, nullable=False),
    Index("batch_decision_person", "person_ref"),
)

# A message of a system that is answered later, by a message of ours to its registered address (`transactions`). The
# states are DCI's words, which the native interface shows too: rcvd | pdng | succ | rjct.
txn = Table(
    "txn",
    metadata,
    Column("id", String(36), primary_key=True),  # the correlation id of its acknowledgement
    Column("consumer", String(120), nullable=False),
    Column("kind", String(20), nullable=False),  # search | subscribe | unsubscribe | txn-status
    Column("transaction_id", String(99), nullable=False),  # the sender's own
    Column("body_hash", String(64), nullable=False),  # keyed: another body under the same id is a conflict
    Column("state", String(8), nullable=False),
    Column("items", Integer, nullable=False),
    Column("callback", String(80), nullable=False),  # the service under which the sender registered its address
    Column("callback_id", String(36), nullable=False, default=""),  # the row of `callback` that answers it
    Column("sealed", LargeBinary, nullable=True),  # what of the message is no item
    Column("sealed_answer", LargeBinary, nullable=True),  # the message that answers it
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("expires", Float, nullable=False),
    UniqueConstraint("consumer", "kind", "transaction_id"),
    Index("txn_expires", "expires"),
)

txn_item = Table(
    "txn_item",
    metadata,
    Column("txn_id", String(36), ForeignKey("txn.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("reference_id", String(99), nullable=False),
    Column("state", String(8), nullable=False),  # open | waiting | done
    Column("sealed", LargeBinary, nullable=True),
    Column("sealed_answer", LargeBinary, nullable=True),
)

# A message of ours to a registered system; it keeps its id however often it is sent.
callback = Table(
    "callback",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("system", String(120), nullable=False),
    Column("service", String(80), nullable=False),  # the name under which the system registered the address
    Column("action", String(20), nullable=False),
    Column("state", String(8), nullable=False),  # queued | handed | held | dropped
    Column("sealed", LargeBinary, nullable=True),  # until it is handed
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
)

# An exchange whose agency answers later. What it released is kept until `expires`, for the caller to fetch.
waiting = Table(
    "waiting",
    metadata,
    Column("id", String(36), primary_key=True),  # the exchange id
    Column("consumer", String(120), nullable=False),
    Column("provider", String(120), nullable=False),
    Column("reference", String(99), nullable=False),  # what the agency's answer will name
    Column("service", String(120), nullable=False),
    Column("purpose", String(80), nullable=False),
    Column("asked", JSON, nullable=False),  # as a batch's
    Column("state", String(10), nullable=False),  # asking | waiting | told | ended
    Column("outcome", String(20), nullable=False, default=""),
    Column("may_know", Boolean, nullable=False, default=False),
    Column("sealed", LargeBinary, nullable=True),  # whom it is about, as long as anything is kept
    Column("sealed_told", LargeBinary, nullable=True),  # what the agency told, until it is decided
    Column("sealed_answer", LargeBinary, nullable=True),  # what was released
    Column("txn_id", String(36), nullable=False, default=""),  # the item that waits for it
    Column("n", Integer, nullable=False, default=0),
    Column("due", Float, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    UniqueConstraint("provider", "reference"),
    Index("waiting_due", "state", "due"),
)

# A batch that stretches over days: slices, each of them a batch of its own (`campaigns`).
campaign = Table(
    "campaign",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("consumer", String(120), nullable=False),
    Column("service", String(120), nullable=False),
    Column("provider", String(120), nullable=False),
    Column("purpose", String(80), nullable=False),
    Column("asked", JSON, nullable=False),  # as a batch's
    Column("state", String(12), nullable=False),  # running | paused | done | failed | erased
    Column("lines", Integer, nullable=False),
    Column("per_day", Integer, nullable=False),
    Column("fresh_s", Float, nullable=False),  # how old an answer may be when the campaign ends
    Column("key_hash", String(64), nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("expires", Float, nullable=False),
    UniqueConstraint("consumer", "key_hash"),
)

campaign_slice = Table(
    "campaign_slice",
    metadata,
    Column("campaign_id", String(36), ForeignKey("campaign.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("lines", Integer, nullable=False),
    Column("round", Integer, nullable=False, default=0),  # how often it was asked again because it had grown old
    Column("state", String(8), nullable=False),  # open | asked | done
    Column("batch_id", String(36), nullable=False, default=""),
    Column("asked_at", Float, nullable=False, default=0),
    Column("sealed", LargeBinary, nullable=True),
)

# How much of an agency's quota of a day is used, by exchanges and campaigns; the day is the country's.
agency_use = Table(
    "agency_use",
    metadata,
    Column("provider", String(120), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("used", Integer, nullable=False),
)

# The same of a minute (since the epoch); only the newest row of an agency is kept.
agency_minute = Table(
    "agency_minute",
    metadata,
    Column("provider", String(120), primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("used", Integer, nullable=False),
)

# Answers that an agreement lets be kept for some minutes; `id` is a keyed digest of the question.
kept_answer = Table(
    "kept_answer",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("subject_ref", String(64), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires", Float, nullable=False, index=True),
)
