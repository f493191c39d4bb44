"""Break-glass: a basis that counts in an emergency only is used first and reviewed afterwards, by people, in time.

Before anything is asked of the agency the use is a log entry, a row that waits for a review, and a critical line in
the operator's log; who registered an address under `emergency` is told too. What the caller gave as its reason may say
anything of anybody: the log has a commitment to it, the row holds it sealed.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from audit import Entry, Log, LogUnavailable, new_id, subject_pseudonym
from audit.details import FACT, Detail, commitments, detailed
from consent.moments import micros, moment

from ..catalogue import Catalogue
from ..db import Database, DatabaseBusy
from ..delivery import jobs
from ..errors import NoEvidence
from ..gate import utc_now
from ..model import Ask, Opened, Permit
from ..trust.seal import Seal
from .tables import emergency_use

logger = logging.getLogger("sandhi.oversight")

JOB = "emergency"
VERDICTS = ("justified", "not_justified")
SALT_BYTES = 32
NOT_REPORTED = "The emergency cannot be reported now, so nothing was exchanged; try again."


class UseUnknown(Exception):
    """No emergency was used in an exchange of this id."""


class Reviewed(Exception):
    """Somebody reviewed it already."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use. `reason` is the caller's, `remark` the reviewer's; `verdict` is empty until somebody has reviewed it."""

    exchange_id: str
    consumer: str
    provider: str
    service: str
    purpose: str
    agreement: str
    agreement_version: int
    reason: str
    used_at: datetime
    due_at: datetime
    verdict: str
    remark: str
    reviewed_by: str
    reviewed_at: datetime | None

    def standing(self, now: datetime) -> str:
        """`reviewed`, `open` or `overdue`."""
        return "reviewed" if self.verdict else "overdue" if self.due_at <= now else "open"


