"""What an amendment changes, rule by rule: what it widens, what it narrows, what is only worded anew.

Widening means that more may be disclosed, to more, for longer, or under weaker conditions than both members agreed so
far; it needs a second pair of eyes. Narrowing never does. When in doubt a change counts as widening.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime

from .model import ASSURANCES, SENSITIVITIES, Agreement, Grant, LegalBasis, Quota

WIDENED, NARROWED, REWORDED = "widened", "narrowed", "reworded"
UNLIMITED = float("inf")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions. `place` is the member of the document, `words` are for people."""

    effect: str
    place: str
    words: str


def difference(before: Agreement, after: Agreement) -> tuple[Change, ...]:
    """Every change from one version to the next, in the order of the document."""
    return (
        *_names("provider", "system that answers or receives", before.provider.systems, after.provider.systems),
        *_names("consumer", "system that asks or hands over", before.consumer.systems, after.consumer.systems),
        *_grants(before, after),
        *_names("purposes", "purpose", before.purposes, after.purposes),
        *_bases(before, after),
        *_period(before, after),
        *_conditions(before, after),
        *_limits(before, after),
        *_wording(before, after),
    )


def widens(changes: Iterable[Change]) -> bool:
    """Whether a second person has to agree."""
    return any(each.effect == WIDENED for each in changes)


def _names(place: str, words: str, before: Collection[str], after: Collection[str]) -> Iterator[Change]:
    for name in sorted(set(after) - set(before)):
        yield Change(WIDENED, place, f"{words} added: {name}")
    for name in sorted(set(before) - set(after)):
        yield Change(NARROWED, place, f"{words} removed: {name}")


def _grants(before: Agreement, after: Agreement) -> Iterator[Change]:
    yield from _names("services", "service", before.grants, after.grants)
    for service in sorted(before.grants.keys() & after.grants.keys()):
        old, new = before.grants[service], after.grants[service]
        yield from _names("services", f"{service}: action", old.actions, new.actions)
        yield from _names("services", f"{service}: field", old.fields, new.fields)
        yield from _names("services", f"{service}: disclosed in the question", old.sends, new.sends)
        yield from _sensitivity(service, old, new)


def _sensitivity(service: str, before: Grant, after: Grant) -> Iterator[Change]:
    for name in sorted(before.fields & after.fields):
        was, is_ = (SENSITIVITIES.index(each.sensitivity.get(name, "personal")) for each in (before, after))
        if was != is_:
            effect = WIDENED if is_ < was else NARROWED
            words = f"{service}: {name} was {SENSITIVITIES[was]} and is {SENSITIVITIES[is_]}"
            yield Change(effect, "services", words)


def _bases(before: Agreement, after: Agreement) -> Iterator[Change]:
    """A basis is known by its kind and reference; whatever it newly carries widens."""
    old = {(each.kind, each.reference): each for each in before.bases}
    new = {(each.kind, each.reference): each for each in after.bases}
    yield from _names("legal_bases", "legal basis", _titles(old), _titles(new))
    for key in sorted(old.keys() & new.keys()):
        yield from _basis(" ".join(filter(None, key)), (old[key], before), (new[key], after))


def _titles(bases: Iterable[tuple[str, str]]) -> list[str]:
    return [" ".join(filter(None, key)) for key in bases]


def _basis(name: str, before: tuple[LegalBasis, Agreement], after: tuple[LegalBasis, Agreement]) -> Iterator[Change]:
    old, new = before[0], after[0]
    yield from _names("legal_bases", f"{name}: controller of consents", old.controllers, new.controllers)
    if old.purposes or new.purposes:
        yield from _names(
            "legal_bases", f"{name}: purpose", *(each.purposes or of.purposes for each, of in (before, after))
        )
    if old.services or new.services:
        yield from _names("legal_bases", f"{name}: carries", _carried(*before), _carried(*after))
    if old.emergency != new.emergency:
        effect, words = (NARROWED, "only in") if new.emergency else (WIDENED, "no longer only in")
        yield Change(effect, "legal_bases", f"{name}: counts {words} an emergency")


def _carried(basis: LegalBasis, agreement: Agreement) -> set[str]:
    carried = basis.services or {service: grant.fields for service, grant in agreement.grants.items()}
    return {f"{service} {name}" for service, names in carried.items() for name in names}


def _period(before: Agreement, after: Agreement) -> Iterator[Change]:
    """An amendment begins where it begins; only its end is compared."""
    if before.valid_until != after.valid_until:
        effect = WIDENED if after.valid_until > before.valid_until else NARROWED
        yield Change(
            effect, "valid_until", f"holds until {_day(after.valid_until)} instead of {_day(before.valid_until)}"
        )


def _conditions(before: Agreement, after: Agreement) -> Iterator[Change]:
    flags = (
        ("requires_case", "a case reference is required", True),
        ("requires_relationship", "a declared relationship is required", True),
        ("may_know_existence", "who asks may learn whether the provider knows the person", False),
    )
    for name, words, protects in flags:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield Change(NARROWED if new == protects else WIDENED, name, words if new else f"no longer: {words}")
    for purpose in sorted(before.purposes & after.purposes):
        levels = [each.assurance.get(purpose, ASSURANCES[0]) for each in (before, after)]
        was, is_ = map(ASSURANCES.index, levels)
        if was != is_:
            words = f"{purpose}: consents of assurance {levels[1]} or better count, instead of {levels[0]}"
            yield Change(WIDENED if is_ < was else NARROWED, "assurance", words)


def _limits(before: Agreement, after: Agreement) -> Iterator[Change]:
    for each in fields(Quota):
        yield from _limit(f"quota/{each.name}", getattr(before.quota, each.name), getattr(after.quota, each.name))
    yield from _limit("data_life_days", before.data_life_days, after.data_life_days)
    yield from _limit("disclosure_delay_days", before.disclosure_delay_days, after.disclosure_delay_days)
    yield from _limit("max_age_months", before.max_age_months, after.max_age_months)


def _limit(place: str, before: int | None, after: int | None) -> Iterator[Change]:
    if before == after:
        return
    more = (UNLIMITED if after is None else after) > (UNLIMITED if before is None else before)
    said = ["no limit" if each is None else str(each) for each in (after, before)]
    yield Change(WIDENED if more else NARROWED, place, f"{place.replace('_', ' ')}: {said[0]} instead of {said[1]}")


def _wording(before: Agreement, after: Agreement) -> Iterator[Change]:
    """Changes that disclose nothing more and nothing less."""
    for name in (
        "title",
        "subject_category",
        "purpose_terms",
        "review_at",
        "officers",
        "dpia",
        "disclosure_delay_reason",
    ):
        if getattr(before, name) != getattr(after, name):
            yield Change(REWORDED, name, f"{name.replace('_', ' ')} changed")


def _day(at: datetime) -> str:
    return f"{at:%d %B %Y}"
