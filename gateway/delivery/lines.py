"""Steps 2 to 5 of a batch: many people of one service, each with an own decision and an own end."""

import logging
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass

from adapters.kit.contract import AgencyError, RawAnswer

from ..catalogue import Offer
from ..errors import ExchangeError, NoData, SourceUnavailable, Unknown, translated
from ..gate import Gate, fresh, question
from ..model import Ask, Permit
from ..pipeline import minimised

logger = logging.getLogger("sandhi.batches")
UNTOLD = SourceUnavailable("The source left this line out.")


@dataclass(frozen=True, slots=True)
class Judged:
    """One line after its decision: the permit, or why there is none."""

    ask: Ask
    permit: Permit | None
    error: ExchangeError | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One line's end: what is told to the caller, and what the decision row keeps. `fields` are names only."""

    told: Mapping[str, object]
    outcome: str
    reasons: tuple[str, ...]
    fields: tuple[str, ...] = ()
    permit: Permit | None = None


async def answered(gate: Gate, asks: Sequence[Ask]) -> list[Result]:
    """Steps 2 to 5 for many people of one service: a result for each, in order."""
    judged = await judge(gate, asks)
    granted = [position for position, each in enumerate(judged) if each.permit]
    raws = await fetched(gate, [judged[position] for position in granted])
    again = dict(zip(granted, await judge(gate, [asks[position] for position in granted]), strict=True))
    found = dict(zip(granted, raws, strict=True))
    return [
        released(gate, again[position], found[position]) if each.permit else refused(each)
        for position, each in enumerate(judged)
    ]


async def judge(gate: Gate, asks: Sequence[Ask]) -> list[Judged]:
    """Step 2, and 5, for many: facts of all in few queries."""
    verdicts = await gate.permits(asks)
    return [
        Judged(ask, verdict) if isinstance(verdict, Permit) else Judged(ask, None, verdict)
        for ask, verdict in zip(asks, verdicts, strict=True)
    ]


async def fetched(gate: Gate, judged: Sequence[Judged]) -> list[RawAnswer | ExchangeError]:
    """Step 3 for many, through the adapter's bulk operation."""
    answers: list[RawAnswer | ExchangeError] = [UNTOLD for _ in judged]
    if not judged:
        return answers
    offer = gate.catalogue.offer(judged[0].ask.service)
    try:
        await _ask_all(offer, judged, answers)
    except ExchangeError as error:  # no link: the same for everyone
        return [error for _ in judged]
    except Exception as error:
        logger.exception("an adapter failed", extra={"service": offer.service.id})
        fault = Unknown("The gateway failed on this line.", reasons=(f"fault {type(error).__name__}",))
        return [fault if answer is UNTOLD else answer for answer in answers]
    return answers


async def _ask_all(offer: Offer, judged: Sequence[Judged], answers: list[RawAnswer | ExchangeError]) -> None:
    questions = [question(each.ask, offer, each.permit) for each in judged if each.permit]
    async for position, answer in offer.link.ask_many(questions):
        answers[position] = translated(answer) if isinstance(answer, AgencyError) else answer


def released(gate: Gate, judged: Judged, raw: RawAnswer | ExchangeError) -> Result:
    """Steps 4 and 5 for one line."""
    permit = judged.permit
    if permit is None:  # gone between asking and releasing
        return refused(judged)
    try:
        if isinstance(raw, ExchangeError):
            raise raw
        ask = judged.ask
        record = gate.normalise(ask, permit, fresh(raw, ask.as_at, permit))
        if raw.empty and not permit.may_know_existence:
            raise NoData("The agency has no data for the period.")
    except ExchangeError as error:
        return refused(Judged(judged.ask, permit, error))
    except Exception as error:
        logger.exception("a line failed", extra={"service": judged.ask.service})
        fault = Unknown("The gateway failed on this line.", reasons=(f"fault {type(error).__name__}",))
        return refused(Judged(judged.ask, permit, fault))
    outcome = "no_data" if raw.empty else "answered"
    kept = minimised(ask, record, permit)
    told: dict[str, object] = {
        "outcome": outcome,
        ("claims" if ask.claim else "record"): kept,
        "withheld": [asdict(each) for each in permit.withheld],
        "source": ask.service,
        "source_code": raw.code,
        "as_of": raw.as_of.isoformat(),
        "match": raw.match,
    }
    return Result(told, outcome, permit.reasons, tuple(sorted(kept)), permit)


def refused(judged: Judged) -> Result:
    """A line without an answer, told as far as this caller may know."""
    assert judged.error is not None
    error = copy(judged.error)  # one error may stand for many lines
    error.may_know_existence = error.may_know_existence or bool(judged.permit and judged.permit.may_know_existence)
    _status, code, detail = error.told
    reasons = error.reasons or (judged.permit.reasons if judged.permit else ())
    told = {"outcome": code, "detail": detail, "source": judged.ask.service}
    if error.source_code and code == error.code:
        told["source_code"] = error.source_code
    return Result(told, error.code, reasons, (), judged.permit)
