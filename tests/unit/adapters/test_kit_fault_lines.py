"""One person's line never takes the others with it."""

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


async def test_a_fault_on_one_question_is_that_line_s_alone() -> None:
    settings: Mapping[str, str] = {}
    adapter = Faulty(Kit(TAX, manifest.load(TAX), {}, settings.__getitem__, Dialler()))
    asked = [
        Question("tax.employment", Subject((Identifier("TIN", str(n)),)), frozenset(), date(2026, 10, 31))
        for n in range(1, 4)
    ]
    found = dict([each async for each in adapter.ask_many(asked)])
    assert [type(found[place]) for place in range(3)] == [RawAnswer, AgencyOutcomeUnknown, RawAnswer]
