"""The queue of codes that no mapping knows.

An adapter meets them; `turn` counts them in the database and brings what was cleared to the adapters of this process.
Clearing one is an entry of the log, in the transaction that does it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from sqlalchemy import delete, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.codes import UNMAPPED, Codes, Met
from adapters.kit.contract import Adapter
from audit import Entry, Log, new_id

from ..catalogue import Catalogue
from ..db import Database, DatabaseBusy
from ..gate import utc_now
from .tables import mapped_code, unmapped_code

logger = logging.getLogger("sandhi.normalising")

EVERY_S = 2.0


class ClearingRefused(Exception):
    """This code cannot be cleared so; the text says what can be done."""


@runtime_checkable
class KnowsCodes(Protocol):
    """An adapter with code lists."""

    @property
    def codes(self) -> Codes:
        """Its lists, and what was met beyond them."""


@runtime_checkable
class HasVersions(Protocol):
    """A registered adapter: each version that runs now has lists of its own."""

    @property
    def versions(self) -> Sequence[Adapter]:
        """What answers now; the active one last."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an officer says: this code of this list is ours."""

    adapter: str
    list: str
    code: str
    ours: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A code that nobody has cleared; `choices` are ours that the list leads to."""

    adapter: str
    list: str
    code: str
    count: int
    first_met: float
    last_met: float
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unmapped:
    """The queue of one gateway; cheap to make, holds nothing itself."""

    db: Database
    log: Log
    catalogue: Catalogue
    clock: Callable[[], datetime] = utc_now

    async def run(self) -> None:
        """Take turns until cancelled, and one more then; a failure of the database costs nothing but time."""
        try:
            while True:
                await self._tried()
                await asyncio.sleep(EVERY_S)
        finally:
            await self._tried()  # what was met since the last turn is there for who asks next

    async def _tried(self) -> None:
        try:
            await self.turn()
        except (SQLAlchemyError, DatabaseBusy):
            logger.warning("unmapped codes could not be counted; trying again")

    async def turn(self) -> None:
        """Count what was met since the last time, and let the adapters know what was cleared anywhere."""
        met = [(id_, taken) for id_, codes in self._lists() if (taken := codes.taken())]
        if met:
            async with self.db.write() as connection:
                await self._count(connection, met)
        await self.learned()

    async def learned(self) -> None:
        """Let this process's adapters know what is cleared; what was cleared and met again is known from now on."""
        async with self.db.read() as connection:
            of = mapped_code.c
            rows = (await connection.execute(select(of.adapter, of.list, of.code, of.ours))).all()
        for id_, codes in self._lists():
            codes.clear({Met(row.list, row.code): row.ours for row in rows if row.adapter == id_})

    async def waiting(self, member: str = "") -> list[Waiting]:
        """The codes of the adapters that speak for this member's systems (everybody's if empty), the most met first."""
        async with self.db.read() as connection:
            query = select(unmapped_code).order_by(unmapped_code.c.count.desc(), unmapped_code.c.first_met)
            rows = (await connection.execute(query)).all()
        mine, lists = self._of(member), dict(self._lists())
        return [
            Waiting(
                row.adapter,
                row.list,
                row.code,
                row._mapping["count"],
                row.first_met,
                row.last_met,
                tuple(sorted(lists[row.adapter].choices(row.list))) if row.adapter in lists else (),
            )
            for row in rows
            if row.adapter in mine
        ]

    async def cleared(self, asked: Asked, *, by: str, member: str = "") -> str:
        """A code means one of ours from the next answer on, in every process within seconds. Gives the receipt.

        Raises:
            ClearingRefused: not an adapter of this member, no such list, or not one of our codes for it.
        """
        codes = dict(self._lists()).get(asked.adapter) if asked.adapter in self._of(member) else None
        if codes is None or not (choices := codes.choices(asked.list)):
            raise ClearingRefused("no such adapter of yours with such a list; GET /v1/unmapped has both")
        if asked.ours not in choices or asked.ours == UNMAPPED:
            raise ClearingRefused(f"the list leads to {', '.join(sorted(choices))}: name one of these")
        if asked.code in codes.tables[asked.list]:
            raise ClearingRefused("the adapter's own codes.toml says what this code means")
        now = self.clock()
        async with self.db.write() as connection:
            before = await self._kept(connection, asked, by, now)
            facts = {"by": by, "adapter": asked.adapter, "list": asked.list, "code": asked.code, "ours": asked.ours}
            entry = Entry(new_id(now), "adapter.code_mapped", now, facts | ({"before": before} if before else {}))
            receipt = str(await self.log.append_in(connection, entry))
        await self.learned()
        return receipt

    def _lists(self) -> Iterator[tuple[str, Codes]]:
        """Adapter id and lists, of each adapter that is linked here; of several versions the active one's last."""
        linked = {id(offer.adapter): offer.adapter for offer in self.catalogue if offer.adapter is not None}
        for adapter in linked.values():
            for version in adapter.versions if isinstance(adapter, HasVersions) else (adapter,):
                if isinstance(version, KnowsCodes):
                    yield adapter.id, version.codes

    def _of(self, member: str) -> frozenset[str]:
        mine = (each for each in self.catalogue if not member or each.provider.startswith(f"{member}/"))
        return frozenset(each.service.id.partition(".")[0] for each in mine)

    async def _count(self, connection: AsyncConnection, met: Sequence[tuple[str, Mapping[Met, int]]]) -> None:
        now = self.clock().timestamp()
        known = {(row.adapter, row.list, row.code) for row in (await connection.execute(select(mapped_code))).all()}
        for id_, codes in met:
            for each, times in codes.items():
                if (id_, each.table, each.code) not in known:  # else it was cleared between the answer and now
                    row = {"adapter": id_, "list": each.table, "code": each.code}
                    await connection.execute(_ADD, row | {"times": times, "now": now})

    async def _kept(self, connection: AsyncConnection, asked: Asked, by: str, now: datetime) -> str:
        """Write the meaning and take the code off the queue; gives what it meant before, empty for nothing."""
        key = (asked.adapter, asked.list, asked.code)
        of, waits = mapped_code.c, unmapped_code.c
        same = (of.adapter == key[0], of.list == key[1], of.code == key[2])
        before = (await connection.execute(select(of.ours).where(*same))).scalar_one_or_none()
        await connection.execute(delete(mapped_code).where(*same))
        row = dict(zip(("adapter", "list", "code"), key, strict=True))
        made = row | {"ours": asked.ours, "by": by, "at": now.timestamp()}
        await connection.execute(mapped_code.insert().values(made))
        queued = delete(unmapped_code).where(waits.adapter == key[0], waits.list == key[1], waits.code == key[2])
        await connection.execute(queued)
        return str(before or "")


_ADD = text(
    "INSERT INTO unmapped_code (adapter, list, code, count, first_met, last_met)"
    " VALUES (:adapter, :list, :code, :times, :now, :now) ON CONFLICT (adapter, list, code)"
    " DO UPDATE SET count = unmapped_code.count + :times, last_met = :now"
)
