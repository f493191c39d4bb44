"""How much work waits: one line for each kind, lane, state and last failure. The same for console, API and command."""

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .tables import job

LANES = ("live", "bulk", "events")


async def waiting_work(connection: AsyncConnection) -> list[dict[str, object]]:
    """All that is not done; `oldest` in UTC, to the second."""
    of = job.c
    wanted = select(of.kind, of.lane, of.state, of.failure, func.count(), func.min(of.created))
    wanted = wanted.where(of.state != "done").group_by(of.kind, of.lane, of.state, of.failure)
    rows = await connection.execute(wanted.order_by(of.lane, of.kind, of.state, of.failure))
    return [
        {
            "kind": kind,
            "lane": LANES[lane],
            "state": state,
            "last_failure": failure or None,
            "count": count,
            "oldest": datetime.fromtimestamp(oldest, UTC).isoformat(timespec="seconds"),
        }
        for kind, lane, state, failure, count, oldest in rows
    ]
