"""After a consent ends: nothing more is released under it, and whoever received something is asked to erase it.

Who received what is in the log already, so the way of an exchange is not touched. An outcome entry names the consent it
rested on by a pseudonym that only the consent's id and the person's hash give; a batch keeps a decision row per person.

A withdrawal is acknowledged only when the exchanges about this person that were open at its commit are closed: one that
had looked at the consent before is among them, one that was opened later finds it gone.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import exists, select

from audit import Entry, Log, Wanted, new_id
from audit.tables import audit_open, audit_subject
from consent import Consent, erasures
from consent import register as consent_register
from consent.erasures import WITHDRAWN, Erasure
from consent.model import HANDED_OVER

from .db import Database
from .delivery import jobs
from .delivery.tables import batch, batch_decision, job
from .gate import utc_now
from .reasons import consent_pseudonym

logger = logging.getLogger("sandhi.erasing")

JOB = "erasure"
SETTLE_S = 3.0
"""An exchange that has looked at the consent for the last time closes within the log's deadline of two seconds, or not
at all. What is still open after this waits for its agency, and looks again."""
LOOK_S = 0.01
DUE = timedelta(days=30)
SILENT = timedelta(days=1)
OVERLAP = timedelta(minutes=10)  # a withdrawal counts from its commit, which is later than its time
PAGE = 500
MAY_HAVE_LEFT = frozenset({"answered", "unknown"})


@dataclass(frozen=True, slots=True)
class Erasing:
    """Needs nothing but the database and its log, so that every way to withdraw leads here."""

    db: Database
    log: Log
    clock: Callable[[], datetime] = utc_now

    async def after(self, consents: Sequence[Consent]) -> None:
        """After the commit of their withdrawal, before anybody is told of it."""
        if not consents:
            return
        whose = sorted({each.subject_ref for each in consents})
        await self._settled(whose)
        for each in consents:
            await self.noted(each, WITHDRAWN)

    async def noted(self, consent: Consent, cause: str) -> list[Erasure]:
        """Put all who received something on the list, with a message to each; again it changes nothing."""
        received = await self.received(consent)
        if not received:
            return []
        now = self.clock()
        async with self.db.write() as connection:
            added = await erasures.note(connection, consent, received, cause, now=now, due=now + DUE)
            for each in added:
                await jobs.add(connection, JOB, reference(each), now=now.timestamp(), lane=jobs.LIVE)
            entries = [
                Entry(new_id(now), "erasure.due", now, due_facts(each), (consent.subject_ref,)) for each in added
            ]
            if entries:
                await self.log.append_all_in(connection, entries)
        return added

    async def acknowledged(self, number: int, *, member: str) -> str:
        """The recipient says that it is erased; gives the receipt, empty if it said so before.

        Raises:
            NotFound: it is not this member's duty.
        """
        now = self.clock()
        async with self.db.write() as connection:
            if not await erasures.acknowledge(connection, number, member=member, now=now):
                return ""
            facts = due_facts(await erasures.read_erasure(connection, number)) | {"by": member}
            return str(await self.log.append_in(connection, Entry(new_id(now), "erasure.acknowledged", now, facts)))

    async def sweep(self) -> None:
        """Find what ended without anybody telling: consents that expired, and withdrawals cut by a crash."""
        until = self.clock()
        async with self.db.read() as connection:
            since = await erasures.swept_until(connection)
        after = ""
        while page := await self._ended(since - OVERLAP, until, after):
            for id_, cause in page:
                after = id_
                async with self.db.read() as connection:
                    consent = await consent_register.read_consent(connection, id_)
                await self.noted(consent, cause)
        async with self.db.write() as connection:
            await erasures.sweep_until(connection, until)

    async def remind(self) -> int:
        """Ask those again who are late, once a day; gives how many."""
        now = self.clock()
        async with self.db.write() as connection:
            late = await erasures.remind(connection, now=now, silent_since=now - SILENT, limit=PAGE)
            for each in late:
                await jobs.add(connection, JOB, reference(each), now=now.timestamp(), lane=jobs.LIVE)
            entries = [Entry(new_id(now), "erasure.overdue", now, due_facts(each)) for each in late]
            if entries:
                await self.log.append_all_in(connection, entries)
        if late:
            logger.warning("%s recipients are late to erase what they received; see GET /v1/erasures", len(late))
        return len(late)

    async def received(self, consent: Consent) -> Mapping[str, Sequence[str]]:
        """Recipient system -> ids of the exchanges that released something to it under this consent."""
        found: dict[str, list[str]] = defaultdict(list)
        await self._single(consent, found)
        await self._batched(consent, found)
        return found

    async def _single(self, consent: Consent, found: dict[str, list[str]]) -> None:
        before = None
        while True:
            wanted = Wanted(kind="exchange.outcome", subject_ref=consent.subject_ref, before=before, limit=PAGE)
            lines = await self.log.search(wanted)
            left = [each.entry_id for each in lines if each.facts.get("outcome") in MAY_HAVE_LEFT]
            for each in await self.log.find(left):
                facts = each.entry.facts
                name = consent_pseudonym(consent.id, consent.subject_ref, each.entry.id)
                if rested_on(facts.get("reasons"), name):
                    side = "provider" if facts["action"] in HANDED_OVER else "consumer"
                    found[str(facts[side])].append(str(facts["exchange_id"]))
            if len(lines) < PAGE:
                return
            before = lines[-1].place

    async def _batched(self, consent: Consent, found: dict[str, list[str]]) -> None:
        rows = select(batch.c.consumer, batch.c.id, batch_decision.c.decision).join(
            batch, batch.c.id == batch_decision.c.exchange_id
        )
        about = batch_decision.c.person_ref == consent.subject_ref, batch_decision.c.outcome == "answered"
        async with self.db.read() as connection:
            for consumer, id_, decision in await connection.execute(rows.where(*about)):
                if rested_on(orjson.loads(decision).get("reasons"), consent.id) and id_ not in found[consumer]:
                    found[consumer].append(id_)

    async def _ended(self, since: datetime, until: datetime, after: str) -> list[tuple[str, str]]:
        async with self.db.read() as connection:
            return await erasures.ended(connection, since, until, after=after)

    async def _settled(self, subject_refs: Sequence[str]) -> None:
        """Wait until what was open about these people is closed, but for deliveries that only wait in the queue."""
        open_ = await self._open(subject_refs)
        end = asyncio.get_running_loop().time() + SETTLE_S
        while open_ and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(LOOK_S)
            open_ &= await self._open(subject_refs)

    async def _open(self, subject_refs: Sequence[str]) -> set[str]:
        now = self.clock().timestamp()
        same = job.c.kind == "delivery", job.c.ref == audit_open.c.exchange_id
        waiting = exists().where(*same, job.c.state == "ready", job.c.lease_until <= now)
        found: set[str] = set()
        async with self.db.read() as connection:
            for start in range(0, len(subject_refs), PAGE):
                about = select(audit_open.c.exchange_id).join(
                    audit_subject, audit_subject.c.entry_id == audit_open.c.entry_id
                )
                some = audit_subject.c.subject_ref.in_(subject_refs[start : start + PAGE])
                found |= set((await connection.execute(about.where(some, ~waiting))).scalars())
        return found


def reference(erasure: Erasure) -> str:
    """The job that asks the recipient: another one for each time it is asked."""
    return f"{erasure.number}:{int(erasure.reminded_at.timestamp())}"


def rested_on(reasons: object, consent: str) -> bool:
    """Whether the line of the decision that counted names this consent."""
    ending = f": consent {consent}"
    lines = reasons if isinstance(reasons, list) else []
    return any(str(each).startswith("allow agreement ") and str(each).endswith(ending) for each in lines)


def due_facts(each: Erasure) -> dict[str, object]:
    """What an entry says of a duty."""
    facts: dict[str, object] = {
        "erasure": each.number,
        "consent": each.consent,
        "controller": each.controller,
        "recipient": each.recipient,
        "cause": each.cause,
        "exchanges": len(each.exchanges),
        "due": each.due_at.isoformat(),
    }
    return facts | ({"agreement": each.agreement} if each.agreement else {})
