"""The replication gate: sign only what a synchronous standby has on disk.

After a failover a log must not be shorter than what was signed; without the gate a promoted standby that lacks the
last second would contradict a published checkpoint. PostgreSQL only. The role needs `pg_read_all_stats`.
"""

from sqlalchemy import Connection, text

from .errors import UnsafeDurability

_FLUSHED = text("SELECT pg_current_wal_flush_lsn()::text")
_REACHED = text(
    "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum') "
    "AND flush_lsn >= CAST(CAST(:position AS text) AS pg_lsn)"
)


def check(connection: Connection) -> None:
    """The start-up check of a deployment that demands a standby.

    Raises:
        UnsafeDurability: not PostgreSQL, or its commits do not wait for a standby's disk.
    """
    if connection.dialect.name != "postgresql":
        raise UnsafeDurability("a standby is demanded, but SQLite has none; use PostgreSQL, or do not demand one")
    names = connection.exec_driver_sql("SHOW synchronous_standby_names").scalar_one()
    level = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
    if not names or level not in {"on", "remote_apply"}:
        raise UnsafeDurability(
            f"a standby is demanded, but synchronous_standby_names is '{names}' and synchronous_commit is {level}; "
            "name a standby and set synchronous_commit=on"
        )


def position(connection: Connection) -> str:
    """Where the write-ahead log of this server ends on its own disk; everything visible stands before it."""
    return str(connection.execute(_FLUSHED).scalar_one())


def reached(connection: Connection, position: str) -> bool:
    """Whether a synchronous standby has that much on its disk."""
    return bool(connection.execute(_REACHED, {"position": position}).scalar_one())
