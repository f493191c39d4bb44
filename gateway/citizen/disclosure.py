"""When a person may see an exchange: at once, or after the delay that its agreement names, and then with the reason.

A refused exchange names no agreement; it is kept back as long as the strictest agreement that it may have been meant
for, or an investigation would show in its refusals. While something is kept back, nothing tells that it is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import Agreement, store
from consent.tables import generation

from .finding import Use


@dataclass(frozen=True, slots=True)
class Delay:
    """For how many days, and why; none where `days` is 0."""

    days: int = 0
    reason: str = ""


NONE = Delay()


class Agreements:
    """Every version of every agreement, ended ones too; read again when one changed."""

    def __init__(self) -> None:
        self._generation: int | None = None
        self._all: Sequence[Agreement] = ()
        self._by_name: dict[tuple[str, int], Agreement] = {}

    async def freshened(self, connection: AsyncConnection) -> "Agreements":
        """This register, as it is in the database now."""
        current = int(await connection.scalar(select(generation.c.value)) or 0)
        if current != self._generation:
            self._all = [each.agreement for each in await store.list_agreements(connection)]
            self._by_name = {(each.id, each.version): each for each in self._all}
            self._generation = current
        return self

    def of(self, use: Use) -> Agreement | None:
        """The version that an exchange rested on; None if it was refused, or is under way."""
        version = use.ended.get("agreement_version")
        return self._by_name.get((use.says("agreement"), version)) if isinstance(version, int) else None

    def meant(self, use: Use) -> list[Agreement]:
        """The versions that an exchange without one may have been meant for."""
        consumer, provider = use.says("consumer"), use.says("provider")
        return [
            each
            for each in self._all
            if consumer in each.consumer.systems
            and provider in each.provider.systems
            and (use.says("purpose") in each.purposes or use.says("service") in each.grants)
        ]


def delay_of(use: Use, known: Agreements) -> Delay:
    """The delay that counts for a use."""
    rested_on = known.of(use)
    versions = [rested_on] if rested_on else known.meant(use)
    strictest = max(versions, key=lambda each: each.disclosure_delay_days, default=None)
    if strictest is None or not strictest.disclosure_delay_days:
        return NONE
    return Delay(strictest.disclosure_delay_days, strictest.disclosure_delay_reason)


def is_disclosed(use: Use, delay: Delay, now: datetime) -> bool:
    """Whether the person may see it now."""
    return now >= use.began.at + timedelta(days=delay.days)
