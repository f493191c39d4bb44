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

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from .covering import covering_agreements
from .legal_bases import Offer, offers_of, rank
from .model import HANDED_OVER, Agreement, Decision, Facts, Objection, Quota, Request, member_of

NO_QUOTA = Quota()


def decide(request: Request, facts: Facts, now: datetime) -> Decision:
    """The decision on one request; `now` is UTC and aware.

    Facts about other people, other systems or other times change nothing; each is named in the reasons.
    """
    reasons: list[str] = []
    if not request.fields:
        return _refused(request, "nothing_asked", ["deny request: no field is asked for"])
    covering, missed = covering_agreements(request, facts, now, reasons)
    if not covering:
        return _refused(request, missed.code if missed else "no_agreement", reasons, missed and missed.agreement)
    offers = offers_of(request, covering, facts, now, reasons)
    if not offers:
        unbound = offers_of(replace(request, numbers=frozenset(), things=frozenset()), covering, facts, now, [])
        return _refused(request, "number_not_bound" if unbound else "no_legal_basis", reasons, covering[0])
    chosen, *others = sorted(offers, key=rank)
    reasons.append(f"allow agreement {chosen.agreement.name}: {chosen.says}")
    reasons.extend(f"allow agreement {each.agreement.name}: {each.says} (not used)" for each in others)
    subtracted = _subtracted(request, chosen.fields, facts.objections, reasons)
    if subtracted.keys() >= chosen.fields:
        return _refused(request, "objection", reasons, chosen.agreement)
    granted = _granted(request, chosen, subtracted, reasons)
    return replace(granted, contested=True) if _contested(request, granted.fields, facts.objections) else granted


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


def _granted(request: Request, chosen: Offer, subtracted: dict[str, str], reasons: list[str]) -> Decision:
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
