"""What an amendment changes, rule by rule: what it widens, what it narrows, what is only worded anew.

Widening means that more may be disclosed, to more, for longer, or under weaker conditions than both members agreed so
far; it needs a second pair of eyes. Narrowing never does. When in doubt a change counts as widening.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields

from .model import ASSURANCES, SENSITIVITIES, Agreement, Grant, LegalBasis, Quota
from .phrase import Phrase, last_day, phrase

WIDENED, NARROWED, REWORDED = "widened", "narrowed", "reworded"
UNLIMITED = float("inf")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions. `place` is the member of the document, `said` is for people."""

    effect: str
    place: str
    said: Phrase

    @property
    def words(self) -> str:
        """In English."""
        return str(self.said)

    def wire(self) -> dict[str, object]:
        """As the API shows it."""
        return {"effect": self.effect, "place": self.place, "words": self.words, "phrase": self.said.wire()}


def difference(before: Agreement, after: Agreement) -> tuple[Change, ...]:
    """Every change from one version to the next, in the order of the document."""
    return (
        *names_changed("provider", "system that answers or receives", before.provider.systems, after.provider.systems),
        *names_changed("consumer", "system that asks or hands over", before.consumer.systems, after.consumer.systems),
        *_grants(before, after),
        *names_changed("purposes", "purpose", before.purposes, after.purposes),
        *_bases(before, after),
        *_period(before, after),
        *_conditions(before, after),
        *_limits(before, after),
        *_wording(before, after),
    )


def widens(changes: Iterable[Change]) -> bool:
    """Whether a second person has to agree."""
    return any(each.effect == WIDENED for each in changes)


def names_changed(
    place: str, words: str, before: Collection[str], after: Collection[str], of: str = ""
) -> Iterator[Change]:
    """A change for each name that came or went. `words` says what kind of name it is, `of` what it belongs to."""
    what = phrase("%(of)s: %(what)s", of=of, what=Phrase(words)) if of else Phrase(words)
    for name in sorted(set(after) - set(before)):
        yield Change(WIDENED, place, phrase("%(what)s added: %(name)s", what=what, name=name))
    for name in sorted(set(before) - set(after)):
        yield Change(NARROWED, place, phrase("%(what)s removed: %(name)s", what=what, name=name))


def _grants(before: Agreement, after: Agreement) -> Iterator[Change]:
    yield from names_changed("services", "service", before.grants, after.grants)
    for service in sorted(before.grants.keys() & after.grants.keys()):
        old, new = before.grants[service], after.grants[service]
        yield from names_changed("services", "action", old.actions, new.actions, service)
        yield from names_changed("services", "field", old.fields, new.fields, service)
        yield from names_changed("services", "disclosed in the question", old.sends, new.sends, service)
        yield from _sensitivity(service, old, new)


def _sensitivity(service: str, before: Grant, after: Grant) -> Iterator[Change]:
    for name in sorted(before.fields & after.fields):
        was, is_ = (SENSITIVITIES.index(each.sensitivity.get(name, "personal")) for each in (before, after))
        if was != is_:
            effect = WIDENED if is_ < was else NARROWED
            known = {"service": service, "name": name, "was": Phrase(SENSITIVITIES[was])}
            said = phrase("%(service)s: %(name)s was %(was)s and is %(now)s", **known, now=Phrase(SENSITIVITIES[is_]))
            yield Change(effect, "services", said)


def _bases(before: Agreement, after: Agreement) -> Iterator[Change]:
    """A basis is known by its kind and reference; whatever it newly carries widens."""
    old = {(each.kind, each.reference): each for each in before.bases}
    new = {(each.kind, each.reference): each for each in after.bases}
    yield from names_changed("legal_bases", "legal basis", _titles(old), _titles(new))
    for key in sorted(old.keys() & new.keys()):
        yield from _basis(" ".join(filter(None, key)), (old[key], before), (new[key], after))


