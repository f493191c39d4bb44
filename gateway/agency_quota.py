"""What an agency lets itself be asked: so many people a day and a minute, in all processes together.

`[quota]` of its manifest, or `SANDHI_<ADAPTER>_PER_DAY` and `_PER_MINUTE` where a deployment agreed something else.
Every exchange is counted before the agency hears of it: single questions, lines of batches, deliveries, and campaigns,
which book their slices ahead. A large quota is drawn in small lots, so that most calls cost no write; what a process
has drawn and not used is lost when it ends, never asked twice.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from .catalogue import Offer
from .db import Database, DatabaseBusy
from .delivery.tables import agency_minute, agency_use
from .errors import NoEvidence, SourceUnavailable
from .gate_ports import Limits, Room, declared
from .registration.planned import Planned
from .settings import SettingError

LOTS = 100  # a quota is drawn in hundredths
LARGEST_LOT = 20
OVER = "The agency takes no more questions for now: its quota is used up; try again later."
QUOTA = "quota"  # the source's code of such an answer, in the log
NOT_COUNTED = "The agency's quota cannot be counted now, so nothing was exchanged; try again."


class Window(NamedTuple):
    """One budget that a question spends from: its row, its size, and when the next one begins."""

    table: Table
    key: Mapping[str, object]
    most: int
    until: datetime


@dataclass(frozen=True, slots=True)
class AgencyQuota:
    """Implements `gate_ports.Meter`.

    Attributes:
        zone: says when a day begins.
        setting: reads a deployment's own number.
        planned: outages of the adapters that this installation brings.
    """

    db: Database
    zone: tzinfo
    clock: Callable[[], datetime]
    setting: Callable[[str], str]
    planned: Planned = field(default_factory=Planned)
    _own: dict[str, int | None] = field(default_factory=dict, repr=False)
    _drawn: dict[tuple[object, ...], int] = field(default_factory=dict, repr=False)
    _turn: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock), repr=False)

    async def __call__(self, offer: Offer, calls: int) -> Room:
        """Count so many calls, or as many as there is room for: none in a planned outage. See `gate_ports.Meter`."""
        if (outage := self.planned.outage(offer.service.id.partition(".")[0], self.clock())) is not None:
            return Room(0, outage)
        limits = self.limits(offer)
        if limits == Limits(None, None):
            return Room(calls, None)
        async with self._turn[offer.provider]:
            try:
                return await self._counted(offer.provider, limits, calls)
            except (SQLAlchemyError, DatabaseBusy) as error:
                raise NoEvidence(NOT_COUNTED) from error

    def limits(self, offer: Offer) -> Limits:
        """What holds for the agency behind an offer.

        Raises:
            SettingError: the deployment's number is none.
        """
        adapter = offer.service.id.partition(".")[0]
        return Limits(*(self._own_or(adapter, *each) for each in declared(offer)._asdict().items()))

    async def used_today(self) -> dict[str, int]:
        """Provider -> calls drawn from its day."""
        today = select(agency_use.c.provider, agency_use.c.used).where(agency_use.c.day == self._day())
        async with self.db.read() as connection:
            return {row.provider: row.used for row in (await connection.execute(today)).all()}

    def _own_or(self, adapter: str, kind: str, declared: int | None) -> int | None:
        name = f"{adapter}_{kind}".upper()
        if name not in self._own:
            self._own[name] = _number(name, self.setting)
        return self._own[name] or declared

    async def _counted(self, provider: str, limits: Limits, calls: int) -> Room:
        """The smallest room of all windows; what the others drew beyond it stays drawn for the next calls."""
        windows = self._windows(provider, limits)
        self._forget(provider, windows)
        short = [each for each in windows if self._left(each) < calls]
        if short:
            got: dict[tuple[object, ...], int] = {}
            async with self.db.write() as connection:
                for each in short:
                    lot = min(LARGEST_LOT, max(1, each.most // LOTS))
                    got[_name(each)] = await booked(connection, each, max(lot, calls - self._left(each)))
            for name, lot in got.items():  # now that it is committed
                self._drawn[name] = self._drawn.get(name, 0) + lot
        narrowest = min(windows, key=self._left)
        room = min(calls, self._left(narrowest))
        for each in windows:
            self._drawn[_name(each)] = self._left(each) - room
        return Room(room, None if room == calls else self._over(narrowest.until))

    def _windows(self, provider: str, limits: Limits) -> list[Window]:
        found, now = [], self.clock()
        if limits.per_day is not None:
            tomorrow = datetime.combine(now.astimezone(self.zone).date() + timedelta(days=1), time(), self.zone)
            found.append(Window(agency_use, {"provider": provider, "day": self._day()}, limits.per_day, tomorrow))
        if limits.per_minute is not None:
            minute = int(now.timestamp()) // 60
            next_one = datetime.fromtimestamp((minute + 1) * 60, tz=now.tzinfo)
            found.append(Window(agency_minute, {"provider": provider, "minute": minute}, limits.per_minute, next_one))
        return found

    def _over(self, until: datetime) -> SourceUnavailable:
        error = SourceUnavailable(OVER, source_code=QUOTA)
        error.after_s = max(1, int((until - self.clock()).total_seconds()) + 1)
        return error

    def _left(self, window: Window) -> int:
        return self._drawn.get(_name(window), 0)

    def _forget(self, provider: str, now: list[Window]) -> None:
        names = {_name(each) for each in now}
        for name in [each for each in self._drawn if provider in each and each not in names]:
            del self._drawn[name]

    def _day(self) -> str:
        return self.clock().astimezone(self.zone).date().isoformat()


async def booked(connection: AsyncConnection, window: Window, wanted: int, *, whole: bool = False) -> int:
    """Take calls from a window, in the caller's transaction: as many as are left, or with `whole` all or none."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    table, row = window.table, dict(window.key)
    if table is agency_minute:
        await connection.execute(delete(table).where(_older(row)))
    await connection.execute(dialect.insert(table).on_conflict_do_nothing(), row | {"used": 0})
    mine = select(table.c.used).filter_by(**row).with_for_update()  # nobody else draws meanwhile
    left = max(0, window.most - (await connection.execute(mine)).scalar_one())
    taken = min(wanted, left) if not whole or wanted <= left else 0
    if taken:
        await connection.execute(update(table).filter_by(**row).values(used=table.c.used + taken))
    return taken


def _number(name: str, setting: Callable[[str], str]) -> int | None:
    try:
        told = setting(name)
    except LookupError:
        return None
    if not told.isascii() or not told.isdecimal() or not int(told):
        raise SettingError(f"SANDHI_{name} is {told!r}; give a number of calls from 1")
    return int(told)


def _older(row: Mapping[str, Any]) -> Any:
    return (agency_minute.c.provider == row["provider"]) & (agency_minute.c.minute < row["minute"])


def _name(window: Window) -> tuple[object, ...]:
    return (window.table.name, *window.key.values())
