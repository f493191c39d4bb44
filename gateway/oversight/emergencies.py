"""Break-glass: a basis that counts in an emergency only is used first and reviewed afterwards, by people, in time.

Before anything is asked of the agency the use is a log entry, a row that waits for a review, and a critical line in
the operator's log; who registered an address under `emergency` is told too. What the caller gave as its reason may say
anything of anybody: the log has a commitment to it, and it is kept beside the log with the exchange's details, so that
it is gone when they are erased or expire (`audit.details`). The reviewer's remark is kept the same way.
"""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from audit import Entry, Log, LogUnavailable, new_id, subject_pseudonym
from audit.details import FACT, Beside, Detail, Vault, commitments, detailed, exchange
from audit.errors import DetailErased
from audit.tables import audit_search
from consent.moments import micros, moment

from ..catalogue import Catalogue
from ..db import Database, DatabaseBusy
from ..delivery import jobs
from ..errors import NoEvidence
from ..gate import utc_now
from ..model import Ask, Opened, Permit
from .tables import emergency_use

logger = logging.getLogger("sandhi.oversight")

JOB = "emergency"
VERDICTS = ("justified", "not_justified")
USED, REVIEWED = "emergency.used", "emergency.reviewed"
NOT_REPORTED = "The emergency cannot be reported now, so nothing was exchanged; try again."


class UseUnknown(Exception):
    """No emergency was used in an exchange of this id."""


class Reviewed(Exception):
    """Somebody reviewed it already."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use. `verdict` is empty until somebody has reviewed it.

    `reason` is the caller's, `remark` the reviewer's; both are empty once they were erased.
    """

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
    vault: Vault
    catalogue: Catalogue
    within: timedelta = timedelta(hours=72)
    clock: Callable[[], datetime] = utc_now

    async def __call__(self, opened: Opened, ask: Ask, permit: Permit) -> None:
        """Implements `gate_ports.BreakGlass`: report a use, durably, before anything is asked.

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
                await connection.execute(insert(emergency_use).values(self._row(opened.exchange_id, facts, now)))
                await connection.run_sync(self._keep, entry_id, reason, facts, now)
                await jobs.add(connection, JOB, opened.exchange_id, now=now.timestamp(), lane=jobs.LIVE)
                await self.log.append_in(connection, Entry(entry_id, USED, now, facts, (opened.person_ref,)))
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
            rows = (await connection.execute(query)).all()
            return [self._use(row, await connection.run_sync(self._words, row.exchange_id)) for row in rows]

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
            return self._use(row, await connection.run_sync(self._words, exchange_id))

    async def review(self, exchange_id: str, verdict: str, remark: str, *, by: str) -> str:
        """Say whether it was justified, once; gives the receipt.

        Raises:
            UseUnknown, Reviewed.
        """
        use, now = await self.read(exchange_id), self.clock()
        entry_id = new_id(now)
        (said,) = detailed({"remark": remark})
        values = {
            "verdict": verdict,
            "reviewed_by": by,
            "reviewed_at": micros(now),
        }
        facts = {
            "exchange_id": exchange_id,
            "consumer": use.consumer,
            "provider": use.provider,
            "service": use.service,
            "agreement": use.agreement,
            "by": by,
            "verdict": verdict,
            "late": use.due_at <= now,
            FACT: commitments([said]),
        }
        async with self.db.write() as connection:
            open_ = (emergency_use.c.exchange_id == exchange_id) & (emergency_use.c.verdict == "")
            if not (await connection.execute(update(emergency_use).where(open_).values(values))).rowcount:
                raise Reviewed
            await connection.run_sync(self._keep, entry_id, said, facts, now)
            return str(await self.log.append_in(connection, Entry(entry_id, REVIEWED, now, facts)))

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

    def _keep(
        self, connection: Connection, entry_id: UUID, words: Detail, facts: dict[str, object], now: datetime
    ) -> None:
        owner = exchange(str(facts["exchange_id"]))
        self.vault.keep_all(connection, [Beside(entry_id, [words], owner, str(facts["agreement"]), now)])

    def _words(self, connection: Connection, exchange_id: str) -> dict[str, str]:
        """`reason` and `remark`, as far as they are not erased."""
        table = audit_search.c
        about = select(table.entry_id).where(table.exchange_id == exchange_id, table.kind.in_((USED, REVIEWED)))
        ids = [UUID(bytes=bytes(each)) for each in connection.execute(about).scalars()]
        with suppress(DetailErased):
            return {
                each.name: str(json.loads(each.value)) for id_ in ids for each in self.vault.opened(connection, id_)
            }
        return {}

    def _row(self, exchange_id: str, facts: dict[str, object], now: datetime) -> dict[str, object]:
        named = ("consumer", "provider", "service", "purpose", "agreement", "agreement_version")
        return {name: facts[name] for name in named} | {
            "exchange_id": exchange_id,
            "used_at": micros(now),
            "due_at": micros(now + self.within),
            "verdict": "",
            "reviewed_by": "",
        }

    def _use(self, row: Row[Any], words: dict[str, str]) -> Use:
        return Use(
            row.exchange_id,
            row.consumer,
            row.provider,
            row.service,
            row.purpose,
            row.agreement,
            row.agreement_version,
            words.get("reason", ""),
            moment(row.used_at),
            moment(row.due_at),
            row.verdict,
            words.get("remark", ""),
            row.reviewed_by,
            moment(row.reviewed_at),
        )
