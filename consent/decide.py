"""May this be asked, and how much of it may be answered? A pure function of facts and the clock.

    granted = asked ∩ agreement ∩ fields of the one legal basis in force − objections and restrictions

One agreement and one legal basis carry a decision; two are never added together. Of those that hold,
the one that grants most of the asked fields is taken, then the lowest agreement id, then the order of
bases in the document, then the lowest consent id. The choice is made before objections are taken off,
so that an objection can only ever make an answer smaller.

The question reaches the provider under the numbers it names, so each must be known to belong to the person that
the decision is about: a consent carries only numbers recorded with it, things' too, and another basis only those of
persons that some consent in force of this one holds. Otherwise one's consent would open another's record.

No clock, database or network here: keep the facts, and last year's decision can be replayed.

Refusal codes (`Decision.refusal`), the furthest point that any agreement came to:

    nothing_asked        the request names no field
    no_agreement         none between these systems that is in force and grants service, action and purpose
    sends_not_granted    the question would disclose more to the provider than was agreed
    stopped              the provider stopped this consumer
    not_approved         the provider approves each consumer, and has not approved this one
    case_required        the agreement wants a case reference
    no_relationship      the consumer has declared no relationship with this person
    not_in_agreement     none of the asked fields is in the agreement
    no_legal_basis       no consent in force, and no other basis, covers this
    number_not_bound     a basis would, but nobody vouches that a number in the question is this person's
    objection            everything that was left is objected to or restricted

Codes of withheld fields: `not_in_agreement`, `not_in_basis`, `objection`, `restriction`, or the refusal's.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from .model import (
    ASSURANCES,
    HANDED_OVER,
    Agreement,
    Consent,
    Decision,
    Facts,
    LegalBasis,
    Objection,
    Quota,
    Request,
    member_of,
)

Rule = Callable[[Agreement, Request, Facts, datetime], str]
NO_QUOTA = Quota()


def decide(request: Request, facts: Facts, now: datetime) -> Decision:
    """The decision on one request; `now` is UTC and aware.

    Facts about other people, other systems or other times change nothing; each is named in the reasons.
    """
    reasons: list[str] = []
    if not request.fields:
        return _refused(request, "nothing_asked", ["deny request: no field is asked for"])
    covering, missed = _covering(request, facts, now, reasons)
    if not covering:
        return _refused(request, missed.code if missed else "no_agreement", reasons, missed and missed.agreement)
    offers = _offers(request, covering, facts, now, reasons)
    if not offers:
        unbound = _offers(replace(request, numbers=frozenset(), things=frozenset()), covering, facts, now, [])
        return _refused(request, "number_not_bound" if unbound else "no_legal_basis", reasons, covering[0])
    chosen, *others = sorted(offers, key=_rank)
    reasons.append(f"allow agreement {chosen.agreement.name}: {chosen.says}")
    reasons.extend(f"allow agreement {each.agreement.name}: {each.says} (not used)" for each in others)
    subtracted = _subtracted(request, chosen.fields, facts.objections, reasons)
    if subtracted.keys() >= chosen.fields:
        return _refused(request, "objection", reasons, chosen.agreement)
    granted = _granted(request, chosen, subtracted, reasons)
    return replace(granted, contested=True) if _contested(request, granted.fields, facts.objections) else granted


# --- which agreements cover the request -------------------------------------------------------------


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


class _Missed(NamedTuple):
    """How far an agreement came: the rule it broke, and the agreement itself once its parties and purpose fit."""

    rule: int
    code: str
    agreement: Agreement | None


def _covering(
    request: Request, facts: Facts, now: datetime, reasons: list[str]
) -> tuple[list[Agreement], _Missed | None]:
    """The agreements that cover the request, the one with most of the asked fields first; and the nearest miss."""
    covering: list[Agreement] = []
    nearest: _Missed | None = None
    for agreement in sorted(facts.agreements, key=_by_id):
        broken = next(_broken(agreement, request, facts, now), None)
        if broken is None:
            covering.append(agreement)
            continue
        rule, words = broken
        reasons.append(f"deny agreement {agreement.name}: {words}")
        if nearest is None or rule > nearest.rule:
            code = RULES[rule][0]
            nearest = _Missed(rule, code, agreement if code != "no_agreement" else None)
    covering.sort(key=lambda each: -len(request.fields & each.grants[request.service].fields))  # keeps ties by id
    return covering, nearest


def _broken(agreement: Agreement, request: Request, facts: Facts, now: datetime) -> Iterator[tuple[int, str]]:
    for position, (_, rule) in enumerate(RULES):
        words = rule(agreement, request, facts, now)
        if words:
            yield position, words


def _by_id(agreement: Agreement) -> tuple[str, int]:
    return agreement.id, -agreement.version


# --- which legal bases carry it ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Offer:
    """One agreement on one legal basis, and what the two together would grant."""

    agreement: Agreement
    position: int  # of the basis in the document
    basis: LegalBasis
    consent: str
    fields: frozenset[str]
    times_per_day: int | None = None

    @property
    def says(self) -> str:
        return f"consent {self.consent}" if self.consent else f"{self.basis.kind} {self.basis.reference}"


def _rank(offer: _Offer) -> tuple[int, str, int, int, str]:
    return -len(offer.fields), *_by_id(offer.agreement), offer.position, offer.consent


def _in_force(request: Request, consents: Iterable[Consent], now: datetime, reasons: list[str]) -> list[Consent]:
    """The consents that count for this person, purpose, service and recipient at this moment."""
    standing: list[Consent] = []
    for consent in sorted(consents, key=lambda each: each.id):
        words = _void(consent, request, now)
        if words:
            reasons.append(f"deny consent {consent.id}: {words}")
            continue
        standing.append(consent)
    return standing


def _void(consent: Consent, request: Request, now: datetime) -> str:
    recipients = {request.recipient, member_of(request.recipient)}
    checks = (
        (consent.subject_ref == request.subject_ref, "another person's"),
        (consent.standing(now) == "in force", consent.standing(now)),
        (request.purpose in consent.purposes, "other purpose"),
        (request.service in consent.services, "other service"),
        (not recipients.isdisjoint(consent.recipients), "other recipient"),
        (request.numbers <= consent.numbers, "another person's number"),
        (request.things <= consent.numbers, "other things"),
    )
    return next((words for holds, words in checks if not holds), "")


def _bound(request: Request, consents: Iterable[Consent], now: datetime) -> bool:
    """Whether the numbers in the question are this person's, by any one consent in force, whatever it is for."""
    return not request.numbers or any(
        each.subject_ref == request.subject_ref and each.standing(now) == "in force" and request.numbers <= each.numbers
        for each in consents
    )


