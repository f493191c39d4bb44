"""What the tables say about cosignatures and time stamps."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from .entry import Entry
from .tables import log_anchor, log_checkpoint, log_cosignature, log_entry, log_watch
from .writing import time_of


def configured(connection: Connection, log_id: int) -> tuple[str, datetime] | None:
    """What watches the log, as `Watch.begin` wrote it, and since when."""
    table = log_watch.c
    query = select(table.config, table.since).where(table.log_id == log_id).order_by(table.since.desc()).limit(1)
    row = connection.execute(query).first()
    return (row.config, time_of(row.since)) if row else None


def seen_by(connection: Connection, log_id: int, names: Sequence[str]) -> dict[str, tuple[int, datetime]]:
    """Each witness's newest cosignature: size and time."""
    table = log_cosignature.c
    query = select(table.name, func.max(table.size).label("size"), func.max(table.at).label("at"))
    query = query.where(table.log_id == log_id, table.name.in_(names)).group_by(table.name)
    return {row.name: (row.size, time_of(row.at)) for row in connection.execute(query)}


def anchored_at(connection: Connection, log_id: int) -> datetime | None:
    """The newest verified time stamp."""
    newest = connection.execute(select(func.max(log_anchor.c.gen_time)).where(log_anchor.c.log_id == log_id)).scalar()
    return time_of(newest) if newest is not None else None


def anchored_size(connection: Connection, log_id: int) -> int:
    """The size of the largest checkpoint with a verified time stamp; 0: there is none."""
    here = (log_anchor.c.log_id == log_id) & log_anchor.c.gen_time.is_not(None)
    return int(connection.execute(select(func.coalesce(func.max(log_anchor.c.size), 0)).where(here)).scalar_one())


def asked_at(connection: Connection, log_id: int, tsa: str) -> datetime | None:
    """When an authority was last asked."""
    here = (log_anchor.c.log_id == log_id) & (log_anchor.c.tsa == tsa)
    newest = connection.execute(select(func.max(log_anchor.c.asked)).where(here)).scalar()
    return time_of(newest) if newest is not None else None


def unsigned_since(connection: Connection, log_id: int) -> datetime | None:
    """What the oldest entry that no checkpoint covers claims as its time; None: everything is signed."""
    newest = select(func.max(log_checkpoint.c.size)).where(log_checkpoint.c.log_id == log_id).scalar_subquery()
    here = (log_entry.c.log_id == log_id) & (log_entry.c.seq == func.coalesce(newest, 0))
    body = connection.execute(select(log_entry.c.body).where(here)).scalar()
    return Entry.from_body(bytes(body)).at if body is not None else None
