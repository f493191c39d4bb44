"""Steps 2 to 5 of a batch: many people of one service, each with an own decision and an own end."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime
from itertools import repeat
from typing import NamedTuple

from adapters.kit.claims import CLAIMS
from adapters.kit.contract import Adapter, AgencyError, Question, RawAnswer, Subject
from consent import Facts, Request
from consent.lazy_facts import LazyFacts

from ..catalogue import Offer
from ..errors import ExchangeError, NoData, SourceUnavailable, Unknown, translated
from ..gate import Gate, fresh, narrowed, question
from ..gate_ports import Room
from ..model import Ask, Permit
from ..pipeline import minimised
from .turns import Turns

logger = logging.getLogger("sandhi.batches")
UNTOLD = SourceUnavailable("The source left this line out.")

Verdict = Permit | ExchangeError
Raw = RawAnswer | ExchangeError


class Result(NamedTuple):
    """One line's end: what is told to the caller, and what the decision row keeps. `fields` are names only."""

    request: Request
    told: Mapping[str, object]
    outcome: str
    reasons: tuple[str, ...]
    fields: tuple[str, ...] = ()
    permit: Permit | None = None


async def answered(
    gate: Gate,
    pattern: Ask,
    subjects: Sequence[Subject],
    turns: Turns,
    *,
    once: str = "",
    size: int = 1,
    booked: bool = False,
) -> list[Result]:
    """Steps 2 to 5 for many people of one service: a result for each, in order.

    Args:
        pattern: the question, with an empty subject.
        once: what these lines are, for their budgets: the same again costs nothing more.
        size: how many lines their batch has.
        booked: a campaign has counted them on the agency's quota already.
    """
    requests = await turns.each(_request_about(gate, pattern), subjects)
    first = await judged(gate, requests, turns)
    verdicts = await counted(gate, requests, first.verdicts, once, size)
    granted = [place for place, verdict in enumerate(verdicts) if isinstance(verdict, Permit)]
    asked = [(subjects[place], verdicts[place]) for place in granted]
    raws = await fetched(gate, pattern, asked, turns, booked=booked)
    known = first._replace(verdicts=[verdicts[place] for place in granted])
    again = await judged(gate, [requests[place] for place in granted], turns, known)
    ends: list[tuple[Request, Verdict, Raw]] = [
        (request, verdict, UNTOLD) for request, verdict in zip(requests, verdicts, strict=True)
    ]
    asks = _asks(pattern, subjects)
    for place, verdict, raw in zip(granted, again.verdicts, raws, strict=True):
        ends[place] = (requests[place], verdict, raw)
    return await turns.each(lambda line: ended(gate, line[0], *line[1]), zip(asks, ends, strict=True))


def _asks(pattern: Ask, subjects: Sequence[Subject]) -> Iterable[Ask]:
    """The question of each line; with its subject only where the answer is made with its names."""
    if pattern.claim and CLAIMS[pattern.claim.name].compares:
        return [replace(pattern, subject=subject) for subject in subjects]
    return repeat(pattern, len(subjects))


def _request_about(gate: Gate, pattern: Ask) -> Callable[[Subject], Request]:
    """`Gate.request` for the subjects of a batch: what they share is worked out once."""
    build, person_ref = gate.request_builder(pattern), gate.person_ref
    sent = gate.catalogue.offer(pattern.service).service.sent

    def about(subject: Subject) -> Request:
        told = narrowed(subject, sent)
        return build(person_ref(subject), person_ref.unbound(told), person_ref.things(told))

    return about


class Judged(NamedTuple):
    """Verdicts in the order of their requests, with the facts that they rest on, and when they were made."""

    verdicts: list[Verdict]
    facts: Sequence[Facts]
    at: datetime


async def judged(gate: Gate, requests: Sequence[Request], turns: Turns, before: Judged | None = None) -> Judged:
    """Step 2, and 5, for many: facts of all in few queries.

    Args:
        before: what was said of these requests. All is read anew; who stands as they stood is not decided anew.
    """
    facts, now = await gate.facts_about_many(requests), gate.clock()
    decided = gate.permitting(requests, facts)
    if before is None or not isinstance(facts, LazyFacts):
        return Judged(await turns.each(decided, range(len(requests))), facts, now)
    known, same = before.verdicts, facts.standing_as(before.facts, before.at, now)

    def verdict(place: int) -> Verdict:
        return known[place] if same(place) else decided(place)

    return Judged(await turns.each(verdict, range(len(requests))), facts, now)


