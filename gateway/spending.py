"""What an exchange costs: quotas of agreements, and how often a day a consent may be used. Counted before asking.

All processes spend from the budgets in the database, in one short transaction for each agreement. Agreements without
a quota cost nothing here. Hours and days are those of the country's clocks.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import quota
from consent.errors import QuotaSpent
from consent.model import Quota

from .db import Database, DatabaseBusy
from .errors import NoEvidence, RefusedByRules
from .gate import utc_now
from .model import Budget, Permit

NOT_COUNTED = "The budget of the agreement cannot be counted now, so nothing was exchanged; try again."


@dataclass(frozen=True, slots=True)
class Spending:
    """Implements `gate_ports.Spend`."""

    db: Database
    zone: tzinfo
    clock: Callable[[], datetime] = utc_now

    async def __call__(
        self, once: str, lines: Sequence[tuple[Permit, str]], *, size: int = 1
    ) -> Sequence[RefusedByRules | None]:
        """Spend for each line, which has a budget; see `gate_ports.Spend`."""
        places: dict[Budget, list[int]] = defaultdict(list)
        for place, (permit, _) in enumerate(lines):
            places[_of_agreement(permit)].append(place)
        refused: dict[int, RefusedByRules] = {}
        try:
            for budget, some in sorted(places.items(), key=lambda each: each[0].id):
                refused |= await self._under(budget, once, {place: lines[place] for place in some}, size)
        except (SQLAlchemyError, DatabaseBusy) as error:
            raise NoEvidence(NOT_COUNTED) from error
        return [refused.get(place) for place in range(len(lines))]

    async def _under(
        self, budget: Budget, once: str, lines: Mapping[int, tuple[Permit, str]], size: int
    ) -> dict[int, RefusedByRules]:
        """The lines under one agreement that are over a budget: all of them, or those whose consent was used enough."""
        now = self.clock().astimezone(self.zone)
        most = budget.quota.bulk_lines
        try:
            if most is not None and size > most:
                raise QuotaSpent("bulk_lines", None)
            async with self.db.write() as connection:
                refused = await _by_consent(connection, once, lines, now)
                people = [ref for place, (_, ref) in lines.items() if place not in refused]
                if people and budget.id:
                    await quota.spend(connection, budget, people, now, once=once)
                return refused
        except QuotaSpent as spent:
            return {place: over(permit, spent, now, f"agreement {budget.id}") for place, (permit, _) in lines.items()}


async def _by_consent(
    connection: AsyncConnection, once: str, lines: Mapping[int, tuple[Permit, str]], now: datetime
) -> dict[int, RefusedByRules]:
    """Count each consent that says how often; in the order of their ids, so that nobody waits in a ring."""
    refused: dict[int, RefusedByRules] = {}
    counted = [(each.budgets[-1], place) for place, (each, _) in lines.items() if each.budgets[-1].id != each.agreement]
    times: Counter[str] = Counter()
    for budget, place in sorted(counted, key=lambda each: (each[0].id, each[1])):
        permit, subject_ref = lines[place]
        times[budget.id] += 1
        try:
            async with connection.begin_nested():
                await quota.spend(connection, budget, [subject_ref], now, once=f"{once}:{times[budget.id]}")
        except QuotaSpent as spent:
            refused[place] = over(permit, spent, now, f"consent {permit.consent}")
    return refused


def _of_agreement(permit: Permit) -> Budget:
    """The agreement's budget; one without a name where only the consent has one."""
    first = permit.budgets[0]
    return first if first.id == permit.agreement else Budget("", Quota())


def over(permit: Permit, spent: QuotaSpent, now: datetime, what: str) -> RefusedByRules:
    """The refusal of somebody over a budget, with when to come again."""
    detail = spent.detail if what.startswith("agreement") else spent.detail.replace("agreement's quota", "consent's")
    refusal = RefusedByRules(
        f"{detail[:1].upper()}{detail[1:]}.", reasons=(*permit.reasons, f"deny {what}: quota {spent.kind}")
    )
    refusal.may_know_existence = permit.may_know_existence
    if spent.until is not None:
        refusal.after_s = max(1, int((spent.until - now).total_seconds()) + 1)
    return refusal
