"""What one process remembers of the register, and when it forgets.

Everything fits in memory (a country has some thousand systems), is read as a whole, and is dropped as a whole when
the generation in the database has moved. A change made by this process counts at once (`forget`); one made by
another process is seen within `look_again` seconds, by one small query that concurrent callers share.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from ..db import Database
from . import held_keys, register
from .jose import Key
from .register import Member, Offered, System


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The register at one generation.

    Attributes:
        callers: the systems in force, by client id.
        systems: all, by id.
        members: all, by id.
        keys: those that check signatures, by the id of the member or system.
        enc_keys: those to encrypt to their owner with, by its id.
        until: when a key ends by itself, and the next snapshot is due.
        names: what members, systems, and what systems take are called, by id: made once, for pages read it each time.
    """

    generation: int = -1
    callers: Mapping[str, System] = field(default_factory=dict)
    systems: Mapping[str, System] = field(default_factory=dict)
    members: Mapping[str, Member] = field(default_factory=dict)
    keys: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    enc_keys: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    until: datetime | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def offered(self, service: str) -> tuple[System, Offered] | None:
        """Who takes deliveries for `LK.GOV.WBB.SRIS/enrolment`, and where; None if nobody in force does."""
        owner, _, name = service.partition("/")
        system = self.systems.get(owner.replace(".", "/"))
        if system is None or system.client_id not in self.callers:
            return None
        return next(((system, each) for each in system.services if each.name == name), None)


class Directory:
    """Holds the newest snapshot."""

    def __init__(
        self, db: Database, *, look_again: float = 1.0, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """`look_again`: seconds for which another process's change may go unnoticed; 0 asks at every call."""
        self._db = db
        self._clock = clock
        self._look_again = look_again
        self._looked_at = float("-inf")
        self._forgotten = 0  # a change committed while we look must not be taken for seen
        self._turn = asyncio.Lock()
        self.snapshot = Snapshot()

    def forget(self) -> None:
        """Look at the database before the next answer: call after every committed change."""
        self._forgotten += 1
        self._looked_at = float("-inf")

    async def fresh(self) -> Snapshot:
        """The register as it is now, at most `look_again` seconds old."""
        if time.monotonic() - self._looked_at < self._look_again:
            return self.snapshot
        asked_at = time.monotonic()
        async with self._turn:
            if self._looked_at < asked_at:  # nobody looked while we waited
                await self._look(time.monotonic())
        return self.snapshot

    async def _look(self, started: float) -> None:
        forgotten, now, until = self._forgotten, self._clock(), self.snapshot.until
        async with self._db.read() as connection:
            current = await register.generation(connection)
            if current != self.snapshot.generation or (until and until <= now):
                self.snapshot = await _read(connection, current, now)
        if forgotten == self._forgotten:
            self._looked_at = started


async def _read(connection: AsyncConnection, generation: int, now: datetime) -> Snapshot:
    systems = {each.id: each for each in await register.systems(connection)}
    members = {each.id: each for each in await register.members(connection)}  # last: none of a system's is missing
    callers = {
        each.client_id: each
        for each in systems.values()
        if each.state == "active" and members[each.member_id].state == "active"
    }
    held = await held_keys.every(connection, now)
    names = _named(members, systems)
    return Snapshot(generation, callers, systems, members, held.keys["sig"], held.keys["enc"], held.until, names)


def _named(members: Mapping[str, Member], systems: Mapping[str, System]) -> Mapping[str, str]:
    taken = {f"{each.dci_id}/{one.name}": one.words for each in systems.values() for one in each.services}
    called = {each.id: each.name for each in members.values()} | {each.id: each.name for each in systems.values()}
    return taken | called
