"""Reports that make themselves: every day, week or month, into DATA/reports, with an entry that commits to the file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log, new_id

from ..db import Database
from . import tables
from .errors import NothingFound, ReviewRefused
from .evidence import noted
from .report_files import SIGNATURE, digests, kept, signature
from .reports import REPORTS, Sheet, made
from .statements import Sign

PERIODS = ("day", "week", "month")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A report that is made when a period is over."""

    id: str
    report: str
    every: str
    made_by: str
    next_at: datetime


def period_before(every: str, at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The last whole period before a moment: days, weeks from Monday, or months, by the clocks of a zone."""
    midnight = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if every == "day":
        return midnight - timedelta(days=1), midnight
    if every == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        return monday - timedelta(days=7), monday
    first = midnight.replace(day=1)
    return (first - timedelta(days=1)).replace(day=1), first


def next_end(every: str, at: datetime, zone: tzinfo) -> datetime:
    """When the period that a moment lies in is over."""
    longest = {"day": 1, "week": 7, "month": 31}[every]
    return period_before(every, period_before(every, at, zone)[1] + timedelta(days=longest), zone)[1]


async def plan(
    connection: AsyncConnection, log: Log, report: str, every: str, *, by: str, now: datetime, zone: tzinfo
) -> Schedule:
    """Plan a report of periods by the clocks of a zone. Raises NothingFound, ReviewRefused: it is planned already."""
    if report not in REPORTS or every not in PERIODS:
        raise NothingFound("report or period")
    if any((each.report, each.every) == (report, every) for each in await planned(connection)):
        raise ReviewRefused("This report is planned already.")
    schedule = Schedule(str(new_id(now)), report, every, by, next_end(every, now, zone))
    values = {name: getattr(schedule, name) for name in Schedule.__slots__}
    await connection.execute(insert(tables.schedule).values(values))
    await noted(connection, log, "report.planned", now, {"by": by, "report": report, "every": every})
    return schedule


async def unplan(connection: AsyncConnection, log: Log, id_: str, *, by: str, now: datetime) -> None:
    """Plan it no more. Raises NothingFound."""
    found = next((each for each in await planned(connection) if each.id == id_), None)
    if found is None:
        raise NothingFound("planned report")
    await connection.execute(delete(tables.schedule).where(tables.schedule.c.id == id_))
    await noted(connection, log, "report.unplanned", now, {"by": by, "report": found.report, "every": found.every})


async def planned(connection: AsyncConnection) -> Sequence[Schedule]:
    """Everything that is planned."""
    rows = await connection.execute(select(tables.schedule).order_by(tables.schedule.c.id))
    return [Schedule(**row._mapping) for row in rows]


async def make_due(db: Database, log: Log, folder: Path, now: datetime, *, sign: Sign, zone: tzinfo) -> list[Path]:
    """Make the reports whose period is over; gives the files. One that was missed is made for the last period."""
    async with db.read() as connection:
        due = [each for each in await planned(connection) if each.next_at <= now]
    files: list[Path] = []
    for each in due:
        since, until = period_before(each.every, now, zone)
        async with db.read() as connection:
            sheet = await made(connection, each.report, since, until, zone, now)
        name = stem(each.report, since, until)
        files += await written(db, log, folder, name, sheet, by=each.made_by, now=now, sign=sign)
        async with db.write() as connection:
            here = tables.schedule.c.id == each.id
            await connection.execute(
                update(tables.schedule).where(here).values(next_at=next_end(each.every, now, zone))
            )
    return files


def stem(report: str, since: datetime, until: datetime) -> str:
    """The name of its files: first and last day."""
    return f"{report}-{since:%Y-%m-%d}-{until - timedelta(days=1):%Y-%m-%d}"


async def written(
    db: Database, log: Log, folder: Path, name: str, sheet: Sheet, *, by: str, now: datetime, sign: Sign
) -> list[Path]:
    """Write a report as CSV and PDF with a signature over both, and an entry that has the digest of each."""
    contents = {f"{name}.csv": sheet.csv(), f"{name}.pdf": await asyncio.to_thread(sheet.pdf, now)}
    contents[f"{name}{SIGNATURE}"] = signature(contents, origin=log.origin, now=now, sign=sign)
    async with db.write() as connection:
        await noted(connection, log, "report.written", now, {"by": by, "files": digests(contents)})
    return await asyncio.to_thread(kept, folder, contents)
