"""Agreements that end or are due for review soon: each notice once, in the log and before the operator's eyes."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from audit import Entry, Log, new_id
from consent import store
from consent.expiry import Notice, notices

from ..db import Database
from ..gate import utc_now
from .tables import agreement_notice

logger = logging.getLogger("sandhi.oversight")


@dataclass(frozen=True, slots=True)
class Notices:
    """Sends what `consent.expiry` says is due."""

    db: Database
    log: Log
    clock: Callable[[], datetime] = utc_now

    async def turn(self) -> list[Notice]:
        """Send what is due and was not sent; gives what this process sent."""
        now = self.clock()
        async with self.db.read() as connection:
            known = [each.agreement for each in await store.list_agreements(connection)]
            sent = set((await connection.execute(select(agreement_notice.c.name))).scalars())
        return [each for each in notices(known, now, sent=sent) if await self._sent(each, now)]

    async def _sent(self, notice: Notice, now: datetime) -> bool:
        """Send one; False: another process was faster."""
        row = {"name": notice.name, "at": int(now.timestamp() * 1_000_000)}
        async with self.db.write() as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            adding = dialect.insert(agreement_notice).values(row).on_conflict_do_nothing()
            if not (await connection.execute(adding)).rowcount:
                return False
            await self.log.append_in(connection, Entry(new_id(now), "agreement.notice", now, _facts(notice)))
        logger.warning(
            "agreement %s: %s %s; tell %s",
            notice.agreement.name,
            "ends" if notice.about == "ends" else "is due for review",
            f"on {notice.at:%Y-%m-%d}",
            ", ".join(sorted({each.contact for each in notice.agreement.officers})) or "its two members",
        )
        return True


def _facts(notice: Notice) -> dict[str, object]:
    agreement = notice.agreement
    return {
        "agreement": agreement.id,
        "agreement_version": agreement.version,
        "consumer": agreement.consumer.member,
        "provider": agreement.provider.member,
        "about": notice.about,
        "moment": notice.at.isoformat(),
        "days": notice.days,
    }