@dataclass(frozen=True, slots=True)
class Emergencies:
    """Reports, shows and reviews. `within` is how long a review may take."""

    db: Database
    log: Log
    seal: Seal
    catalogue: Catalogue
    within: timedelta = timedelta(hours=72)
    clock: Callable[[], datetime] = utc_now

    async def __call__(self, opened: Opened, ask: Ask, permit: Permit) -> None:
        """Implements `costs.Break`: report a use, durably, before anything is asked.

        Raises:
            NoEvidence: it cannot be reported now.
        """
        now = self.clock()
        (reason,) = detailed({"reason": ask.emergency})
        entry_id = new_id(now)
        facts = self._facts(opened.exchange_id, ask, permit) | {
            "review_due": (now + self.within).isoformat(),
            "subject": subject_pseudonym(opened.person_ref, entry_id),
            FACT: commitments([reason]),
        }
        try:
            async with self.db.write() as connection:
                await connection.execute(
                    insert(emergency_use).values(self._row(opened.exchange_id, facts, reason, now))
                )
                await jobs.add(connection, JOB, opened.exchange_id, now=now.timestamp(), lane=jobs.LIVE)
                await self.log.append_in(
                    connection, Entry(entry_id, "emergency.used", now, facts, (opened.person_ref,))
                )
        except (SQLAlchemyError, DatabaseBusy, LogUnavailable) as error:
            raise NoEvidence(NOT_REPORTED) from error
        logger.critical(
            "an emergency was stated in exchange %s by %s: review it until %s, see GET /v1/emergencies",
            opened.exchange_id,
            ask.consumer,
            facts["review_due"],
        )

    async def listed(self, *, waiting: bool = False) -> list[Use]:
        """All uses, or those that wait for a review; the one due first comes first."""
        query = select(emergency_use).order_by(emergency_use.c.due_at, emergency_use.c.exchange_id)
        if waiting:
            query = query.where(emergency_use.c.verdict == "")
        async with self.db.read() as connection:
            return [self._use(row) for row in (await connection.execute(query)).all()]

    async def read(self, exchange_id: str) -> Use:
        """One use.

        Raises:
            UseUnknown: there is none.
        """
        async with self.db.read() as connection:
            found = select(emergency_use).where(emergency_use.c.exchange_id == exchange_id)
            row = (await connection.execute(found)).one_or_none()
        if row is None:
            raise UseUnknown
        return self._use(row)

    async def review(self, exchange_id: str, verdict: str, remark: str, *, by: str) -> str:
        """Say whether it was justified, once; gives the receipt.

        Raises:
            UseUnknown, Reviewed.
        """
        use, now = await self.read(exchange_id), self.clock()
        (said,) = detailed({"remark": remark})
        values = {
            "verdict": verdict,
            "sealed_remark": self.seal.sealed(f"remark:{exchange_id}", said.salt + said.value),
            "reviewed_by": by,
            "reviewed_at": micros(now),
        }
        facts = {
            "exchange_id": exchange_id,
            "consumer": use.consumer,
            "provider": use.provider,
            "service": use.service,
            "by": by,
            "verdict": verdict,
            "late": use.due_at <= now,
            FACT: commitments([said]),
        }
        async with self.db.write() as connection:
            open_ = (emergency_use.c.exchange_id == exchange_id) & (emergency_use.c.verdict == "")
            if not (await connection.execute(update(emergency_use).where(open_).values(values))).rowcount:
                raise Reviewed
            return str(await self.log.append_in(connection, Entry(new_id(now), "emergency.reviewed", now, facts)))

    async def alarm(self) -> int:
        """Say once of each that is overdue; gives how many."""
        now = self.clock()
        late = (
            (emergency_use.c.verdict == "")
            & (emergency_use.c.due_at <= micros(now))
            & (emergency_use.c.alarmed_at.is_(None))
        )
        table = emergency_use.c
        async with self.db.write() as connection:
            marked = update(emergency_use).where(late).values(alarmed_at=micros(now))
            named = marked.returning(table.exchange_id, table.consumer, table.provider, table.service)
            rows = (await connection.execute(named)).mappings().all()
            entries = [Entry(new_id(now), "emergency.overdue", now, dict(row)) for row in rows]
            if entries:
                await self.log.append_all_in(connection, entries)
        for row in rows:
            logger.critical("the emergency of exchange %s was not reviewed in time", row["exchange_id"])
        return len(rows)

    def _facts(self, exchange_id: str, ask: Ask, permit: Permit) -> dict[str, object]:
        return {
            "exchange_id": exchange_id,
            "consumer": ask.consumer,
            "provider": self.catalogue.offer(ask.service).provider,
            "service": ask.service,
            "purpose": ask.purpose,
            "agreement": permit.agreement,
            "agreement_version": permit.agreement_version,
        }

    def _row(self, exchange_id: str, facts: dict[str, object], reason: Detail, now: datetime) -> dict[str, object]:
        named = ("consumer", "provider", "service", "purpose", "agreement", "agreement_version")
        return {name: facts[name] for name in named} | {
            "exchange_id": exchange_id,
            "sealed_reason": self.seal.sealed(f"emergency:{exchange_id}", reason.salt + reason.value),
            "used_at": micros(now),
            "due_at": micros(now + self.within),
            "verdict": "",
            "reviewed_by": "",
        }

    def _use(self, row: Row[Any]) -> Use:
        return Use(
            row.exchange_id,
            row.consumer,
            row.provider,
            row.service,
            row.purpose,
            row.agreement,
            row.agreement_version,
            self._opened(f"emergency:{row.exchange_id}", row.sealed_reason),
            moment(row.used_at),
            moment(row.due_at),
            row.verdict,
            self._opened(f"remark:{row.exchange_id}", row.sealed_remark) if row.sealed_remark else "",
            row.reviewed_by,
            moment(row.reviewed_at),
        )

    def _opened(self, place: str, sealed: bytes) -> str:
        return str(json.loads(self.seal.opened(place, sealed)[SALT_BYTES:]))
