"""The log: two ways in, everything that is served, and the checkpoints.

`append` for what stands alone, through the group commit; `append_in` for what must change together with its
entry, in the caller's transaction. Both lock the same head row, so they interleave in one order. A log goes on
through shards (`shards`); at any time one of them is open.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import durability, reading, replication, shards
from .appender import Appender
from .entry import INTENT, Entry, Receipt, new_id
from .errors import LogUnavailable, SignerRefused
from .log_reading import LogReader
from .log_tables import LogTables
from .publishing import Publisher
from .rows import MOST_ROWS
from .sequencer import BATCH_ENTRIES, DEADLINE_S, Sequencer
from .shards import Shard, SignerOf
from .signer import Signer
from .store import Store, pin_transaction, store_of
from .writing import Conflict, Elsewhere, Pending, Place, appended, first_use, locked_head

logger = logging.getLogger(__name__)

SHARD_ENTRIES = 50_000_000
T = TypeVar("T")


class Log(LogReader):
    """One open log. Make it with `Log.open`, end it with `close`.

    Attributes:
        halted: why no exchange may begin now, set by `watch`; None: it may.
        at_close: awaited between the last signature of a shard and the first entry of the next; set by `watch`.
    """

    def __init__(
        self,
        store: Store,
        signer: Signer,
        signer_of: SignerOf | None,
        *,
        batch_entries: int,
        deadline_s: float,
        standby: bool,
    ) -> None:
        super().__init__(store, signer.name)
        self.halted: str | None = None
        self.at_close: Callable[[], Awaitable[None]] | None = None
        self._signer_of = signer_of
        self._batch_entries = batch_entries
        self._deadline_s = deadline_s
        self._standby = standby
        self._signing = asyncio.Lock()
        self._rotating = asyncio.Lock()
        self._refused = False
        self._alarm: str | None = None
        self._published: tuple[float, bytes] | None = None
        self._shard: Shard

    @classmethod
    async def open(
        cls,
        engine: AsyncEngine,
        signer: Signer,
        write_lock: asyncio.Lock | None = None,
        *,
        allow_unsafe: bool = False,
        batch_entries: int = BATCH_ENTRIES,
        deadline_s: float = DEADLINE_S,
        signer_of: SignerOf | None = None,
        standby: bool = False,
    ) -> "Log":
        """Open the log whose origin is the signer's name, or the shard that goes on after it; sign a checkpoint.

        Args:
            engine: of the database that has the tables of `audit.tables.metadata`.
            signer: refuses a log that is older than what it signed before.
            write_lock: on SQLite, the lock that every writer of this process holds.
            allow_unsafe: for tests: skip the check of the database's durability.
            batch_entries: the most entries one commit may take.
            deadline_s: how long `append` may wait.
            signer_of: makes the signers of later shards; without it the log cannot be closed.
            standby: sign only what a synchronous standby of PostgreSQL has.

        Raises:
            UnsafeDurability: the database may lose what it acknowledges.
            SignerRefused: the database went back, or its history was changed.
        """
        if not allow_unsafe:
            checks = (durability.check, replication.check) if standby else (durability.check,)
            async with write_lock or nullcontext(), engine.connect() as connection:
                for check in checks:
                    await connection.run_sync(check)  # the connections that `append_in` will be given
        store = store_of(engine, write_lock)
        log = cls(store, signer, signer_of, batch_entries=batch_entries, deadline_s=deadline_s, standby=standby)
        log._shard, changed = await log._opened(signer)
        try:
            await log._follow(log._shard)
            await log.checkpoint()
            if changed:
                await log.append(_key_change(signer))
        except BaseException:
            await log.close()
            raise
        return log

    async def close(self) -> None:
        """Commit what waits, then let go of the database."""
        await self._shard.sequencer.close()
        await self.store.close()

    async def append(self, entry: Entry) -> Receipt:
        """Append one entry; durable on return. Appending the same entry again says where it is.

        Never call it inside a transaction that writes: use `append_in` there.

        Raises:
            EntryInvalid: the entry can never be logged as it is.
            LogUnavailable: not durable in time; what the entry records must not happen.
        """
        self._demand_trust(entry)
        pending, shard = Pending.of(entry), self._shard
        try:
            place = await shard.sequencer.place(pending)
        except LogUnavailable:
            if not await self._follow(shard):
                raise
            shard = self._shard
            place = await shard.sequencer.place(pending)
        return _receipt(shard, entry, place)

    async def append_in(self, connection: AsyncConnection, entry: Entry) -> Receipt:
        """Append in the caller's transaction; the receipt is valid once that commits.

        Do it last: the head of the log stays locked until the transaction ends. On SQLite the caller holds the
        `write_lock`; on PostgreSQL the transaction is READ COMMITTED.

        Raises:
            EntryInvalid: the entry can never be logged as it is.
            LogUnavailable: roll back; what the entry records must not happen.
        """
        (receipt,) = await self.append_all_in(connection, [entry])
        return receipt

    async def append_all_in(self, connection: AsyncConnection, entries: Sequence[Entry]) -> list[Receipt]:
        """`append_in` for any number of entries, in their order."""
        self._demand_trust(*entries)
        pendings, shard = [Pending.of(entry) for entry in entries], self._shard
        try:
            places = await connection.run_sync(_append_in, shard.log_id, pendings)
        except DBAPIError:
            raise LogUnavailable("the log's database refused the entry; roll back and try again") from None
        return [_receipt(shard, entry, place) for entry, place in zip(entries, places, strict=True)]

    async def append_with(self, work: Callable[[Connection], T], entry: Entry) -> T:
        """Change the log's own tables and append the entry that says so, in one transaction; gives what `work` gives.

        Raises:
            LogUnavailable: neither happened.
        """
        self._demand_trust(entry)
        pending, log_id = Pending.of(entry), self._shard.log_id

        def both(connection: Connection) -> T:
            done = work(connection)
            (place,) = appended(connection, log_id, [pending])
            if isinstance(place, Conflict):
                raise place.error()
            return done

        try:
            return await self.store.write(both)
        except (DBAPIError, OSError, TimeoutError):
            raise LogUnavailable("the log's database refused the entry; nothing was changed, try again") from None

    async def checkpoint(self, max_age: float = 0.0) -> bytes:
        """The signed checkpoint of everything committed, stored before it is returned; the last one after an alarm.

        Args:
            max_age: seconds; a checkpoint this process made less than that ago is good enough.

        Raises:
            SignerRefused: the database went back, or its history was changed.
        """
        async with self._signing:
            if self._published is None or time.monotonic() - self._published[0] >= max_age:
                self._published = time.monotonic(), await self._signed(self._shard.publisher)
            return self._published[1]

    async def keep_published(self, every: float = 1.0) -> None:
        """Sign a checkpoint every so many seconds if the log has grown; runs until cancelled or refused."""
        while True:
            try:
                await self._follow(self._shard)
                await self.checkpoint()
            except LogUnavailable as error:
                logger.warning("no checkpoint now, trying again: %s", error)
            await asyncio.sleep(every)

    async def writable(self) -> bool:
        """Whether evidence can be written now: a transaction that takes the head and lets it go. For readiness."""
        if self._refused or self.trouble or not self._shard.sequencer.open:
            return False
        try:
            async with asyncio.timeout(self._deadline_s):
                await self.store.write(lambda connection: locked_head(connection, self._shard.log_id))
        except (DBAPIError, OSError, TimeoutError, LogUnavailable):
            return False
        return True

    @property
    def trouble(self) -> str | None:
        """Why a person must look at the log: a fork, or evidence that grew too old. None: all is well."""
        return self._alarm or self.halted

    async def rotate(self, next_origin: str, reason: str, now: datetime) -> None:
        """Close the open shard and go on under another origin. Other processes follow within a second.

        Raises:
            LogUnavailable: no signer for later shards was given, or the database does not answer.
        """
        if self._signer_of is None:
            raise LogUnavailable("this process has no signer for another shard; give `signer_of` to Log.open")
        shard = self._shard
        closing = Entry(new_id(now), shards.CLOSED, now, {"next": next_origin, "reason": reason})
        try:
            await self.store.write(lambda connection: shards.close(connection, shard.log_id, closing))
        except (DBAPIError, OSError):  # another process may have been as quick
            if await self._next(shard) is None:
                raise LogUnavailable("the shard could not be closed; try again") from None
        await self._follow(shard)

    async def due(self, now: datetime, most: int = SHARD_ENTRIES) -> str | None:
        """Under which origin the log should go on by now; None: the open shard may stay open."""
        return await self._read(partial(shards.due, base=self.base, now=now, most=most))

    async def rotate_if_due(self, now: datetime, most: int = SHARD_ENTRIES) -> bool:
        """`rotate` when the open shard began in an earlier year, or has `most` entries."""
        origin = await self.due(now, most)
        if origin is not None:
            await self.rotate(origin, "a new year, or as many entries as a shard may have", now)
        return origin is not None

    async def _opened(self, signer: Signer) -> tuple[Shard, bool]:
        """The shard behind a signer, and whether its key is new to a log that had another one."""
        origin, vkey = signer.name, signer.vkey
        log_id, known = await self.store.write(lambda connection: _vkeys_before(connection, origin, vkey))
        sequencer = Sequencer(
            Appender(self.store, log_id).commit, batch_entries=self._batch_entries, deadline_s=self._deadline_s
        )
        publisher = Publisher(self.store, signer, log_id, standby=self._standby)
        return Shard(log_id, publisher, sequencer), bool(known) and vkey not in known

    async def _next(self, shard: Shard) -> str | None:
        return await LogTables(self.store, shard.log_id).of_log(shards.next_of)

    async def _follow(self, shard: Shard) -> bool:
        """Go on to the shard after this one, if it was closed, here or by another process. Whether it was."""
        origin = await self._next(shard)
        if origin is None:
            return False
        async with self._rotating:
            while self._shard is shard and origin is not None:
                await self._go_on(shard, origin)
                shard = self._shard
                origin = await self._next(shard)
        return True

    async def _go_on(self, shard: Shard, origin: str) -> None:
        """Leave a closed shard for the one of this origin; its first entry is made where nobody has made it yet."""
        if self._signer_of is None:
            raise LogUnavailable(f"this log was closed and goes on as {origin}; open that one")
        final = await self._signed(shard.publisher)
        if self._alarm and shard.publisher.checkpoint(final).size < await self.size():
            raise LogUnavailable(self._alarm)
        if self.at_close:
            await self.at_close()
        closing = await LogTables(self.store, shard.log_id).of_log(shards.last_entry)
        following, _ = await self._opened(self._signer_of(origin))
        if not (await LogTables(self.store, following.log_id).of_log(reading.head)).size:
            await following.sequencer.place(Pending.of(shards.opening(final, closing)))
        async with self._signing:
            self._shard, self._published = following, None
        await shard.sequencer.close()

    async def _signed(self, publisher: Publisher) -> bytes:
        self._alarm = await publisher.alarm()
        if self._alarm and (latest := await publisher.latest()):
            return latest
        try:
            return await publisher.signed()
        except SignerRefused:
            self._refused = True  # the next entry would continue a history that must not be continued
            raise

    def _demand_trust(self, *entries: Entry) -> None:
        if self._refused:
            raise LogUnavailable("the signer refuses this log, for its history was changed: stop, and run fsck")
        if self.halted and any(entry.kind == INTENT for entry in entries):
            raise LogUnavailable(self.halted)


def _append_in(connection: Connection, log_id: int, pendings: Sequence[Pending]) -> list[Place]:
    if connection.dialect.name == "postgresql":
        pin_transaction(connection)
    parts = (pendings[at : at + MOST_ROWS] for at in range(0, len(pendings), MOST_ROWS))
    return [place for part in parts for place in appended(connection, log_id, part)]


def _receipt(shard: Shard, entry: Entry, place: Place) -> Receipt:
    if isinstance(place, Conflict):
        raise place.error()
    if isinstance(place, Elsewhere):
        return Receipt(place.origin, place.seq, str(entry.id))
    return Receipt(shard.origin, place, str(entry.id))


def _vkeys_before(connection: Connection, origin: str, vkey: str) -> tuple[int, list[str]]:
    """The log's id, made when the origin is new, and the keys that it had until now."""
    known = shards.vkeys_of(connection, origin)
    return first_use(connection, origin, vkey), known


def _key_change(signer: Signer) -> Entry:
    now = datetime.now(UTC)
    return Entry(new_id(now), "log.key_changed", now, {"vkeys": signer.vkeys})
