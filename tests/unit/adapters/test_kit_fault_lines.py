"""Many people, one question each: all at once as far as the agency allows, and nobody takes others along."""

import asyncio
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from adapters.kit import manifest
from adapters.kit.base import BaseAdapter, Kit
from adapters.kit.contract import AgencyOutcomeUnknown, Identifier, Question, RawAnswer, Subject
from adapters.kit.egress import Dialler

TAX = Path(__file__).parents[3] / "adapters/tax"


class Faulty(BaseAdapter):
    async def ask(self, question: Question) -> RawAnswer:
        if question.subject.identifiers[0].value == "2":
            raise ZeroDivisionError
        return RawAnswer({}, date(2026, 9, 30))


class Counting(BaseAdapter):
    """Knows how many questions are at the agency, and in which order they came."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self.now = self.most = 0
        self.came: list[str] = []

    async def ask(self, question: Question) -> RawAnswer:
        self.now += 1
        self.most = max(self.most, self.now)
        self.came.append(question.subject.identifiers[0].value)
        await asyncio.sleep(0.001)
        self.now -= 1
        return RawAnswer({}, date(2026, 9, 30))


def kit() -> Kit:
    settings: Mapping[str, str] = {}
    return Kit(TAX, manifest.load(TAX), {}, settings.__getitem__, Dialler())


def questions(first: int, count: int) -> list[Question]:
    subjects = [Subject((Identifier("TIN", str(n)),)) for n in range(first, first + count)]
    return [Question("tax.employment", each, frozenset(), date(2026, 10, 31)) for each in subjects]


async def test_two_bulk_questions_share_the_places_and_the_first_is_asked_first() -> None:
    adapter = Counting(kit())
    places = adapter.kit.manifest.transport.concurrent

    async def all_of(asked: list[Question]) -> list[int]:
        return sorted([place async for place, _ in adapter.ask_many(asked)])

    count = 2 * places + 1
    first, second = await asyncio.gather(all_of(questions(0, count)), all_of(questions(1000, count)))
    assert first == second == list(range(count))
    assert adapter.most == places
    assert [int(each) < 1000 for each in adapter.came] == [True] * count + [False] * count


async def test_whoever_stops_listening_gives_the_places_back() -> None:
    adapter = Counting(kit())
    async for _ in adapter.ask_many(questions(0, 100)):
        break
    await asyncio.sleep(0.01)
    assert adapter.now <= adapter.kit.manifest.transport.concurrent
    assert len([each async for each in adapter.ask_many(questions(0, 5))]) == 5


async def test_a_fault_on_one_question_is_that_line_s_alone() -> None:
    adapter, asked = Faulty(kit()), questions(1, 3)
    found = dict([each async for each in adapter.ask_many(asked)])
    assert [type(found[place]) for place in range(3)] == [RawAnswer, AgencyOutcomeUnknown, RawAnswer]
