"""Signing one log: read the committed head, let the standby have it, sign, store, and only then publish."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from . import reading, replication
from .errors import LogUnavailable, NoteInvalid
from .log_tables import LogTables
from .merkle import CompactRange
from .note import Checkpoint, unverified, with_lines
from .policy import Policy
from .proofs import Proof
from .rows import insert_rows
from .signer import Head, Signer
from .store import Store
from .tables import log_alarm, log_checkpoint, log_cosignature
from .writing import microseconds

SIGN_ATTEMPTS = 10
STANDBY_LOOKS, STANDBY_PAUSE_S = 100, 0.02
LINES = 400
"""The newest cosignature lines that are looked at for a quorum."""


class Publisher:
    """The checkpoints of one log.

    Args:
        standby: sign only what a synchronous standby has (see `replication`).

    Attributes:
        log_tables: its log's tables.
    """

    def __init__(self, store: Store, signer: Signer, log_id: int, *, standby: bool = False) -> None:
        self.signer = signer
        self.log_tables = LogTables(store, log_id)
        self._standby = standby

    async def signed(self) -> bytes:
        """The signed checkpoint of everything committed, stored before it is returned.

        Raises:
            SignerRefused: the database went back, or its history was changed.
            LogUnavailable: the standby is behind, or the database does not answer.
        """
        for _attempt in range(SIGN_ATTEMPTS):
            last = await self.signer.last()  # before the head, so that another process's signature is never ahead
            committed = await self.log_tables.of_log(reading.head)
            head = Head(committed.size, committed.root())
            if last == head and (kept := await self._kept(head)):
                return kept
            await self._replicated()
            note = await self.signer.sign(last, head, await self._growth(last, committed))
            if note is not None:
                await self._keep(head, note)
                return note
        raise LogUnavailable("other processes sign checkpoints all the time; let one of them do it")

    async def latest(self) -> bytes | None:
        """The stored checkpoint of the greatest size, as signed; None: nothing was signed yet."""
        return await self.log_tables.of_log(reading.latest_checkpoint)

    async def alarm(self) -> str | None:
        """Why nothing may be published now, whatever shard it is about; None: nothing is wrong."""
        query = select(log_alarm.c.text).where(log_alarm.c.cleared.is_(None))
        return await self.log_tables.of_all(lambda connection: connection.execute(query.limit(1)).scalar())

    async def with_cosignatures(self, note: bytes) -> bytes:
        """The checkpoint with all the cosignatures that it has, the newest of each witness."""
        size = Checkpoint.from_text(unverified(note)).size
        lines = await self.log_tables.of_all(partial(lines_at, log_id=self.log_tables.log_id, size=size))
        return with_lines(note, lines)

    async def quorate(self, policy: Policy) -> bytes | None:
        """The newest checkpoint with the witnesses that the policy demands; None: there is none."""
        table = log_cosignature.c
        query = (
            select(table.size).where(table.log_id == self.log_tables.log_id).order_by(table.size.desc()).limit(LINES)
        )
        sizes = await self.log_tables.of_all(lambda connection: connection.execute(query).scalars().all())
        for size in dict.fromkeys(sizes):
            note = await self.log_tables.of_log(partial(reading.checkpoint, size=size))
            whole = await self.with_cosignatures(note) if note else b""
            if whole and policy.met(policy.cosigned(whole)):
                return whole
        return None

    async def proof(self, index: int, note: bytes) -> str:
        """The proof file of an entry in the tree of a checkpoint."""
        size = Checkpoint.from_text(unverified(note)).size
        hashes = await self.log_tables.of_log(partial(reading.inclusion, index=index, size=size))
        return Proof(index, tuple(hashes), note).text()

    def checkpoint(self, note: bytes) -> Checkpoint:
        """Open one of our own.

        Raises:
            NoteInvalid: our present key did not sign it.
        """
        return Checkpoint.from_note(note, [self.signer.verifier])

    async def _replicated(self) -> None:
        if not self._standby:
            return
        wanted = await self.log_tables.of_all(replication.position)
        for _look in range(STANDBY_LOOKS):
            if await self.log_tables.of_all(partial(replication.reached, position=wanted)):
                return
            await asyncio.sleep(STANDBY_PAUSE_S)
        raise LogUnavailable("no synchronous standby has the newest entries, so they are not signed yet")

    async def _growth(self, last: Head | None, committed: CompactRange) -> list[bytes]:
        if last is None or last.size > committed.size:
            return []  # the signer knows what to do
        return await self.log_tables.of_log(partial(reading.consistency, old=last.size, new=committed.size))

    async def _kept(self, head: Head) -> bytes | None:
        """The stored checkpoint of this head, if our present key signed it."""
        note = await self.log_tables.of_log(partial(reading.checkpoint, size=head.size))
        try:
            return note if note and self.checkpoint(note).root == head.root else None
        except NoteInvalid:
            return None

    async def _keep(self, head: Head, note: bytes) -> None:
        row = (self.log_tables.log_id, head.size, head.root, note, microseconds(datetime.now(UTC)))
        try:
            await self.log_tables.store.write(
                lambda connection: insert_rows(connection, log_checkpoint, [row], skip=True)
            )
        except (DBAPIError, OSError):
            raise LogUnavailable("the checkpoint could not be stored; try again") from None


def lines_at(connection: Connection, log_id: int, size: int) -> Sequence[str]:
    """The cosignature lines of a checkpoint, the newest of each witness."""
    table = log_cosignature.c
    query = select(table.name, table.line).where(table.log_id == log_id, table.size == size).order_by(table.at)
    return list({row.name: row.line for row in connection.execute(query)}.values())
