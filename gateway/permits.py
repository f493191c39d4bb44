"""Decisions as permits: what was granted, in the gateway's own words; one by one, and for all lines of a batch."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from functools import lru_cache
from operator import attrgetter

from consent import Decision, Facts, Request
from consent.decide_many import Template, deciding
from consent.model import Quota

from .errors import RefusedByRules
from .model import Budget, Permit, Withheld

REFUSED = "The rules do not allow this: see the agreement, its purposes, and the person's consent."


def permitted(decision: Decision) -> Permit:
    """A decision as a permit.

    Raises:
        RefusedByRules: it says no; the reasons are for the log, the caller learns only that rules refused.
    """
    if not decision.allowed:
        refusal = RefusedByRules(REFUSED, reasons=decision.reasons)
        refusal.may_know_existence = decision.may_know_existence
        raise refusal
    return Permit(
        fields=decision.fields,
        reasons=decision.reasons,
        withheld=_withheld(decision.withheld),
        agreement=decision.agreement or "",
        agreement_version=decision.agreement_version or 0,
        basis=decision.basis or "",
        consent=decision.consent or "",
        may_know_existence=decision.may_know_existence,
        max_age_months=decision.max_age_months,
        contested=decision.contested,
        budgets=_budgets(decision) if decision.quota or decision.times_per_day else (),
        emergency=decision.emergency,
        answers_kept_minutes=decision.answers_kept_minutes,
    )


def _budgets(decision: Decision) -> tuple[Budget, ...]:
    """What the answer is counted against: the agreement first, then the consent."""
    budgets = [Budget(decision.agreement or "", decision.quota)] if decision.quota else []
    if decision.times_per_day:
        budgets.append(Budget(f"consent:{decision.consent}", Quota(calls_per_day=decision.times_per_day)))
    return tuple(budgets)


def permitting(
    requests: Sequence[Request], facts: Sequence[Facts], now: datetime
) -> Callable[[int], Permit | RefusedByRules]:
    """The permit, or why there is none, of the line at a place of a batch.

    It is made once for all who stand alike, and each one's own consent is written in.
    """
    decided = deciding(requests, facts, now)
    known: dict[Template, Permit] = {}

    def verdict(place: int) -> Permit | RefusedByRules:
        template, ids = decided(place)
        alike = known.get(template)
        if alike is not None:
            return _named(alike, template, ids)
        made = _verdict(_in_bulk(template.of(ids), requests[place], facts[place]))
        if isinstance(made, Permit) and not made.budgets:  # a budget may be the consent's own
            known[template] = made
        return made

    return verdict


@lru_cache(maxsize=1024)  # names of fields and codes: the same for most people
def _withheld(named: tuple[tuple[str, str], ...]) -> tuple[Withheld, ...]:
    return tuple(Withheld(name, reason) for name, reason in named)


def _in_bulk(decision: Decision, request: Request, facts: Facts) -> Decision:
    """The decision on one line of a batch: the agreement that grants it must grant the action `bulk` too."""
    chosen = (decision.agreement, decision.agreement_version)
    granting = next((each for each in facts.agreements if (each.id, each.version) == chosen), None)
    if not decision.allowed or (granting and "bulk" in granting.grants[request.service].actions):
        return decision
    reasons = (*decision.reasons, f"deny agreement {decision.agreement} v{decision.agreement_version}: no bulk")
    return replace(decision, allowed=False, fields=frozenset(), reasons=reasons, refusal="action_not_granted")


def _named(alike: Permit, template: Template, ids: Sequence[str]) -> Permit:
    """The permit of somebody who stands like another, with the ids of their own consents."""
    if not ids:
        return alike
    members = list(_members(alike))
    members[_REASONS], members[_CONSENT] = template.reasons(ids), template.consent(ids) or ""
    return Permit(*members)


_members = attrgetter(*[each.name for each in fields(Permit)])
_REASONS, _CONSENT = ([each.name for each in fields(Permit)].index(name) for name in ("reasons", "consent"))


def _verdict(decision: Decision) -> Permit | RefusedByRules:
    try:
        return permitted(decision)
    except RefusedByRules as refusal:
        return refusal
