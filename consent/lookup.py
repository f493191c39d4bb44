"""The facts for many requests at once, and the batcher that turns single lookups into such questions.

One statement reads consents, objections and relationships of all subjects by index, together with the
generation of the agreements; so its cost does not grow with the tables, a withdrawal counts at the next
lookup, and an agreement changed by another process too. Agreements are remembered, consents never.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from .errors import ConsentError, FactsUnavailable
from .model import Agreement, Consent, Facts, Objection, Relationship, Request
from .rows import consent_from, objection_from, relationship_from
from .store import current_agreements

MOST_AT_ONCE = 256
MOST_WAITING = 10_000

LOOKUP = text(
    """
    SELECT 'generation' AS kind, '' AS id, '' AS subject_ref, '' AS body, '' AS extra,
           coalesce(max(value), 0) AS since, 0 AS until, NULL AS ended, '' AS numbers
      FROM consent_generation
    UNION ALL
    SELECT 'consent', c.id, c.subject_ref, t.body, c.evidence, c.valid_from, c.valid_until, c.withdrawn_at, c.numbers
      FROM consent_consent c JOIN consent_terms t ON t.digest = c.terms WHERE c.subject_ref IN :refs
    UNION ALL
    SELECT 'objection', o.id, o.subject_ref, t.body, '', 0, 0, o.lifted_at, ''
      FROM consent_objection o JOIN consent_terms t ON t.digest = o.terms WHERE o.subject_ref IN :refs
    UNION ALL
    SELECT 'relationship', r.id, r.subject_ref, t.body, r.case_ref, r.valid_from, r.valid_until, r.ended_at, ''
      FROM consent_relationship r JOIN consent_terms t ON t.digest = r.terms WHERE r.subject_ref IN :refs
    """
).bindparams(bindparam("refs", expanding=True))


class AgreementCache:
    """All current agreements of one process, by consumer, as of one generation of the database."""

    def __init__(self) -> None:
        self._generation: int | None = None
        self._by_consumer: Mapping[str, Sequence[Agreement]] = {}

    def invalidate(self) -> None:
        """Read again at the next lookup. Not needed for changes of rows: the generation tells."""
        self._generation = None

    async def freshened(self, connection: AsyncConnection, generation: int, now: datetime) -> "AgreementCache":
        """This cache, read again if the database has moved on."""
        if self._generation != generation:
            by_consumer: dict[str, list[Agreement]] = defaultdict(list)
            for agreement in await current_agreements(connection, now):
                for system in agreement.consumer.systems:
                    by_consumer[system].append(agreement)
            self._by_consumer, self._generation = by_consumer, generation
        return self

    def between(self, consumer: str, provider: str) -> tuple[Agreement, ...]:
        """The agreements that name this consumer and this provider."""
        return tuple(each for each in self._by_consumer.get(consumer, ()) if provider in each.provider.systems)


@dataclass(slots=True)
class _Person:
    consents: list[Consent] = field(default_factory=list)
    objections: list[Objection] = field(default_factory=list)
    relationships: list[Relationship] = field(default_factory=list)


async def facts_for(
    connection: AsyncConnection, requests: Sequence[Request], now: datetime, cache: AgreementCache | None = None
) -> list[Facts]:
    """The facts of each request, in order, as they are in the database now; for any number of requests.

    Args:
        now: UTC; becomes `as_of`.
        cache: agreements remembered from lookup to lookup; without one they are read each time.
    """
    people: dict[str, _Person] = {request.subject_ref: _Person() for request in requests}
    generation = 0
    for some in _in_chunks(list(people)):
        rows = await connection.execute(LOOKUP, {"refs": _padded(some)})
        for row in rows:
            if row.kind == "generation":
                generation = row.since
                continue
            _keep(people[row.subject_ref], row)
    agreements = await (cache or AgreementCache()).freshened(connection, generation, now)
    return [
        Facts(
            agreements.between(request.consumer, request.provider),
            tuple(people[request.subject_ref].consents),
            tuple(people[request.subject_ref].objections),
            tuple(people[request.subject_ref].relationships),
            now,
        )
        for request in requests
    ]


def _keep(person: _Person, row: Any) -> None:
    match row.kind:
        case "consent":
            consent = consent_from(
                row.id, row.subject_ref, row.body, row.extra, row.since, row.until, row.ended, row.numbers
            )
            person.consents.append(consent)
        case "objection":
            person.objections.append(objection_from(row.id, row.subject_ref, row.body, row.ended))
        case "relationship":
            relationship = relationship_from(
                row.id, row.subject_ref, row.body, row.extra, row.since, row.until, row.ended
            )
            person.relationships.append(relationship)


def _in_chunks(refs: Sequence[str]) -> Iterable[Sequence[str]]:
    return (refs[start : start + MOST_AT_ONCE] for start in range(0, len(refs), MOST_AT_ONCE))


def _padded(refs: Sequence[str]) -> list[str]:
    """Lengths of powers of two only, so that the database prepares nine statements and not 256."""
    length = 1 << (len(refs) - 1).bit_length()
    return [*refs, *[refs[-1]] * (length - len(refs))]


FAILURES = (SQLAlchemyError, ConsentError, OSError, TimeoutError)
Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
Waiting = tuple[Request, asyncio.Future[Facts]]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FactsSource:
    """Looks facts up, one question to the database at a time.

    Idle, a lookup runs at once. While one runs, further requests gather and make up the next; no timer.
    A request is only answered by a question asked after it came, so what was withdrawn before is seen.
    """

    def __init__(self, connect: Connect, *, clock: Callable[[], datetime] = _utc_now) -> None:
        """
        Args:
            connect: opens a connection that sees what is committed (no long transaction).
            clock: UTC now.
        """
        self._connect = connect
        self._clock = clock
        self._cache = AgreementCache()
        self._waiting: deque[Waiting] = deque()
        self._running: asyncio.Task[None] | None = None

    def invalidate(self) -> None:
        """Read the agreements again at the next lookup."""
        self._cache.invalidate()

    async def of(self, request: Request) -> Facts:
        """The facts for one request.

        Raises:
            FactsUnavailable: the database did not answer, or 10,000 requests wait already; try again.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise FactsUnavailable("too many lookups wait: try again later")
        answer: asyncio.Future[Facts] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def of_many(self, requests: Sequence[Request]) -> list[Facts]:
        """The facts for each request of a batch, in order; does not hold up the single lookups.

        Raises:
            FactsUnavailable: the database did not answer; try again.
        """
        try:
            async with self._connect() as connection:
                return await facts_for(connection, requests, self._clock(), self._cache)
        except FAILURES as error:
            raise FactsUnavailable("the database did not answer: try again") from error

    async def close(self) -> None:
        """Stop; whoever waits gets FactsUnavailable."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        self._stopped()  # a task cancelled before its first step has cleaned up nothing

    async def _run(self) -> None:
        try:
            while self._waiting:  # no await between "it is empty" and `_running = None`, or a wake-up is lost
                batch = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
                await self._answer(batch)
        finally:
            self._stopped()

    def _stopped(self) -> None:
        self._running = None
        _fail(self._waiting, FactsUnavailable("the lookup was stopped: try again"))
        self._waiting.clear()

    async def _answer(self, batch: Sequence[Waiting]) -> None:
        try:
            async with self._connect() as connection:
                requests = [request for request, _ in batch]
                facts = await facts_for(connection, requests, self._clock(), self._cache)
        except FAILURES:
            _fail(batch, FactsUnavailable("the database did not answer: try again"))
            return
        except BaseException:
            _fail(batch, FactsUnavailable("the lookup was stopped: try again"))
            raise
        for (_, answer), found in zip(batch, facts, strict=True):
            if not answer.done():  # its caller may have hung up
                answer.set_result(found)


def _fail(waiting: Iterable[Waiting], error: FactsUnavailable) -> None:
    for _, answer in waiting:
        if not answer.done():
            answer.set_exception(error)