def _offers(
    request: Request, covering: list[Agreement], facts: Facts, now: datetime, reasons: list[str]
) -> list[_Offer]:
    by_consent = any(basis.kind == "consent" for agreement in covering for basis in agreement.bases)
    consents = _in_force(request, facts.consents, now, reasons) if by_consent else []
    bound = _bound(request, facts.consents, now)
    offers: list[_Offer] = []
    for agreement in covering:
        for position, basis in enumerate(agreement.bases):
            found, words = _carried(request, agreement, position, basis, consents, bound)
            offers.extend(found)
            reasons.extend(f"deny agreement {agreement.name}: {each}" for each in words)
    return offers


def _carried(
    request: Request, agreement: Agreement, position: int, basis: LegalBasis, consents: list[Consent], bound: bool
) -> tuple[list[_Offer], list[str]]:
    """What one basis of one agreement carries, or in words why it carries nothing."""
    fields = request.fields & agreement.grants[request.service].fields
    if basis.services:
        fields &= basis.services.get(request.service, frozenset())
    if words := _carries_nothing(request, basis, fields, bound):
        return [], [words]
    if basis.kind != "consent":
        return [_Offer(agreement, position, basis, "", fields)], []
    offers: list[_Offer] = []
    words_of: list[str] = [] if consents else ["no consent in force"]
    for consent in consents:
        consented = consent.services[request.service]
        granted = fields if consented is None else fields & consented
        if words := _does_not_count(consent, agreement, basis, request.purpose, granted):
            words_of.append(f"consent {consent.id} {words}")
            continue
        offers.append(_Offer(agreement, position, basis, consent.id, granted, consent.times_per_day))
    return offers, words_of


