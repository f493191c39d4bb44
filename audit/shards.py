"""One log a year: the old one ends with an entry that names the new, the new one begins with the old one's checkpoint.

So a shard can be archived and still nobody can slip a year in or out: whoever has the newest shard has, through its
first entry, the root of the one before. A closed head refuses every further entry (a guard in the database), in
every process at once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Connection, select

from . import reading
from .entry import Entry
from .errors import NotInLog
from .log_tables import LogTables
from .note import Checkpoint, unverified, with_lines
from .publishing import Publisher, lines_at
from .rows import insert_rows
from .sequencer import Sequencer
from .signer import Signer
from .tables import log_entry, log_head, log_key, log_shard
from .writing import Pending, appended, locked_head

CLOSED, OPENED = "log.closed", "log.opened"
FIRST = "first"
"""What the shard at the base origin is called once it is closed."""

SignerOf = Callable[[str], Signer]
"""Origin -> the signer of that shard, with a memory of its own."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One log that is written to."""

    log_id: int
    publisher: Publisher
    sequencer: Sequencer

    @property
    def signer(self) -> Signer:
        """Who signs it."""
        return self.publisher.signer

    @property
    def origin(self) -> str:
        """Its name."""
        return self.signer.name


def next_of(connection: Connection, log_id: int) -> str | None:
    """The origin of the log that goes on after this one; None while this one is open."""
    return connection.execute(select(log_shard.c.next_origin).where(log_shard.c.log_id == log_id)).scalar()


def before(connection: Connection, log_id: int) -> int | None:
    """The id of the shard that this one continues; None: it is the first."""
    here = log_shard.c.next_origin == log_head.c.origin
    return connection.execute(
        select(log_shard.c.log_id).join(log_head, here).where(log_head.c.log_id == log_id)
    ).scalar()


def close(connection: Connection, log_id: int, closing: Entry) -> None:
    """Append the last entry and close the head, in the caller's transaction. `closing.facts["next"]` is the heir."""
    appended(connection, log_id, [Pending.of(closing)])
    size = locked_head(connection, log_id).size
    insert_rows(connection, log_shard, [(log_id, size, str(closing.facts["next"]))])


def opening(final: bytes, closing: Entry) -> Entry:
    """The first entry of the heir. Every process makes the same one, so it stands there once."""
    known = Checkpoint.from_text(unverified(final))
    digest = bytearray(sha256(known.text().encode()).digest()[:16])
    digest[:6] = int(closing.at.timestamp() * 1000).to_bytes(6, "big")
    digest[6], digest[8] = digest[6] & 0x0F | 0x70, digest[8] & 0x3F | 0x80
    facts = {"previous": known.origin, "size": known.size, "checkpoint": final.decode()}
    facts["reason"] = closing.facts["reason"]
    return Entry(UUID(bytes=bytes(digest)), OPENED, closing.at, facts)


def last_entry(connection: Connection, log_id: int) -> Entry:
    """The entry that closed a log."""
    rows = select(log_entry.c.body).where(log_entry.c.log_id == log_id).order_by(log_entry.c.seq.desc()).limit(1)
    return Entry.from_body(bytes(connection.execute(rows).scalar_one()))


def first_time(connection: Connection, log_id: int) -> datetime | None:
    """When a log began, as its first entry claims."""
    rows = select(log_entry.c.body).where(log_entry.c.log_id == log_id, log_entry.c.seq == 0)
    body = connection.execute(rows).scalar()
    return Entry.from_body(bytes(body)).at if body is not None else None


def label(origin: str, base: str) -> str:
    """How a closed shard is called below the base: `gw/log/2027` at base `gw/log` is `2027`."""
    return origin.removeprefix(base).strip("/") or FIRST


def due(connection: Connection, log_id: int, base: str, now: datetime, most: int) -> str | None:
    """The origin of the next shard if this one is of an earlier year or has `most` entries; else None."""
    began = first_time(connection, log_id)
    if began is None or (began.year >= now.year and reading.head(connection, log_id).size < most):
        return None
    used = set(connection.execute(select(log_head.c.origin)).scalars())
    names = [f"{base}/{now.year}", *(f"{base}/{now.year}{letter}" for letter in "bcdefghijklmnopqrstuvwxyz")]
    return next(name for name in names if name not in used)


def watched_as(origin: str, base: str) -> bool:
    """Whether this is the log called `base`, or a shard of it by name: who watches a log watches all its years."""
    year = origin.removeprefix(f"{base}/")
    return origin == base or (year != origin and re.fullmatch(r"\d{4}[b-z]?", year, re.ASCII) is not None)


class ClosedLog:
    """A shard that takes no entries any more: everything about it may be cached for ever."""

    def __init__(self, log_tables: LogTables, origin: str) -> None:
        self.origin = origin
        self._log_tables = log_tables

    async def checkpoint(self) -> bytes:
        """Its last checkpoint, with cosignatures.

        Raises:
            NotInLog: it was never signed.
        """
        note = await self._log_tables.of_log(reading.latest_checkpoint)
        if note is None:
            raise NotInLog("this shard has no checkpoint")
        size = Checkpoint.from_text(unverified(note)).size
        return with_lines(note, await self._log_tables.of_log(partial(lines_at, size=size)))

    async def vkeys(self) -> list[str]:
        """Its verifier keys, the last one first."""
        return await self._log_tables.of_log(known_vkeys)

    async def tile(self, level: int, n: int, width: int) -> bytes:
        """See `Log.tile`."""
        return await self._log_tables.of_log(partial(reading.tile, level=level, n=n, width=width))

    async def entries(self, n: int, width: int) -> bytes:
        """See `Log.entries`."""
        return await self._log_tables.of_log(partial(reading.entries, n=n, width=width))


def known_vkeys(connection: Connection, log_id: int) -> list[str]:
    """The verifier keys that ever signed a log, newest first."""
    query = select(log_key.c.vkey).where(log_key.c.log_id == log_id).order_by(log_key.c.since.desc())
    return list(connection.execute(query).scalars())


def vkeys_of(connection: Connection, origin: str) -> list[str]:
    """The same by the log's name; none if it is new."""
    query = select(log_key.c.vkey).join(log_head, log_head.c.log_id == log_key.c.log_id)
    return list(connection.execute(query.where(log_head.c.origin == origin)).scalars())


def log_of(connection: Connection, origin: str) -> int:
    """The id of the log with this origin.

    Raises:
        NotInLog: there is none.
    """
    found = connection.execute(select(log_head.c.log_id).where(log_head.c.origin == origin)).scalar()
    if found is None:
        raise NotInLog("there is no such shard")
    return int(found)


def place_of(connection: Connection, entry_id: UUID) -> tuple[int, int]:
    """(log id, place) of an entry, in whatever shard.

    Raises:
        NotInLog: no such entry.
    """
    rows = select(log_entry.c.log_id, log_entry.c.seq).where(log_entry.c.entry_id == entry_id.bytes)
    found = connection.execute(rows).first()
    if found is None:
        raise NotInLog("no entry of the log has this id")
    return int(found.log_id), int(found.seq)
