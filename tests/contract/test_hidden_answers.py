"""Who may not know whether somebody exists cannot tell it from the answer, its size or its time; trying is noticed."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from adapters.kit.contract import (
    AgencyCannotTell,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    Question,
    RawAnswer,
)
from audit import Wanted
from consent import Consent, Facts, LegalBasis, Request
from gateway.edges.v1 import problems
from gateway.errors import ExchangeError
from gateway.gate import Gate, is_miss
from gateway.model import Ask
from gateway.oversight.misses import Misses
from gateway.pipeline import exchange
from tests.durable_house import AT, CONSUMER, Fund, House, a_house, subject

UNKNOWN, AMBIGUOUS, REFUSED, EMPTY, KNOWN, WITHOUT_CONSENT = "11", "12", "13", "14", "15", "16"
HIDDEN = (UNKNOWN, AMBIGUOUS, REFUSED, EMPTY, WITHOUT_CONSENT)
FLOOR_S = 0.08


@dataclass
class Answering(Fund):
    """An agency that takes its time, and knows some people and others not."""

    slow_s: float = 0.0
    answers: dict[str, AgencyError] = field(
        default_factory=lambda: {
            UNKNOWN: AgencyHasNoSuchPerson("nobody", code="404"),
            AMBIGUOUS: AgencyCannotTell("two of them"),
            REFUSED: AgencyRefused("no", code="P-9"),
        }
    )

    async def ask(self, question: Question) -> RawAnswer:
        number = question.subject.identifiers[0].value
        self.asked.append(number)
        await asyncio.sleep(self.slow_s)
        if number in self.answers:
            raise self.answers[number]
        return RawAnswer({"a": 1}, date(2026, 9, 30), empty=number == EMPTY)


@dataclass
class Place:
    """A house where everybody but one has consented, for a consumer without the right to know existence."""

    house: House
    fund: Answering
    gate: Gate
    misses: Misses

    async def told(self, number: str, purpose: str = "p") -> httpx.Response:
        """The answer to one question, as the native edge would send it."""
        app = FastAPI()
        problems.install(app)

        @app.post("/v1/exchanges")
        async def post() -> dict[str, object]:
            return (await exchange(ask(number, purpose), self.gate)).wire()

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as http:
            return await http.post("/v1/exchanges")

    async def seconds(self, number: str) -> float:
        begun = time.perf_counter()
        with suppress(ExchangeError):
            await exchange(ask(number), self.gate)
        return time.perf_counter() - begun


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with a_house(database_url, tmp_path) as house:
        fund = Answering()
        catalogue = house.gate.catalogue
        catalogue._offers = {name: replace(offer, adapter=fund) for name, offer in catalogue._offers.items()}
        basis = LegalBasis("consent", controllers=frozenset({"LK/GOV/WBB"}))
        agreement = replace(house.agreements[0], bases=(basis,), may_know_existence=False)
        silent = house.gate.person_ref(subject(WITHOUT_CONSENT))

        async def facts_of(request: Request) -> Facts:
            consents = () if request.subject_ref == silent else (given(request.subject_ref),)
            return Facts((agreement,), consents)

        misses = Misses(house.db, house.log, most=50, rate=0.5, clock=lambda: house.clock[0])
        yield Place(house, fund, replace(house.gate, facts_of=facts_of, count_misses=misses), misses)
        await misses.settled()


def given(subject_ref: str) -> Consent:
    period, recipients = (AT.replace(year=2020), AT.replace(year=2030)), frozenset({CONSUMER})
    terms = (recipients, frozenset({"p"}), {"fund.status": None}, *period, "self", "sha-256:" + "0" * 64)
    return Consent("C1", subject_ref, "LK/GOV/WBB", *terms)


def ask(number: str, purpose: str = "p") -> Ask:
    return Ask(CONSUMER, "fund.status", purpose, subject(number), date(2026, 11, 1), frozenset({"a"}))


async def test_every_hidden_answer_is_the_same_but_for_the_exchange_s_id(place: Place) -> None:
    answers = [await place.told(number) for number in HIDDEN] + [await place.told(KNOWN, "other")]
    shapes = set()
    for each in answers:
        body = each.content.replace(each.json()["exchange_id"].encode(), b"ID")
        shapes.add((each.status_code, body, tuple(sorted(each.headers.items()))))
    assert len(shapes) == 1
    assert answers[0].status_code == 404
    assert answers[0].json()["code"] == "not_available"
    assert len({len(each.content) for each in answers}) == 1


@pytest.mark.parametrize("tries", [40, pytest.param(10_000, marks=pytest.mark.nightly)])
async def test_of_many_numbers_that_are_tried_half_of_them_real_all_look_alike(place: Place, tries: int) -> None:
    """Real ones are known at the source and refused for the purpose; the others nobody has."""
    place.fund.answers |= {f"2{number:05}": AgencyHasNoSuchPerson("nobody") for number in range(0, tries, 2)}
    looks = set()
    for number in range(tries):
        answer = await place.told(f"2{number:05}", "p" if number % 2 == 0 else "other")
        looks.add((answer.status_code, answer.content.replace(answer.json()["exchange_id"].encode(), b"ID")))
    assert len(looks) == 1


async def test_the_decision_comes_before_the_lookup(place: Place) -> None:
    await place.told(WITHOUT_CONSENT)
    await place.told(KNOWN, "other")
    assert place.fund.asked == []


async def test_the_log_keeps_what_really_happened(place: Place) -> None:
    for number in HIDDEN:
        await place.told(number)
    found = await place.house.log.search(Wanted(kind="exchange.outcome"))
    assert sorted(each.facts["outcome"] for each in found) == [
        "ambiguous",
        "no_data",
        "refused_by_rules",
        "refused_by_source",
        "unknown_person",
    ]


@pytest.mark.parametrize("number", [*HIDDEN, KNOWN])
async def test_nothing_is_told_sooner_than_the_floor_answered_or_not(place: Place, number: str) -> None:
    place.gate = replace(place.gate, floor_s=FLOOR_S)
    assert await place.seconds(number) >= FLOOR_S


async def test_who_may_know_waits_for_no_floor(place: Place) -> None:
    gate = replace(place.house.gate, floor_s=30.0)
    place.house.agreements[0] = replace(place.house.agreements[0], may_know_existence=True)
    async with asyncio.timeout(10):
        assert (await exchange(ask(KNOWN), gate)).outcome == "answered"


@pytest.mark.parametrize("samples", [60, pytest.param(5_000, marks=pytest.mark.nightly)])
async def test_times_tell_nobody_apart(place: Place, samples: int, record_property: Callable[..., None]) -> None:
    """A lookup that takes 10 ms more than a refusal is not seen. Judged by how often one is slower than the other,
    which chance moves by a few hundredths at most; the p value is only written into the report."""
    place.gate, place.fund.slow_s = replace(place.gate, floor_s=0.15), 0.01
    await asyncio.gather(*(place.seconds(number) for number in HIDDEN))  # warmed up
    times: dict[str, list[float]] = {UNKNOWN: [], WITHOUT_CONSENT: []}
    for _ in range(samples // 10):
        for number in times:
            times[number] += await asyncio.gather(*(place.seconds(number) for _ in range(10)))
    share, p = mann_whitney(times[UNKNOWN], times[WITHOUT_CONSENT])
    record_property("unknown slower than refused", f"{share:.3f} of pairs, p = {p:.3f}")
    assert min(map(min, times.values())) >= 0.15
    if samples > 1000:
        assert 0.4 <= share <= 0.6


def mann_whitney(ones: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """How often one of the first is larger than one of the second (0.5: no difference), and the two-sided p value.

    Source: Mann and Whitney 1947; normal approximation. Times are never equal, so ties need no correction.
    """
    ranked = sorted([(each, True) for each in ones] + [(each, False) for each in others])
    ranks = sum(rank for rank, (_, first) in enumerate(ranked, 1) if first)
    pairs = len(ones) * len(others)
    larger = ranks - len(ones) * (len(ones) + 1) / 2
    spread = math.sqrt(pairs * (len(ones) + len(others) + 1) / 12)
    return larger / pairs, math.erfc(abs(larger - pairs / 2) / spread / math.sqrt(2))


def test_the_measure_tells_apart_what_differs() -> None:
    same, later = [each / 1000 for each in range(200)], [each / 1000 + 0.05 for each in range(200)]
    assert mann_whitney([each + 0.0001 for each in same], same)[0] == pytest.approx(0.5, abs=0.01)
    assert mann_whitney(later, same)[1] < 0.001


async def test_the_alarm_rings_at_the_fiftieth_miss_once_and_names_no_person(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL, "sandhi.oversight"):
        for number in range(120):
            place.misses(CONSUMER, 1, 1)
            await place.misses.settled()
            assert place.misses.alarms[CONSUMER] == (number >= 49)
    (entry,) = await place.house.log.search(Wanted(kind="alarm.miss_rate"))
    (stored,) = await place.house.log.find([entry.entry_id])
    assert {**stored.entry.facts, "since_s": 0} == {"consumer": CONSUMER, "asked": 50, "missed": 50, "since_s": 0}
    assert len(caplog.records) == 1
    assert place.misses.missed[CONSUMER] == 120


async def test_who_misses_rarely_rings_no_alarm(place: Place) -> None:
    for _ in range(100):
        place.misses(CONSUMER, 3, 1)
        await place.misses.settled()
    assert place.misses.alarms[CONSUMER] == 0


async def test_misses_of_all_processes_count_together(place: Place) -> None:
    other = Misses(place.house.db, place.house.log, clock=lambda: place.house.clock[0])
    for _ in range(25):
        place.misses(CONSUMER, 1, 1)
        other(CONSUMER, 1, 1)
    await place.misses.settled()
    await other.settled()
    assert place.misses.alarms[CONSUMER] + other.alarms[CONSUMER] == 1


async def test_exchanges_are_counted_as_they_ended(place: Place) -> None:
    for number in (*HIDDEN, KNOWN):
        await place.told(number)
    assert place.misses.missed[CONSUMER] == len(HIDDEN)


@pytest.mark.parametrize(
    ("outcome", "may_know", "miss"),
    [
        ("answered", False, False),
        ("no_data", False, True),
        ("unknown_person", False, True),
        ("unknown_person", True, False),  # an ordinary answer for who may know; quotas bound how many
        ("refused_by_rules", True, True),
        ("source_down", False, False),
    ],
)
def test_what_a_miss_is(outcome: str, may_know: bool, miss: bool) -> None:
    assert is_miss(outcome, may_know) is miss
