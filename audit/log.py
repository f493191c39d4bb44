"""The log: two ways in, everything that is served, and the checkpoints.

`append` for what stands alone, through the group commit; `append_in` for what must change together with its
entry, in the caller's transaction. Both lock the same head row, so they interleave in one order.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import durability, lookup, reading
from .entry import Entry, Receipt
from .errors import LogUnavailable, NoteInvalid, SignerRefused
from .merkle import CompactRange
from .note import Checkpoint
from .proofs import Proof
from .rows import MOST_ROWS, insert_rows
from .sequencer import BATCH_ENTRIES, DEADLINE_S, Sequencer
from .signer import Head, Signer
from .store import Store, pin_transaction, store_of
from .tables import log_checkpoint, log_key
from .tiles import WIDTH
from .writing import Conflict, Pending, Place, appended, first_use, locked_head, microseconds

T = TypeVar("T")
logger = logging.getLogger(__name__)

SIGN_ATTEMPTS = 10


class Log:
    """One open log. Make it with `Log.open`, end it with `close`."""

    def __init__(self, store: Store, signer: Signer, log_id: int, *, batch_entries: int, deadline_s: float) -> None:
        self.origin = signer.name
        self._store = store
        self._signer = signer
        self._log_id = log_id
        self._sequencer = Sequencer(self._commit, batch_entries=batch_entries, deadline_s=deadline_s)
        self._deadline_s = deadline_s
        self._signing = asyncio.Lock()
        self._refused = False
        self._published: tuple[float, bytes] | None = None

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
    ) -> "Log":
        """Open the log whose origin is the signer's name, and sign its first checkpoint.

        Args:
            engine: of the database that has the tables of `audit.tables.metadata`.
            signer: refuses a log that is older than what it signed before.
            write_lock: on SQLite, the lock that every writer of this process holds.
            allow_unsafe: for tests: skip the check of the database's durability.
            batch_entries: the most entries one commit may take.
            deadline_s: how long `append` may wait.

        Raises:
            UnsafeDurability: the database may lose what it acknowledges.
            SignerRefused: the database went back, or its history was changed.
        """
        if not allow_unsafe:
            async with write_lock or nullcontext(), engine.connect() as connection:
                await connection.run_sync(durability.check)  # the connections that `append_in` will be given
        store = store_of(engine, write_lock)
        log_id = await store.write(lambda connection: first_use(connection, signer.name, signer.vkey))
        log = cls(store, signer, log_id, batch_entries=batch_entries, deadline_s=deadline_s)
        try:
            await log.checkpoint()
        except BaseException:
            await log.close()
            raise
        return log

    async def close(self) -> None:
        """Commit what waits, then let go of the database."""
        await self._sequencer.close()
        await self._store.close()

    async def append(self, entry: Entry) -> Receipt:
        """Append one entry; durable on return. Appending the same entry again says where it is.

        Never call it inside a transaction that writes: use `append_in` there.

        Raises:
            EntryInvalid: the entry can never be logged as it is.
            LogUnavailable: not durable in time; what the entry records must not happen.
        """
        self._demand_trust()
        pending = Pending.of(entry)
        return self._receipt(entry, await self._sequencer.place(pending))

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
        self._demand_trust()
        pendings = [Pending.of(entry) for entry in entries]
        try:
            places = await connection.run_sync(self._append_in, pendings)
        except DBAPIError:
            raise LogUnavailable("the log's database refused the entry; roll back and try again") from None
        return [self._receipt(entry, place) for entry, place in zip(entries, places, strict=True)]

    async def checkpoint(self, max_age: float = 0.0) -> bytes:
        """The signed checkpoint of everything committed, stored before it is returned.

        Args:
            max_age: seconds; a checkpoint this process made less than that ago is good enough.

        Raises:
            SignerRefused: the database went back, or its history was changed.
        """
        async with self._signing:
            if self._published is None or time.monotonic() - self._published[0] >= max_age:
                try:
                    self._published = time.monotonic(), await self._signed()
                except SignerRefused:
                    self._refused = True  # the next entry would continue a history that must not be continued
                    raise
            return self._published[1]

    async def keep_published(self, every: float = 1.0) -> None:
        """Sign a checkpoint every so many seconds if the log has grown; runs until cancelled or refused."""
        while True:
            try:
                await self.checkpoint()
            except LogUnavailable as error:
                logger.warning("no checkpoint now, trying again: %s", error)
            await asyncio.sleep(every)

    async def writable(self) -> bool:
        """Whether evidence can be written now: a transaction that takes the head and lets it go. For readiness."""
        if self._refused or not self._sequencer.open:
            return False
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._store.write(lambda connection: locked_head(connection, self._log_id))
        except (DBAPIError, OSError, TimeoutError, LogUnavailable):
            return False
        return True

    async def size(self) -> int:
        """How many entries are committed."""
        return (await self._read(reading.head)).size

    async def vkeys(self) -> list[str]:
        """The verifier keys of this log, the one in use first."""
        table = log_key.c
        query = select(table.vkey).where(table.log_id == self._log_id).order_by(table.since.desc())
        known = await self._ask(lambda connection: connection.execute(query).scalars().all())
        return [self._signer.vkey, *(vkey for vkey in known if vkey != self._signer.vkey)]

    async def tile(self, level: int, n: int, width: int | None = None) -> bytes:
        """The first `width` hashes (all 256 when None) of a tile, 32 bytes each.

        Raises:
            NotInLog: the log is not that long.
        """
        return await self._read(partial(reading.tile, level=level, n=n, width=width or WIDTH))

    async def entries(self, n: int, width: int | None = None) -> bytes:
        """The first `width` entries (all 256 when None) of a bundle.

        Raises:
            NotInLog: the log is not that long.
        """
        return await self._read(partial(reading.entries, n=n, width=width or WIDTH))

    async def proof(self, entry_id: UUID) -> str:
        """The proof file of an entry: what `Proof.from_text` reads.

        Raises:
            NotInLog: no such entry.
        """
        index = await self._read(partial(reading.seq_of, entry_id=entry_id))
        note = await self.checkpoint(max_age=1.0)
        if self._checkpoint(note).size <= index:
            note = await self.checkpoint()
        size = self._checkpoint(note).size
        hashes = await self._read(partial(reading.inclusion, index=index, size=size))
        return Proof(index, tuple(hashes), note).text()

    async def find(self, entry_ids: Sequence[UUID]) -> list[lookup.Logged]:
        """The entries with these ids, oldest first; ids that are not in the log are left out."""
        return await self._ask(lambda connection: lookup.find(connection, entry_ids))

    async def search(self, wanted: lookup.Wanted) -> list[lookup.Found]:
        """One page of entries, newest first."""
        return await self._read(partial(lookup.search, wanted=wanted))

    async def open_intents(self, before: datetime | None = None) -> list[lookup.OpenIntent]:
        """Exchanges that have an intent (older than `before`) and no outcome."""
        return await self._ask(lambda connection: lookup.open_intents(connection, before))

    async def _read(self, work: Callable[[Connection, int], T]) -> T:
        return await self._ask(lambda connection: work(connection, self._log_id))

    async def _ask(self, work: Callable[[Connection], T]) -> T:
        try:
            return await self._store.read(work)
        except (DBAPIError, OSError):
            raise LogUnavailable("the log's database cannot be read; try again") from None

    async def _commit(self, batch: Sequence[Pending]) -> list[Place]:
        return await self._store.write(lambda connection: appended(connection, self._log_id, batch))

    def _append_in(self, connection: Connection, pendings: Sequence[Pending]) -> list[Place]:
        if connection.dialect.name == "postgresql":
            pin_transaction(connection)
        parts = (pendings[at : at + MOST_ROWS] for at in range(0, len(pendings), MOST_ROWS))
        return [place for part in parts for place in appended(connection, self._log_id, part)]

    def _receipt(self, entry: Entry, place: Place) -> Receipt:
        if isinstance(place, Conflict):
            raise place.error()
        return Receipt(self.origin, place, str(entry.id))

    async def _signed(self) -> bytes:
        for _attempt in range(SIGN_ATTEMPTS):
            last = await self._signer.last()  # before the head, so that another process's signature is never ahead
            committed = await self._read(reading.head)
            head = Head(committed.size, committed.root())
            if last == head and (kept := await self._kept(head)):
                return kept
            note = await self._signer.sign(last, head, await self._growth(last, committed))
            if note is not None:
                await self._keep(head, note)
                return note
        raise LogUnavailable("other processes sign checkpoints all the time; let one of them do it")

    async def _growth(self, last: Head | None, committed: CompactRange) -> list[bytes]:
        if last is None or last.size > committed.size:
            return []  # the signer knows what to do
        return await self._read(partial(reading.consistency, old=last.size, new=committed.size))

    async def _kept(self, head: Head) -> bytes | None:
        """The stored checkpoint of this head, if our present key signed it."""
        note = await self._read(partial(reading.checkpoint, size=head.size))
        try:
            return note if note and self._checkpoint(note).root == head.root else None
        except NoteInvalid:
            return None

    async def _keep(self, head: Head, note: bytes) -> None:
        row = (self._log_id, head.size, head.root, note, microseconds(datetime.now(UTC)))
        try:
            await self._store.write(lambda connection: insert_rows(connection, log_checkpoint, [row], skip=True))
        except (DBAPIError, OSError):
            raise LogUnavailable("the checkpoint could not be stored; try again") from None

    def _demand_trust(self) -> None:
        if self._refused:
            raise LogUnavailable("the signer refuses this log, for its history was changed: stop, and run fsck")

    def _checkpoint(self, note: bytes) -> Checkpoint:
        return Checkpoint.from_note(note, [self._signer.verifier])
