"""What a log serves: checkpoint, tiles, bundles, keys, proofs, and what people search for."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection

from . import lookup, reading, shards
from .errors import LogUnavailable
from .log_tables import LogTables
from .policy import Policy
from .publishing import Publisher
from .shards import ClosedLog, Shard
from .store import Store
from .tiles import WIDTH

T = TypeVar("T")


class LogReader(ABC):
    """The side of `Log` that only reads.

    Attributes:
        store: the database.
        base: the origin of the first shard, below which the later ones are named.
        policy: which witnesses make a checkpoint the one to publish.
    """

    _shard: Shard

    def __init__(self, store: Store, base: str) -> None:
        self.store = store
        self.base = base
        self.policy = Policy()

    @property
    def origin(self) -> str:
        """The name of the shard that is open."""
        return self._shard.origin

    @property
    def shard(self) -> Shard:
        """The shard that is open."""
        return self._shard

    @abstractmethod
    async def checkpoint(self, max_age: float = 0.0) -> bytes:
        """The signed checkpoint of everything committed; see `Log`."""

    async def published(self) -> bytes:
        """The checkpoint for everyone: the newest that has the witnesses of the policy, or just the newest."""
        note = await self.checkpoint(max_age=1.0)
        publisher = self._shard.publisher
        quorate = await publisher.quorate(self.policy) if self.policy.witnesses else None
        return quorate or await publisher.with_cosignatures(note)

    async def closed(self, label: str) -> ClosedLog:
        """A closed shard by its name below the base, `first` or e.g. `2027`.

        Raises:
            NotInLog: there is none.
        """
        origin = self.base if label == shards.FIRST else f"{self.base}/{label}"
        log_id = await self._ask(partial(shards.log_of, origin=origin))
        return ClosedLog(LogTables(self.store, log_id), origin)

    async def size(self) -> int:
        """How many entries of the open shard are committed."""
        return (await self._read(reading.head)).size

    async def vkeys(self) -> list[str]:
        """The verifier keys of the open shard, the ones in use first."""
        in_use = self._shard.signer.vkeys
        return [*in_use, *(vkey for vkey in await self._read(shards.known_vkeys) if vkey not in in_use)]

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
        log_id, index = await self._ask(partial(shards.place_of, entry_id=entry_id))
        publisher = self._shard.publisher
        if log_id != self._shard.log_id:
            publisher = Publisher(self.store, self._shard.signer, log_id)
            note = await ClosedLog(LogTables(self.store, log_id), "").checkpoint()
            return await publisher.proof(index, note)
        note = await self.published()
        if publisher.checkpoint(note).size <= index:
            note = await publisher.with_cosignatures(await self.checkpoint())
        if publisher.checkpoint(note).size <= index:
            raise LogUnavailable("no checkpoint covers this entry yet, for publishing is stopped; see the alarm")
        return await publisher.proof(index, note)

    async def find(self, entry_ids: Sequence[UUID]) -> list[lookup.Logged]:
        """The entries with these ids, oldest first; ids that are not in the log are left out."""
        return await self._ask(lambda connection: lookup.find(connection, entry_ids))

    async def search(self, wanted: lookup.Wanted) -> list[lookup.Found]:
        """One page of entries of all shards, newest first."""
        return await self._ask(partial(lookup.search, wanted=wanted))

    async def open_intents(self, before: datetime | None = None) -> list[lookup.OpenIntent]:
        """Exchanges that have an intent (older than `before`) and no outcome."""
        return await self._ask(lambda connection: lookup.open_intents(connection, before))

    async def _read(self, work: Callable[[Connection, int], T]) -> T:
        return await LogTables(self.store, self._shard.log_id).of_log(work)

    async def _ask(self, work: Callable[[Connection], T]) -> T:
        return await LogTables(self.store, 0).of_all(work)
