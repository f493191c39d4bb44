"""The facts for many requests at once, and the batcher that turns single lookups into such statements.

One statement reads consents, objections and relationships of all subjects by index, together with the
generation of the agreements; so its cost does not grow with the tables, a withdrawal counts at the next
lookup, and an agreement changed by another process too. Agreements are remembered, consents never.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from .control import standing_controls
from .errors import FactsUnavailable
from .lazy_facts import Agreed, LazyFacts
from .lookup_connection import (
    FAILURES,
    MOST_AT_ONCE,
    Connect,
    LookupConnection,
    Row,
    SqliteLookup,
    lookup_connection,
    lookup_statement,
)
from .model import Agreement, Consent, Control, Facts, Objection, Relationship, Request, member_of
from .rows import consent_from, objection_from, relationship_from
from .store import current_agreements

logger = logging.getLogger(__name__)

MOST_IN_BULK = 256
A_FEW = 32  # people of a batch that are read on the event loop before others get their turn
MOST_WAITING = 10_000
NO_ANSWER = "the database did not answer: try again"


class AgreementCache:
    """All current agreements and controls of one process, as of one generation of the database."""

    def __init__(self) -> None:
        self._generation: int | None = None
        self._by_consumer: Mapping[str, Sequence[Agreement]] = {}
        self._controls: Mapping[str, Sequence[Control]] = {}

    def invalidate(self) -> None:
        """Read again at the next lookup. Not needed for changes of rows: the generation tells."""
        self._generation = None

    def is_of(self, generation: int) -> bool:
        """Whether it is as fresh as that."""
        return self._generation == generation

    async def freshened(self, connection: AsyncConnection, generation: int, now: datetime) -> "AgreementCache":
        """This cache, read again if the database has moved on."""
        if self._generation != generation:
            by_consumer: dict[str, list[Agreement]] = defaultdict(list)
            for agreement in await current_agreements(connection, now):
                for system in agreement.consumer.systems:
                    by_consumer[system].append(agreement)
            controls: dict[str, list[Control]] = defaultdict(list)
            for control in await standing_controls(connection):
                controls[member_of(control.provider)].append(control)
            self._by_consumer, self._controls, self._generation = by_consumer, controls, generation
        return self

    def between(self, consumer: str, provider: str) -> tuple[Agreement, ...]:
        """The agreements that name this consumer and this provider."""
        return tuple(each for each in self._by_consumer.get(consumer, ()) if provider in each.provider.systems)

    def agreed(self, request: Request) -> Agreed:
        """Both that concern a request: agreements and controls."""
        return self.between(request.consumer, request.provider), self.controls(request)

    def controls(self, request: Request) -> tuple[Control, ...]:
        """What those whose data would go said about who would get it."""
        if not self._controls:
            return ()
        return tuple(
            each
            for owner, recipient in request.flows
            for each in self._controls.get(member_of(owner), ())
            if each.concerns(owner, recipient, request.service)
        )


@dataclass(slots=True)
class _Person:
    consents: list[Consent] = field(default_factory=list)
    objections: list[Objection] = field(default_factory=list)
    relationships: list[Relationship] = field(default_factory=list)


_NOBODY = _Person()


async def facts_for(
    connection: AsyncConnection, requests: Sequence[Request], now: datetime, cache: AgreementCache | None = None
) -> list[Facts]:
    """The facts of each request, in order, as they are in the database now; for any number of requests.

    Args:
        now: UTC; becomes `as_of`.
        cache: agreements remembered from lookup to lookup; without one they are read each time.
    """
    generation, people = _sorted(await _rows_of(connection, requests))
    agreements = await (cache or AgreementCache()).freshened(connection, generation, now)
    return _facts(requests, people, agreements, now)


async def _rows_of(connection: AsyncConnection, requests: Sequence[Request]) -> list[Row]:
    rows: list[Row] = []
    for some in _in_chunks([*{request.subject_ref: None for request in requests}]):
        statement, parameters = lookup_statement(connection.dialect.name, some)
        rows += (await connection.exec_driver_sql(statement, parameters)).all()
    return rows


def _generation(rows: Iterable[Row]) -> int:
    """The newest of the agreements that these rows tell of."""
    return max((int(row[5]) for row in rows if row[0] == "generation"), default=0)


def _sorted(rows: Iterable[Row]) -> tuple[int, Mapping[str, _Person]]:
    """The generation of the agreements, and what is known of each person."""
    generation = 0
    people: dict[str, _Person] = defaultdict(_Person)
    for kind, id_, subject_ref, body, extra, since, until, ended, numbers in rows:
        if kind == "generation":
            generation = since
            continue
        person = people[subject_ref]
        if kind == "consent":
            person.consents.append(consent_from(id_, subject_ref, body, extra, since, until, ended, numbers))
        elif kind == "objection":
            person.objections.append(objection_from(id_, subject_ref, body, ended))
        else:
            person.relationships.append(relationship_from(id_, subject_ref, body, extra, since, until, ended))
    return generation, people


def _facts(
    requests: Iterable[Request], people: Mapping[str, _Person], agreements: AgreementCache, now: datetime
) -> list[Facts]:
    found = []
    for request in requests:
        between = agreements.between(request.consumer, request.provider)
        person = people.get(request.subject_ref, _NOBODY)
        said = (tuple(person.consents), tuple(person.objections), tuple(person.relationships))
        found.append(Facts(between, *said, agreements.controls(request), now))
    return found


def _in_chunks(refs: Sequence[str], most: int = MOST_IN_BULK) -> Iterable[Sequence[str]]:
    return (refs[start : start + most] for start in range(0, len(refs), most))


Waiting = tuple[Request, asyncio.Future[Facts]]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FactsSource:
    """Looks facts up, one statement at a time.

    Idle, a lookup runs at once. While one runs, further requests gather and make up the next; no timer.
    A request is only answered by a statement that ran after it came, so what was withdrawn before is seen.
    """

    def __init__(
        self, connect: Connect, *, clock: Callable[[], datetime] = _utc_now, lookups: LookupConnection | None = None
    ) -> None:
        """
        Args:
            connect: opens a connection that sees what is committed (no long transaction).
            clock: UTC now.
            lookups: reads single people; without one, a connection to the same database that stays open.
        """
        self._connect = connect
        self._clock = clock
        self._lookups = lookups
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

    async def of_many(self, requests: Sequence[Request]) -> LazyFacts:
        """The facts for each request of a batch, in order; does not hold up the single lookups.

        Raises:
            FactsUnavailable: the database did not answer; try again.
        """
        try:
            lookups = await self._opened_lookups()
            if isinstance(lookups, SqliteLookup):
                return await self._in_turns(lookups, requests)
            async with self._connect() as connection:
                now, rows = self._clock(), await _rows_of(connection, requests)
                await self._cache.freshened(connection, _generation(rows), now)
                return LazyFacts(requests, rows, self._cache.agreed, now)
        except FAILURES as error:
            raise FactsUnavailable(NO_ANSWER) from error

    async def close(self) -> None:
        """Stop; whoever waits gets FactsUnavailable."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        self._stopped()  # a task cancelled before its first step has cleaned up nothing
        if self._lookups is not None:
            await self._lookups.close()

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
            facts = await self._looked_up([request for request, _ in batch])
        except FAILURES as error:
            logger.warning("agreements and consents could not be read: %s", type(error).__name__)
            _fail(batch, FactsUnavailable(NO_ANSWER))
            return
        except BaseException:
            _fail(batch, FactsUnavailable("the lookup was stopped: try again"))
            raise
        for (_, answer), found in zip(batch, facts, strict=True):
            if not answer.done():  # its caller may have hung up
                answer.set_result(found)

    async def _in_turns(self, lookups: LookupConnection, requests: Sequence[Request]) -> LazyFacts:
        """A few people at a time on the event loop, and others in between: in a thread each row waits for its turn."""
        now, rows = self._clock(), list[Row]()
        for some in _in_chunks([*{request.subject_ref: None for request in requests}], A_FEW):
            rows += await lookups.rows(some)
            await asyncio.sleep(0)
        await self._freshened(_generation(rows), now)
        return LazyFacts(requests, rows, self._cache.agreed, now)

    async def _looked_up(self, requests: Sequence[Request]) -> list[Facts]:
        lookups, now = await self._opened_lookups(), self._clock()
        return await self._made(
            await lookups.rows([*{request.subject_ref: None for request in requests}]), requests, now
        )

    async def _opened_lookups(self) -> LookupConnection:
        if self._lookups is None:
            self._lookups = await lookup_connection(self._connect)
        return self._lookups

    async def _made(self, rows: Sequence[Row], requests: Sequence[Request], now: datetime) -> list[Facts]:
        generation, people = _sorted(rows)
        await self._freshened(generation, now)
        return _facts(requests, people, self._cache, now)

    async def _freshened(self, generation: int, now: datetime) -> None:
        if not self._cache.is_of(generation):
            async with self._connect() as connection:
                await self._cache.freshened(connection, generation, now)


def _fail(waiting: Iterable[Waiting], error: FactsUnavailable) -> None:
    for _, answer in waiting:
        if not answer.done():
            answer.set_exception(error)
