"""Which agreements cover a request, by what they grant; the second half of a decision is the person (`legal_bases`).

Pure functions of facts and the clock, as `decide` is.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from .model import Agreement, Facts, Request, member_of

Rule = Callable[[Agreement, Request, Facts, datetime], str]
"""Why an agreement does not cover a request, in words; empty if this rule has nothing against it."""


def _parties(agreement: Agreement, request: Request, _facts: Facts, _now: datetime) -> str:
    if request.consumer in agreement.consumer.systems and request.provider in agreement.provider.systems:
        return ""
    return "other parties"


def _standing(agreement: Agreement, _request: Request, _facts: Facts, now: datetime) -> str:
    standing = agreement.standing(now)
    return "" if standing == "in force" else f"not in force ({standing})"


def _service(agreement: Agreement, request: Request, _facts: Facts, _now: datetime) -> str:
    return "" if request.service in agreement.grants else "service not granted"


def _action(agreement: Agreement, request: Request, _facts: Facts, _now: datetime) -> str:
    return "" if request.action in agreement.grants[request.service].actions else "action not granted"


def _purpose(agreement: Agreement, request: Request, _facts: Facts, _now: datetime) -> str:
    return "" if request.purpose in agreement.purposes else "other purpose"


def _sends(agreement: Agreement, request: Request, _facts: Facts, _now: datetime) -> str:
    excess = request.sent - agreement.grants[request.service].sends
    return f"may not send {', '.join(sorted(excess))}" if excess else ""


def _stopped(_agreement: Agreement, request: Request, facts: Facts, _now: datetime) -> str:
    return "stopped by the provider" if any("stop" in said for said in _said(request, facts)) else ""


def _approved(_agreement: Agreement, request: Request, facts: Facts, _now: datetime) -> str:
    wanting = any("approve_each" in said and "approval" not in said for said in _said(request, facts))
    return "not approved by the provider" if wanting else ""


def _said(request: Request, facts: Facts) -> Iterator[set[str]]:
    """The kinds of controls that count, for each way in which data would go."""
    if facts.controls:
        for owner, recipient in request.flows:
            yield {each.kind for each in facts.controls if each.concerns(owner, recipient, request.service)}


def _case(agreement: Agreement, request: Request, _facts: Facts, _now: datetime) -> str:
    return "case reference required" if agreement.requires_case and not request.case else ""


def _relationship(agreement: Agreement, request: Request, facts: Facts, now: datetime) -> str:
    if not agreement.requires_relationship:
        return ""
    holders = {request.consumer, member_of(request.consumer)}
    declared = any(
        each.subject_ref == request.subject_ref
        and each.holder in holders
        and each.case in {None, request.case}
        and each.standing(now) == "in force"
        for each in facts.relationships
    )
    return "" if declared else "no declared relationship"


def _some_field(agreement: Agreement, request: Request, _facts: Facts, _now: datetime) -> str:
    return "" if request.fields & agreement.grants[request.service].fields else "none of the asked fields"


RULES: tuple[tuple[str, Rule], ...] = (
    ("no_agreement", _parties),
    ("no_agreement", _standing),
    ("no_agreement", _service),
    ("no_agreement", _action),
    ("no_agreement", _purpose),
    ("stopped", _stopped),
    ("not_approved", _approved),
    ("sends_not_granted", _sends),
    ("case_required", _case),
    ("not_in_agreement", _some_field),
    ("no_relationship", _relationship),
)
"""The order in which an agreement is looked at: what it grants first, the person last."""


class Missed(NamedTuple):
    """How far an agreement came: the rule it broke, and the agreement itself once its parties and purpose fit."""

    rule: int
    code: str
    agreement: Agreement | None


def covering_agreements(
    request: Request, facts: Facts, now: datetime, reasons: list[str]
) -> tuple[list[Agreement], Missed | None]:
    """The agreements that cover the request, the one with most of the asked fields first; and the nearest miss.

    Why another does not is told in `reasons`, which grows.
    """
    covering: list[Agreement] = []
    nearest: Missed | None = None
    for agreement in sorted(facts.agreements, key=by_id):
        broken = next(_broken(agreement, request, facts, now), None)
        if broken is None:
            covering.append(agreement)
            continue
        rule, words = broken
        reasons.append(f"deny agreement {agreement.name}: {words}")
        if nearest is None or rule > nearest.rule:
            code = RULES[rule][0]
            nearest = Missed(rule, code, agreement if code != "no_agreement" else None)
    covering.sort(key=lambda each: -len(request.fields & each.grants[request.service].fields))  # keeps ties by id
    return covering, nearest


def _broken(agreement: Agreement, request: Request, facts: Facts, now: datetime) -> Iterator[tuple[int, str]]:
    for position, (_, rule) in enumerate(RULES):
        words = rule(agreement, request, facts, now)
        if words:
            yield position, words


def by_id(agreement: Agreement) -> tuple[str, int]:
    """What agreements are sorted by: the id, then the newest version first."""
    return agreement.id, -agreement.version