def _carries_nothing(request: Request, basis: LegalBasis, fields: frozenset[str], bound: bool) -> str:
    if basis.purposes and request.purpose not in basis.purposes:
        return f"{basis.kind} is not for this purpose"
    if not fields:
        return f"{basis.kind} carries none of the asked fields"
    if basis.emergency and not request.emergency:
        return f"{basis.kind} counts in an emergency only"
    return "" if bound or basis.kind == "consent" else "number not bound to the person"


def _does_not_count(
    consent: Consent, agreement: Agreement, basis: LegalBasis, purpose: str, granted: frozenset[str]
) -> str:
    """Why a consent in force does not count for this agreement; empty if it does."""
    if consent.controller not in basis.controllers:
        return "has another controller"
    if not _assured(consent, agreement, purpose):
        return f"was given with assurance {consent.assurance} only"
    return "" if granted else "has none of the asked fields"


def _assured(consent: Consent, agreement: Agreement, purpose: str) -> bool:
    least = agreement.assurance.get(purpose, ASSURANCES[0])
    return ASSURANCES.index(consent.assurance) >= ASSURANCES.index(least)


# --- what is taken off, and the outcome -------------------------------------------------------------


def _subtracted(
    request: Request, fields: frozenset[str], objections: Iterable[Objection], reasons: list[str]
) -> dict[str, str]:
    """Field -> `objection` or `restriction`, for what must not be released although it was granted."""
    subtracted: dict[str, str] = {}
    for each in sorted(objections, key=lambda each: each.id):
        if each.kind == "contest" or not _applies(each, request):
            continue
        hit = sorted(fields & each.fields if each.fields else fields)
        if hit:
            reasons.append(f"deny {each.kind} {each.id}: {', '.join(hit)}")
        for name in hit:
            subtracted.setdefault(name, each.kind)
    return subtracted


def _contested(request: Request, fields: frozenset[str], objections: Iterable[Objection]) -> bool:
    """Whether something that would be released is contested; a claim may rest on any field of the record."""
    derived = any(name.startswith("claim:") for name in fields)
    told = [
        each for each in objections if each.kind == "contest" and (derived or not each.fields or fields & each.fields)
    ]
    return any(_applies(each, request) for each in told)


def _applies(objection: Objection, request: Request) -> bool:
    recipients, about = {request.recipient, member_of(request.recipient)}, {request.service}
    if objection.kind == "contest" and request.action in HANDED_OVER:
        about.add(member_of(request.consumer))  # a contest of all that a member tells names the member
    return (
        objection.lifted_at is None
        and objection.subject_ref == request.subject_ref
        and (not objection.purposes or request.purpose in objection.purposes)
        and (not objection.services or not about.isdisjoint(objection.services))
        and (not objection.recipients or not recipients.isdisjoint(objection.recipients))
    )


def _granted(request: Request, chosen: _Offer, subtracted: dict[str, str], reasons: list[str]) -> Decision:
    fields = chosen.fields.difference(subtracted)
    agreed = chosen.agreement.grants[request.service].fields
    withheld = {name: "not_in_basis" if name in agreed else "not_in_agreement" for name in request.fields - fields}
    return Decision(
        allowed=True,
        fields=fields,
        withheld=tuple(sorted((withheld | subtracted).items())),
        reasons=tuple(reasons),
        agreement=chosen.agreement.id,
        agreement_version=chosen.agreement.version,
        basis=chosen.basis.kind,
        consent=chosen.consent or None,
        may_know_existence=chosen.agreement.may_know_existence,
        max_age_months=chosen.agreement.max_age_months,
        quota=chosen.agreement.quota if chosen.agreement.quota != NO_QUOTA else None,
        times_per_day=chosen.times_per_day,
        emergency=chosen.basis.emergency,
        answers_kept_minutes=chosen.agreement.answers_kept_minutes,
    )


def _refused(request: Request, code: str, reasons: list[str], nearest: Agreement | None = None) -> Decision:
    """A refusal. Only an agreement that covers the parties and the purpose lets the caller know more than that."""
    return Decision(
        allowed=False,
        fields=frozenset(),
        withheld=tuple((name, code) for name in sorted(request.fields)),
        reasons=tuple(reasons or ["deny request: no agreement between these systems"]),
        agreement=nearest.id if nearest else None,
        agreement_version=nearest.version if nearest else None,
        may_know_existence=bool(nearest and nearest.may_know_existence),
        refusal=code,
    )
