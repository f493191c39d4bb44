"""What start-up does about the last stop: free the leases of the dead, close exchanges that nobody will finish."""

from dataclasses import replace
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import select, update

from audit import EntryConflict, Log

from ..db import Database
from ..gate import Gate
from .entries import failed_outcome
from .tables import job, waiting


async def take_over_leases(db: Database) -> None:
    """Make leased work free at once; only where no other worker can hold it (SQLite: one process)."""
    async with db.write() as connection:
        await connection.execute(update(job).where(job.c.state == "ready").values(lease_until=0.0))


async def close_open_intents(db: Database, log: Log, gate: Gate, *, before: datetime | None = None) -> int:
    """Close intents without an outcome and without a job as `unknown`; gives the number closed here.

    Whether data left the agency cannot be known any more, so the log says just that. Two processes that find the
    same intent write one entry: its id follows from the exchange's.

    Args:
        before: only those older than this, where other processes may be at work on younger ones.
    """
    async with db.read() as connection:
        at_work = select(job.c.ref).where(job.c.state.in_(("ready", "dead")))  # what is dead waits for a person
        alive = set((await connection.execute(at_work)).scalars())
        later = select(waiting.c.id).where(waiting.c.state == "waiting")  # nothing to do until the agency answers
        alive |= set((await connection.execute(later)).scalars())
    cut = [each.entry_id for each in await log.open_intents(before) if each.exchange_id not in alive]
    closed = 0
    for intent in await log.find(cut):
        entry = failed_outcome(gate, intent.entry.facts)
        try:
            await log.append(replace(entry, id=recovered_id(str(intent.entry.facts["exchange_id"]))))
        except EntryConflict:  # another process was faster; only the time differs
            continue
        closed += 1
    return closed


def recovered_id(exchange_id: str) -> UUID:
    """The id of the outcome that recovery writes for an exchange: the same in every process."""
    return uuid5(NAMESPACE_URL, f"urn:sandhi:recovered:{exchange_id}")
