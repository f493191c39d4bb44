"""The tables, and the guards that keep rows of evidence from being changed or deleted by accident.

`log_*` hold the evidence. `audit_*` are derived or off-log: never trusted by a verifier, erasable on their own
schedule. No foreign keys: all rows come from one function, and a check per row costs a third of the throughput.
The guards stop accidents and injected statements; a database administrator can drop them, and is
stopped by the signer's memory, by saved checkpoints and by witnesses instead.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    event,
    literal_column,
)

metadata = MetaData()

log_head = Table(
    "log_head",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("compact_range", LargeBinary, nullable=False, comment="32 bytes a subtree, largest first"),
    comment="The sequencer: whoever appends locks this row.",
)

log_entry = Table(
    "log_entry",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", LargeBinary, nullable=False, unique=True, comment="UUID, 16 bytes"),
    Column("leaf", LargeBinary, nullable=False, comment="SHA-256(0x00 || body)"),
    Column("body", LargeBinary, nullable=False, comment="the exact bytes that are hashed"),
    sqlite_with_rowid=False,
)

log_node = Table(
    "log_node",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("level", SmallInteger, primary_key=True, autoincrement=False, comment="of tiles, from 1"),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

log_checkpoint = Table(
    "log_checkpoint",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False, comment="microseconds since 1970, UTC"),
)

log_key = Table(
    "log_key",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("vkey", Text, primary_key=True),
    Column("since", BigInteger, nullable=False, comment="size of the log when the key was first used"),
    comment="Verifier keys, newest first is the one in use. An auditor compares them with a copy from elsewhere.",
)

log_signer = Table(
    "log_signer",
    metadata,
    Column("name", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    comment="The signer's memory, where no file is used.",
)

log_shard = Table(
    "log_shard",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("next_origin", Text, nullable=False),
    comment="Logs that were closed: their size, and the origin of the one that goes on.",
)

log_cosignature = Table(
    "log_cosignature",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True, comment="the witness"),
    Column("at", BigInteger, primary_key=True, autoincrement=False, comment="the witness's clock, microseconds"),
    Column("line", Text, nullable=False, comment="the signature line, as it goes into the checkpoint"),
    sqlite_with_rowid=False,
)

log_anchor = Table(
    "log_anchor",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("tsa", Text, primary_key=True, comment="address of the time-stamping authority"),
    Column("asked", BigInteger, primary_key=True, autoincrement=False, comment="microseconds since 1970, UTC"),
    Column("gen_time", BigInteger, comment="the authority's time; none: the reply could not be verified"),
    Column("note", LargeBinary, nullable=False, comment="the checkpoint with cosignatures that was stamped"),
    Column("request", LargeBinary, nullable=False),
    Column("reply", LargeBinary, nullable=False, comment="DER, as received"),
)

log_alarm = Table(
    "log_alarm",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("ours", LargeBinary, nullable=False, comment="the checkpoint we showed"),
    Column("theirs", LargeBinary, nullable=False, comment="what contradicts it, as received"),
    Column("cleared", BigInteger, comment="when a person decided to go on"),
    comment="Reasons not to publish: kept as evidence.",
)

log_watch = Table(
    "log_watch",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("config", Text, nullable=False),
    comment="Which witnesses and authorities watch the log since when; each change is an entry too.",
)

log_witnessed = Table(
    "log_witnessed",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    comment="The witness role: the newest checkpoint of each other log that we cosigned.",
)

audit_search = Table(
    "audit_search",
    metadata,
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", LargeBinary, nullable=False),
    Column("ts", BigInteger, nullable=False, comment="claimed time, microseconds since 1970, UTC"),
    Column("kind", Text, nullable=False),
    Column("exchange_id", Text),
    Column("consumer", Text),
    Column("provider", Text),
    Column("service", Text),
    Column("purpose", Text),
    Column("agreement", Text),
    Column("outcome", Text),
    Column("case_ref", Text),
    Column("officer_ref", Text),
    sqlite_with_rowid=False,
    comment="Derived from log_entry in the same transaction; can be rebuilt.",
)

SAME_PLACE = (log_entry.c.log_id == audit_search.c.log_id) & (log_entry.c.seq == audit_search.c.seq)
"""Joins a line of `audit_search` with its entry."""

_PLACE = (audit_search.c.log_id, audit_search.c.seq)
for _name in ("consumer", "provider", "service", "purpose", "agreement", "outcome", "case_ref", "officer_ref"):
    _column = audit_search.c[_name]
    _present = _column.is_not(None)
    Index(f"audit_search_{_name}", _column, *_PLACE, sqlite_where=_present, postgresql_where=_present)
_exchange = audit_search.c.exchange_id
_present = _exchange.is_not(None)
Index("audit_search_exchange_id", _exchange, audit_search.c.seq, sqlite_where=_present, postgresql_where=_present)

NO_EXCHANGE = audit_search.c.kind.not_in([literal_column("'exchange.intent'"), literal_column("'exchange.outcome'")])
"""Everything else that is logged: few lines among many, so they have indexes of their own. Literal, so that a plan for
any value finds them.
"""
for _name, _leading in (("event", ()), ("event_kind", (audit_search.c.kind,))):
    Index(f"audit_search_{_name}", *_leading, *_PLACE, sqlite_where=NO_EXCHANGE, postgresql_where=NO_EXCHANGE)
Index("audit_search_ts", audit_search.c.log_id, audit_search.c.ts, audit_search.c.seq)

audit_batch = Table(
    "audit_batch",
    metadata,
    Column("name", Text, primary_key=True, comment="`agreement` or `outcome`"),
    Column("value", Text, primary_key=True),
    Column("log_id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("ts", BigInteger, nullable=False, comment="as in `audit_search`"),
    sqlite_with_rowid=False,
    comment="Derived: the agreements and outcomes of a batch, which may be several; can be rebuilt.",
)
_line = audit_batch.c
Index("audit_batch_ts", _line.name, _line.value, _line.log_id, _line.ts, _line.seq)
Index("audit_batch_place", _line.log_id, _line.seq)

audit_subject = Table(
    "audit_subject",
    metadata,
    Column("subject_ref", Text, primary_key=True),
    Column("entry_id", LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
    comment="Off-log: which entries concern whom. Erasing a row leaves the entry provable and unlinkable.",
)
Index("audit_subject_entry", audit_subject.c.entry_id)  # whom an entry concerns, without reading all of them

audit_open = Table(
    "audit_open",
    metadata,
    Column("exchange_id", Text, primary_key=True),
    Column("entry_id", LargeBinary, nullable=False),
    Column("ts", BigInteger, nullable=False),
    sqlite_with_rowid=False,
    comment="Derived: exchanges with an intent and no outcome.",
)

audit_key = Table(
    "audit_key",
    metadata,
    Column("owner", Text, primary_key=True, comment="whose details it opens: `exchange:ID` or `person:REF`"),
    Column("wrapped", LargeBinary, nullable=False, comment="the data key, under a key that is not in this database"),
    Column("agreement", Text, comment="decides how long it is kept"),
    Column("created", BigInteger, nullable=False),
    Index("ix_audit_key_agreement", "agreement", "created"),
    comment="Off-log: deleting a row makes the details unreadable, in every copy that has no copy of this table.",
)

audit_detail = Table(
    "audit_detail",
    metadata,
    Column("entry_id", LargeBinary, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False, comment="nonce, then AES-256-GCM of salt and value"),
    sqlite_with_rowid=False,
    comment="Off-log: what the commitments in entries are about.",
)

audit_hold = Table(
    "audit_hold",
    metadata,
    Column("id", Text, primary_key=True),
    Column("scope", Text, nullable=False, comment="`exchange:ID`, `person:REF`, `agreement:ID` or `*`"),
    Column("reason", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("lifted", BigInteger),
    comment="Legal holds: while one stands, what it names is not erased.",
)

EVIDENCE = ("log_entry", "log_node", "log_checkpoint", "log_key")


def guards(dialect: str) -> tuple[str, ...]:
    """The statements that install the guards; `metadata.create_all` runs them, a migration must.

    Args:
        dialect: `sqlite` or `postgresql`.
    """
    return _sqlite_guards() if dialect == "sqlite" else _postgresql_guards()


WATCHED = ("log_shard", "log_cosignature", "log_anchor")


def later_guards(dialect: str) -> tuple[str, ...]:
    """The guards that came with the tables of shards, witnesses and anchors."""
    if dialect == "sqlite":
        refuse = "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
        closed = "EXISTS (SELECT 1 FROM log_shard WHERE log_id = OLD.log_id)"
        return (
            *(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {refuse}"
                for table in WATCHED
                for verb in ("UPDATE", "DELETE")
            ),
            (
                f"CREATE TRIGGER log_head_closed BEFORE UPDATE ON log_head WHEN {closed} "
                "BEGIN SELECT RAISE(ABORT, 'this log is closed'); END"
            ),
        )
    return (
        *(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW "
            "EXECUTE FUNCTION log_append_only()"
            for table in WATCHED
        ),
        (
            "CREATE OR REPLACE FUNCTION log_is_closed() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN IF EXISTS (SELECT 1 FROM log_shard WHERE log_id = OLD.log_id) "
            "THEN RAISE EXCEPTION 'this log is closed'; END IF; RETURN NEW; END$$"
        ),
        "CREATE TRIGGER log_head_closed BEFORE UPDATE ON log_head FOR EACH ROW EXECUTE FUNCTION log_is_closed()",
    )


def _sqlite_guards() -> tuple[str, ...]:
    refuse = "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
    below = "NEW.seq < (SELECT size FROM log_head WHERE log_id = NEW.log_id)"
    return (
        *(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {refuse}"
            for table in EVIDENCE
            for verb in ("UPDATE", "DELETE")
        ),
        f"CREATE TRIGGER log_head_no_delete BEFORE DELETE ON log_head {refuse}",
        f"CREATE TRIGGER log_head_no_less BEFORE UPDATE ON log_head WHEN NEW.size < OLD.size {refuse}",
        # INSERT OR REPLACE deletes without firing the trigger above
        f"CREATE TRIGGER log_entry_no_replace BEFORE INSERT ON log_entry WHEN {below} {refuse}",
    )


def _postgresql_guards() -> tuple[str, ...]:
    function = (
        "CREATE OR REPLACE FUNCTION log_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'the log is append-only'; END$$"
    )
    refuse = "EXECUTE FUNCTION log_append_only()"
    tables = (*EVIDENCE, "log_head")
    return (
        function,
        *(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}"
            for table in EVIDENCE
        ),
        *(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} {refuse}" for table in tables),
        f"CREATE TRIGGER log_head_no_delete BEFORE DELETE ON log_head FOR EACH ROW {refuse}",
        f"CREATE TRIGGER log_head_no_less BEFORE UPDATE ON log_head FOR EACH ROW WHEN (NEW.size < OLD.size) {refuse}",
    )


@event.listens_for(metadata, "after_create")
def _install_guards(_metadata: MetaData, connection: Connection, tables: list[Table], **_: object) -> None:
    if log_entry in tables:
        dialect = connection.dialect.name
        for statement in guards(dialect) + later_guards(dialect):
            connection.exec_driver_sql(statement)
