"""A log made long at once on PostgreSQL: rows as the log itself writes them, tree and all, brought in by COPY."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, new_id
from audit.entry import INDEXED
from audit.merkle import leaf_hash
from audit.tables import audit_search, audit_subject, log_entry, log_node
from audit.writing import locked_head, microseconds
from gateway.db import Database

AT_ONCE = 20_000
DAYS = 90
_WHICH = text("SELECT log_id FROM log_head WHERE origin = :origin")
_MOVE = text("UPDATE log_head SET size = :size, compact_range = :range WHERE log_id = :log_id")


@dataclass(frozen=True, slots=True)
class Copied:
    """One entry: its key, its bytes, when, whom it concerns, and its kind and indexed facts."""

    key: bytes
    body: bytes
    at: datetime
    person: str
    said: tuple[object, ...]


class Exchange:
    """An exchange to be copied again and again: each time with ids and a time of its own."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._own = str(entries[0].facts["exchange_id"])
        self._entries = [(entry, entry.body().decode()) for entry in entries]

    def copied(self, person: str, at: datetime) -> Iterator[Copied]:
        """Its entries once more, about this person; the first one's id is the exchange's."""
        exchange, moment = str(new_id(at)), _written(at)
        for number, (entry, own) in enumerate(self._entries):
            id_ = str(new_id(at)) if number else exchange
            body = own.replace(self._own, exchange).replace(str(entry.id), id_).replace(_written(entry.at), moment)
            facts = {**entry.facts, "exchange_id": exchange}
            said = (entry.kind, *map(facts.get, INDEXED))
            yield Copied(bytes.fromhex(id_.replace("-", "")), body.encode(), at, person, said)


async def grow(db: Database, log: Log, patterns: Sequence[Exchange], persons: Sequence[str]) -> None:
    """One exchange for each person, spread evenly over the last `DAYS` days.

    Args:
        log: which one grows; other parts leave logs of their own in the same database.
        patterns: taken in turn.
        persons: person_ref of each exchange to make.
    """
    origin = (await log.checkpoint()).partition(b"\n")[0].decode()
    begun, step = datetime.now(UTC) - timedelta(days=DAYS), timedelta(days=DAYS) / max(len(persons), 1)
    for first in range(0, len(persons), AT_ONCE):
        some = [
            each
            for number, person in enumerate(persons[first : first + AT_ONCE], first)
            for each in patterns[number % len(patterns)].copied(person, begun + number * step)
        ]
        async with db.write() as connection:
            await _brought(connection, origin, some)


async def _brought(connection: AsyncConnection, origin: str, some: Sequence[Copied]) -> None:
    log_id = (await connection.execute(_WHICH, {"origin": origin})).scalar_one()
    head = await connection.run_sync(locked_head, log_id)
    leaves = [leaf_hash(each.body) for each in some]
    grown, nodes = head.extended(leaves)
    placed = list(enumerate(some, head.size))
    rows = {
        log_entry: [(log_id, seq, each.key, leaf, each.body) for (seq, each), leaf in zip(placed, leaves, strict=True)],
        log_node: [(log_id, *node) for node in nodes],
        audit_search: [(log_id, seq, each.key, microseconds(each.at), *each.said) for seq, each in placed],
        audit_subject: [(each.person, each.key) for each in some],
    }
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    for table, records in rows.items():
        await driver.copy_records_to_table(table.name, records=records, columns=[each.name for each in table.columns])
    await connection.execute(_MOVE, {"size": grown.size, "range": grown.to_bytes(), "log_id": log_id})


def _written(at: datetime) -> str:
    """A time as entries hold it."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
