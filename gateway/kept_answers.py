"""Answers that are given again without asking the agency, where the agreement says for how long.

Only what was released is kept: sealed, bound to its row, gone when its minutes are over, a consent of the person is
withdrawn, or what is kept about them is erased. It answers the same question only: of the same consumer, about the same
person, under the same version of the agreement and the same consent. Every exchange is opened, decided and closed as if
the agency were asked; the answer and its outcome entry say when the agency gave it (`kept_at`). Lines of batches are
always asked anew.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta

import orjson
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.contract import RawAnswer
from consent import register

from .db import Database, DatabaseBusy
from .delivery.tables import kept_answer
from .model import Ask, Permit
from .trust.errors import SealBroken
from .trust.person import PersonRef
from .trust.seal import Seal

logger = logging.getLogger("sandhi.exchanges")
UNREADABLE = (SQLAlchemyError, DatabaseBusy, SealBroken)


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """Implements `gate_ports.AnswerCache`. While its database is away the agency is asked and nothing is kept."""

    db: Database
    seal: Seal
    person_ref: PersonRef
    clock: Callable[[], datetime]

    async def found(self, ask: Ask, permit: Permit) -> RawAnswer | None:
        """The answer to this question, if the agreement lets it be kept and it still is."""
        if not permit.answers_kept_minutes:
            return None
        name, now = self._name(ask, permit), self.clock().timestamp()
        wanted = select(kept_answer.c.sealed).where(kept_answer.c.id == name, kept_answer.c.expires > now)
        try:
            async with self.db.read() as connection:
                sealed = (await connection.execute(wanted)).scalar_one_or_none()
            return None if sealed is None else _answer(self.seal.opened(_row(name), sealed))
        except UNREADABLE:
            logger.exception("a kept answer cannot be read; the agency is asked", extra={"service": ask.service})
            return None

    async def keep(self, ask: Ask, permit: Permit, raw: RawAnswer, released: Mapping[str, object]) -> None:
        """Keep what was released, unless it was kept already: minutes count from when the agency gave it."""
        if not permit.answers_kept_minutes or raw.kept_at:
            return
        name, now = self._name(ask, permit), self.clock()
        told = replace(raw, payload=dict(released), claimed=ask.claim is not None, kept_at=now.isoformat())
        row = {
            "subject_ref": self.person_ref(ask.subject),
            "sealed": self.seal.sealed(_row(name), orjson.dumps(asdict(told))),
            "expires": (now + timedelta(minutes=permit.answers_kept_minutes)).timestamp(),
        }
        try:
            async with self.db.write() as connection:
                if permit.consent and not await register.still_given(connection, permit.consent):
                    return  # withdrawn while this exchange was closing
                dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
                adding = dialect.insert(kept_answer).values(id=name, **row)
                await connection.execute(adding.on_conflict_do_update(index_elements=["id"], set_=row))
        except UNREADABLE:
            logger.exception("an answer cannot be kept", extra={"service": ask.service})

    def _name(self, ask: Ask, permit: Permit) -> str:
        """A keyed digest of the question and of what allows it: whoever reads the table cannot guess it."""
        question = {
            "consumer": ask.consumer,
            "service": ask.service,
            "purpose": ask.purpose,
            "subject": ask.subject,
            "fields": sorted(permit.fields),
            "claim": ask.claim and {"name": ask.claim.name, "parameters": dict(ask.claim.parameters)},
            "period": ask.period,
            "as_at": ask.as_at,
            "allowed": [permit.agreement, permit.agreement_version, permit.basis, permit.consent],
        }
        return self.seal.fingerprint(orjson.dumps(question, option=orjson.OPT_SORT_KEYS))


async def forget_over(db: Database, now: datetime) -> None:
    """Erase what is over."""
    async with db.write() as connection:
        await connection.execute(delete(kept_answer).where(kept_answer.c.expires <= now.timestamp()))


async def forget_people(connection: AsyncConnection, people: Collection[str]) -> None:
    """Erase what was kept of these people (keyed hashes), in the transaction of what is the reason for it."""
    await connection.execute(delete(kept_answer).where(kept_answer.c.subject_ref.in_(people)))


def _row(name: str) -> str:
    return f"kept_answer:{name}"


def _answer(kept: bytes) -> RawAnswer:
    told = orjson.loads(kept)
    return RawAnswer(**(told | {"as_of": date.fromisoformat(told["as_of"])}))