async def counted(
    gate: Gate, requests: Sequence[Request], verdicts: list[Verdict], once: str, size: int
) -> list[Verdict]:
    """Still 2: the budgets of those that are granted, all at once; lines over a budget are refused."""
    costly = {place: each for place, each in enumerate(verdicts) if isinstance(each, Permit) and each.budgets}
    if costly:
        lines = [(permit, requests[place].subject_ref) for place, permit in costly.items()]
        for place, refused in zip(costly, await gate.spend(once, lines, size=size), strict=True):
            verdicts[place] = refused or verdicts[place]
    return verdicts


async def fetched(
    gate: Gate, pattern: Ask, granted: Sequence[tuple[Subject, Verdict]], turns: Turns, *, booked: bool = False
) -> list[Raw]:
    """Step 3 for many, through the adapter's bulk operation; lines over the agency's quota are not asked."""
    answers: list[Raw] = [UNTOLD for _ in granted]
    if not granted:
        return answers
    offer = gate.catalogue.offer(pattern.service)
    try:
        link = offer.link
        room = await gate.meter(offer, 0 if booked else len(granted))
        if booked and room.over is None:  # what was counted before is still not asked in a planned outage
            room = Room(len(granted), None)
        if room.over is not None:
            answers[room.calls :] = [room.over for _ in granted[room.calls :]]
        await _ask_all(link, offer, pattern, granted[: room.calls], answers, turns)
    except ExchangeError as error:  # no link, nothing to count with: the same for everyone
        return [error for _ in granted]
    except Exception as error:
        logger.exception("an adapter failed", extra={"service": offer.service.id})
        fault = _fault(error)
        return [fault if answer is UNTOLD else answer for answer in answers]
    return answers


async def _ask_all(
    link: Adapter,
    offer: Offer,
    pattern: Ask,
    granted: Sequence[tuple[Subject, Verdict]],
    answers: list[Raw],
    turns: Turns,
) -> None:
    def asked(line: tuple[Subject, Verdict]) -> Question:
        subject, permit = line
        assert isinstance(permit, Permit)
        return question(pattern, offer, permit, subject)

    if not granted:
        return
    questions = await turns.each(asked, granted)
    async for place, answer in link.ask_many(questions):
        answers[place] = translated(answer) if isinstance(answer, AgencyError) else answer


def ended(gate: Gate, pattern: Ask, request: Request, verdict: Verdict, raw: Raw) -> Result:
    """Steps 4 and 5 for one line. `verdict` is the second one: what is gone by now is not released."""
    if isinstance(verdict, ExchangeError):
        return refused(request, None, verdict)
    if isinstance(raw, ExchangeError):
        return refused(request, verdict, raw)
    try:
        record = gate.normalise(pattern, verdict, fresh(raw, pattern.as_at, verdict))
        if raw.empty and not verdict.may_know_existence:
            raise NoData("The agency has no data for the period.")
    except ExchangeError as error:
        return refused(request, verdict, error)
    except Exception as error:
        logger.exception("a line failed", extra={"service": pattern.service})
        return refused(request, verdict, _fault(error))
    outcome = "no_data" if raw.empty else "answered"
    kept = minimised(pattern, record, verdict)
    told: dict[str, object] = {
        "outcome": outcome,
        ("claims" if pattern.claim else "record"): kept,
        "withheld": verdict.withheld,
        "source": pattern.service,
        "source_code": raw.code,
        "as_of": raw.as_of,
        "match": raw.match,
    }
    if verdict.contested:
        told["contested"] = True
    return Result(request, told, outcome, verdict.reasons, tuple(sorted(kept)), verdict)


def refused(request: Request, permit: Permit | None, error: ExchangeError) -> Result:
    """A line without an answer, told as far as this caller may know."""
    error = copy(error)  # one error may stand for many lines
    error.may_know_existence = error.may_know_existence or bool(permit and permit.may_know_existence)
    _status, code, detail = error.told
    reasons = error.reasons or (permit.reasons if permit else ())
    told = {"outcome": code, "detail": detail, "source": request.service}
    if error.source_code and code == error.code:
        told["source_code"] = error.source_code
    return Result(request, told, error.code, reasons, (), permit)


def _fault(error: Exception) -> Unknown:
    return Unknown("The gateway failed on this line.", reasons=(f"fault {type(error).__name__}",))
