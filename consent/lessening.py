"""When anybody's permission last became smaller: one row, raised by each withdrawal, objection and changed agreement.

Whoever holds an answer that was decided a moment ago asks one cheap question instead of deciding everything anew.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from .moments import micros
from .tables import lessening

NOTE = text(
    "INSERT INTO consent_lessening (id, at) VALUES (1, :at)"
    " ON CONFLICT (id) DO UPDATE SET at = CASE WHEN excluded.at > consent_lessening.at"
    " THEN excluded.at ELSE consent_lessening.at END"
)
FRESH = timedelta(seconds=10)  # nothing else than a lessening ends a permission that soon, but its own last moment
UNDER_WAY = timedelta(seconds=30)  # no transaction takes longer from its clock to its commit


async def note_lessening(connection: AsyncConnection, now: datetime) -> None:
    """In the transaction that makes a permission smaller."""
    await connection.execute(NOTE, {"at": micros(now)})


async def still_decided(connection: AsyncConnection, at: datetime, now: datetime) -> bool:
    """Whether what was decided at this moment, or later, may be told as it is; else it is decided again."""
    return now - at < FRESH and not await lessened_since(connection, at)


async def lessened_since(connection: AsyncConnection, at: datetime) -> bool:
    """Whether any permission may have become smaller that a decision at this moment did not see."""
    last = await connection.scalar(select(lessening.c.at))
    return last is not None and last >= micros(at - UNDER_WAY)