def _titles(bases: Iterable[tuple[str, str]]) -> list[str]:
    return [" ".join(filter(None, key)) for key in bases]


def _basis(name: str, before: tuple[LegalBasis, Agreement], after: tuple[LegalBasis, Agreement]) -> Iterator[Change]:
    old, new = before[0], after[0]
    yield from names_changed("legal_bases", "controller of consents", old.controllers, new.controllers, name)
    if old.purposes or new.purposes:
        purposes = [each.purposes or of.purposes for each, of in (before, after)]
        yield from names_changed("legal_bases", "purpose", purposes[0], purposes[1], name)
    if old.services or new.services:
        yield from names_changed("legal_bases", "carries", _carried(*before), _carried(*after), name)
    if old.emergency != new.emergency:
        effect, text = WIDENED, "%(basis)s: counts no longer only in an emergency"
        if new.emergency:
            effect, text = NARROWED, "%(basis)s: counts only in an emergency"
        yield Change(effect, "legal_bases", phrase(text, basis=name))


def _carried(basis: LegalBasis, agreement: Agreement) -> set[str]:
    carried = basis.services or {service: grant.fields for service, grant in agreement.grants.items()}
    return {f"{service} {name}" for service, names in carried.items() for name in names}


def _period(before: Agreement, after: Agreement) -> Iterator[Change]:
    """An amendment begins where it begins; only its end is compared."""
    if before.valid_until != after.valid_until:
        effect = WIDENED if after.valid_until > before.valid_until else NARROWED
        said = phrase(
            "holds until %(now)s instead of %(was)s", now=last_day(after.valid_until), was=last_day(before.valid_until)
        )
        yield Change(effect, "valid_until", said)


def _conditions(before: Agreement, after: Agreement) -> Iterator[Change]:
    flags = (
        ("requires_case", "a case reference is required", True),
        ("requires_relationship", "a declared relationship is required", True),
        ("may_know_existence", "who asks may learn whether the provider knows the person", False),
    )
    for name, words, protects in flags:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            said = Phrase(words) if new else phrase("no longer: %(what)s", what=Phrase(words))
            yield Change(NARROWED if new == protects else WIDENED, name, said)
    for purpose in sorted(before.purposes & after.purposes):
        levels = [each.assurance.get(purpose, ASSURANCES[0]) for each in (before, after)]
        was, is_ = map(ASSURANCES.index, levels)
        if was != is_:
            text = "%(purpose)s: consents of assurance %(now)s or better count, instead of %(was)s"
            said = phrase(text, purpose=purpose, now=levels[1], was=levels[0])
            yield Change(WIDENED if is_ < was else NARROWED, "assurance", said)


def _limits(before: Agreement, after: Agreement) -> Iterator[Change]:
    for each in fields(Quota):
        yield from limit_changed(
            f"quota/{each.name}", getattr(before.quota, each.name), getattr(after.quota, each.name)
        )
    yield from limit_changed("data_life_days", before.data_life_days, after.data_life_days)
    yield from limit_changed("disclosure_delay_days", before.disclosure_delay_days, after.disclosure_delay_days)
    yield from limit_changed("max_age_months", before.max_age_months, after.max_age_months)
    yield from limit_changed("answers_kept_minutes", before.answers_kept_minutes, after.answers_kept_minutes)


def limit_changed(place: str, before: int | None, after: int | None) -> Iterator[Change]:
    """A change of a number that bounds something; None: it is not bounded."""
    if before == after:
        return
    more = (UNLIMITED if after is None else after) > (UNLIMITED if before is None else before)
    now, was = (Phrase("no limit") if each is None else each for each in (after, before))
    said = phrase("%(what)s: %(now)s instead of %(was)s", what=_worded(place), now=now, was=was)
    yield Change(WIDENED if more else NARROWED, place, said)


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
            yield Change(REWORDED, name, phrase("%(what)s changed", what=_worded(name)))


def _worded(place: str) -> Phrase:
    return Phrase(place.replace("_", " "))
