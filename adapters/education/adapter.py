"""The education register: studies and qualifications, from EHIS over X-Road."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

import schemas
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.fitting import xml_answer
from adapters.kit.transports.xroad import System, XRoad, load_schema

from . import wire

CHUNK = 500  # people in one pair of calls: the smaller of the two operations' limits
EARLIEST = date(1950, 1, 1)  # before the schooling of anybody of working age
XSD = schemas.FOLDER / "agency/estonia-xtee/ehis.xsd"


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Questions of one period: (position in `questions`, learner number)."""

    asked: tuple[tuple[int, str], ...]
    start: date
    end: date
    as_of: date
    finished: bool  # whether completions are wanted at all


class Education(BaseAdapter):
    """One person or many, by learner number. Only studies and completions are ever asked for."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._schema = load_schema(XSD)
        client, provider = System.of(kit.setting("client")), System.of(kit.setting("service"))
        self._xroad = XRoad(kit.http(), client, provider, self._schema)

    async def ask(self, question: Question) -> RawAnswer:
        """A batch of one; see `contract.Adapter.ask`."""
        async for _, answer in self.ask_many([question]):
            if isinstance(answer, AgencyError):
                raise answer
            return answer
        raise AssertionError("a batch of one gives one answer")

    async def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """500 people a call, as many calls at once as the agency allows; see `contract.Adapter.ask_many`."""
        chunks, refused = self._planned(questions)
        for position, error in refused:
            yield position, error
        waiting = iter(chunks)
        running: set[asyncio.Task[list[tuple[int, RawAnswer | AgencyError]]]] = set()
        try:
            while True:
                free = self.kit.manifest.transport.concurrent - len(running)
                running |= {asyncio.create_task(self._answers(chunk)) for chunk in islice(waiting, free)}
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    for answer in task.result():
                        yield answer
        finally:
            for task in running:
                task.cancel()

    def parse(self, service: str, body: bytes) -> object:
        """The payload of one person's answers: both response elements inside one root element.

        Raises:
            AgencyAnswerMalformed: not XML, or not what the schema allows.
        """
        self.service(service)
        root = xml_answer(body)
        if len(root) != 2 or not all(self._schema.validate(answer) for answer in root):
            raise AgencyAnswerMalformed("the answer breaks ehis.xsd")
        learner = root[0].findtext("isikud/isik/isikukood") or ""
        person = wire.studies_by_learner(root[0], [learner])[learner]
        if (failure := wire.failure_of(person)) is not None:
            raise AgencyAnswerMalformed(failure.detail, code=failure.code)
        return person | {"lopetanud": wire.finished_by_learner(root[1], [learner])[learner]}

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """Codes are looked up in tables, and a code that is in none is an error: never guessed."""
        del service  # the adapter has one
        answer: Any = raw.payload
        earned = [wire.qualification(each, f"/lopetanud/{at}") for at, each in enumerate(answer["lopetanud"])]
        return {
            "closed_month": raw.as_of.isoformat()[:7],
            "enrolments": [wire.enrolment(each, f"/oppimine/{at}") for at, each in enumerate(answer["oppimine"])],
            "qualifications": [each for each in earned if each is not None],
        }

    async def _answers(self, chunk: _Chunk) -> list[tuple[int, RawAnswer | AgencyError]]:
        try:
            studies, finished = await self._fetched(chunk)
        except AgencyError as error:
            return [(position, error) for position, _ in chunk.asked]
        return [
            (position, wire.failure_of(studies[learner]) or _answer(studies[learner], finished[learner], chunk.as_of))
            for position, learner in chunk.asked
        ]

    async def _fetched(self, chunk: _Chunk) -> tuple[dict[str, wire.Node], dict[str, list[wire.Node]]]:
        learners = list(dict.fromkeys(learner for _, learner in chunk.asked))
        answer = await self._xroad.call(wire.studies_request(learners, chunk.start, chunk.end))
        studies = wire.studies_by_learner(answer, learners)
        known = [learner for learner in learners if wire.failure_of(studies[learner]) is None]
        finished: dict[str, list[wire.Node]] = {learner: [] for learner in learners}
        if chunk.finished and known:
            answer = await self._xroad.call(wire.finished_request(known, chunk.start, chunk.end))
            finished |= wire.finished_by_learner(answer, known)
        return studies, finished

    def _planned(self, questions: Sequence[Question]) -> tuple[list[_Chunk], list[tuple[int, AgencyError]]]:
        groups: defaultdict[tuple[date, date, date, bool], list[tuple[int, str]]] = defaultdict(list)
        refused: list[tuple[int, AgencyError]] = []
        for position, question in enumerate(questions):
            try:
                groups[self._group(question)].append((position, _learner(question)))
            except AgencyError as error:
                refused.append((position, error))
        return [chunk for key, asked in groups.items() for chunk in _chunks(key, asked)], refused

    def _group(self, question: Question) -> tuple[date, date, date, bool]:
        """Period, as-of day and need of completions: what one call has in common."""
        period = question.period
        start, end = (period.start, period.end) if period else (EARLIEST, question.as_at)
        service = self.service(question.service)
        return start, end, as_of(service, question.as_at), "qualifications" in question.fields


def build(kit: Kit) -> Education:
    """The adapter of this folder."""
    return Education(kit)


def _answer(studies: wire.Node, finished: list[wire.Node], complete_until: date) -> RawAnswer:
    payload = {**studies, "lopetanud": finished}
    return RawAnswer(payload, complete_until, code="0", empty=not studies["oppimine"] and not finished)


def _learner(question: Question) -> str:
    """One bad number would break the whole message against the XSD, so it is refused here alone."""
    learner = question.subject.identifier("LEARNER")
    if learner is None or not wire.is_learner(learner):
        raise AgencyRejectedMessage("EHIS is asked by learner number, 11 digits", code="identifier")
    return learner


def _chunks(key: tuple[date, date, date, bool], asked: Sequence[tuple[int, str]]) -> Iterator[_Chunk]:
    for at in range(0, len(asked), CHUNK):
        yield _Chunk(tuple(asked[at : at + CHUNK]), *key)
