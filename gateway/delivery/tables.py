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
