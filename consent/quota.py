"""Quotas of agreements: how much was asked under one in this hour and on this day, and no more than was agreed.

Counted in the database, so that all processes spend from one budget, and in the caller's transaction: what is refused
is rolled back and costs nothing. Only agreements with a quota cost a write. Hours and days are those of the clocks by
which the caller tells the time: of a country, whose agreements say "a day" and mean its own.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from .errors import QuotaSpent
from .model import Quota
from .tables import spent, spent_on

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONGEST = DAY + 2 * HOUR  # a day on which clocks are put back, and what they may be put back by
ONCE = "once"
REPEATED_FOR = 8 * DAY  # how long the same spending is known again: work that is tried again is over by then

COUNT = text(
    "INSERT INTO consent_spent (agreement, kind, since, amount) VALUES (:agreement, :kind, :since, :amount)"
    " ON CONFLICT (agreement, kind, since) DO UPDATE SET amount = consent_spent.amount + :amount"
    " WHERE consent_spent.amount + :amount <= :most"
)
MEET = text(
    "INSERT INTO consent_spent_on (agreement, kind, since, subject_ref)"
    " VALUES (:agreement, :kind, :since, :subject_ref) ON CONFLICT DO NOTHING"
)


class Budgeted(Protocol):
    """Whatever has a budget under a name of its own: an agreement, or somebody who may look at so many people."""

    @property
    def id(self) -> str: ...
    @property
    def quota(self) -> Quota: ...


@dataclass(frozen=True, slots=True)
class Window:
    """One budget: so much of a kind from this moment on, for one period. Both ends are times of UTC."""

    kind: str  # calls_per_hour, ... as in Quota
    since: datetime
    until: datetime
    most: int


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a window is spent."""

    window: Window
    amount: int

    def wire(self) -> dict[str, object]:
        """As the API shows it; the budget is whole again at `until`."""
        window = self.window
        told = {"kind": window.kind, "agreed": window.most, "used": self.amount, "left": window.most - self.amount}
        return told | {"until": window.until.isoformat()}


def windows(quota: Quota, now: datetime) -> Iterator[Window]:
    """The budgets that a question asked now spends from; `now` is told by the clocks whose hours and days count."""
    minutes = timedelta(minutes=now.minute, seconds=now.second, microseconds=now.microsecond)
    hour = now.astimezone(UTC) - minutes
    of_hour, of_day = (hour, hour + HOUR), (_midnight(now, 0), _midnight(now, 1))
    for kind, period in (
        ("calls_per_hour", of_hour),
        ("calls_per_day", of_day),
        ("subjects_per_hour", of_hour),
        ("subjects_per_day", of_day),
    ):
        most = getattr(quota, kind)
        if most is not None:
            yield Window(kind, *period, most)


def _midnight(now: datetime, days: int) -> datetime:
    """When the day of `now`, or one so many days later, begins: 23 or 25 hours apart where clocks are changed."""
    return datetime.combine(now.date() + timedelta(days=days), time(), now.tzinfo).astimezone(UTC)


async def spend(
    connection: AsyncConnection, agreement: Budgeted, subjects: Collection[str], now: datetime, *, once: str = ""
) -> None:
    """Spend one question about each of these people (keyed hashes), or raise; the caller then rolls back.

    Args:
        now: told by the clocks whose hours and days count.
        once: what it is spent for, if the same may come again (work that is tried again costs nothing more).

    Raises:
        QuotaSpent: more than was agreed; `until` says when the budget is new (None: never, the batch is too big).
    """
    quota = agreement.quota
    if quota.bulk_lines is not None and len(subjects) > quota.bulk_lines:
        raise QuotaSpent("bulk_lines", None)
    if once and not await _first(connection, agreement, once, now):
        return
    for window in windows(quota, now):
        new = len(subjects)
        if window.kind.startswith("subjects"):
            new = await _not_met(connection, agreement, window, subjects)
        await _count(connection, agreement, window, new)


async def _first(connection: AsyncConnection, agreement: Budgeted, once: str, now: datetime) -> bool:
    known = select(spent_on.c.since).where(
        spent_on.c.agreement == agreement.id, spent_on.c.kind == ONCE, spent_on.c.subject_ref == once
    )
    if await connection.scalar(known) is not None:
        return False
    row = {"agreement": agreement.id, "kind": ONCE, "since": int(now.timestamp()), "subject_ref": once}
    await connection.execute(MEET, row)
    return True


async def _not_met(connection: AsyncConnection, agreement: Budgeted, window: Window, subjects: Collection[str]) -> int:
    """How many of these people were not asked about in this window yet; from now on they were."""
    met = 0
    for subject_ref in sorted(set(subjects)):  # in one order, so that two processes never wait for each other in a ring
        row = _named(agreement, window) | {"subject_ref": subject_ref}
        met += (await connection.execute(MEET, row)).rowcount
    return met


async def _count(connection: AsyncConnection, agreement: Budgeted, window: Window, amount: int) -> None:
    if amount == 0:
        return
    row = _named(agreement, window) | {"amount": amount, "most": window.most}
    if amount > window.most or (await connection.execute(COUNT, row)).rowcount != 1:
        raise QuotaSpent(window.kind, window.until)


def _named(agreement: Budgeted, window: Window) -> dict[str, object]:
    return {"agreement": agreement.id, "kind": window.kind, "since": int(window.since.timestamp())}


async def used(connection: AsyncConnection, budgets: Iterable[Budgeted], now: datetime) -> dict[str, list[Used]]:
    """Id -> its `windows` with what is spent of them; an id whose budget counts nothing by time has none."""
    since = int(now.timestamp() - LONGEST.total_seconds())
    query = select(spent.c.agreement, spent.c.kind, spent.c.since, spent.c.amount).where(spent.c.since >= since)
    known = {(row[0], row[1], row[2]): row[3] for row in await connection.execute(query)}
    return {
        each.id: [
            Used(window, known.get((each.id, window.kind, int(window.since.timestamp())), 0))
            for window in windows(each.quota, now)
        ]
        for each in budgets
    }


async def forget_spent(connection: AsyncConnection, now: datetime) -> None:
    """Erase the budgets of days gone by, and with them who was asked about."""
    before = int(now.timestamp() - LONGEST.total_seconds())
    await connection.execute(delete(spent).where(spent.c.since < before))
    await connection.execute(delete(spent_on).where(spent_on.c.since < before, spent_on.c.kind != ONCE))
    await connection.execute(delete(spent_on).where(spent_on.c.since < int((now - REPEATED_FOR).timestamp())))
