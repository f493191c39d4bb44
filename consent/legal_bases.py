"""Which legal bases carry a request that agreements cover, and how much of it each would grant this person.

Pure functions of facts and the clock, as `decide` is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .covering import by_id
from .model import ASSURANCES, Agreement, Consent, Facts, LegalBasis, Request, member_of


@dataclass(frozen=True, slots=True)
class Offer:
    """One agreement on one legal basis, and what the two together would grant."""

    agreement: Agreement
    position: int  # of the basis in the document
    basis: LegalBasis
    consent: str
    fields: frozenset[str]
    times_per_day: int | None = None

    @property
    def says(self) -> str:
        """The basis, in the words of a reason."""
        return f"consent {self.consent}" if self.consent else f"{self.basis.kind} {self.basis.reference}"


def offers_of(
    request: Request, covering: list[Agreement], facts: Facts, now: datetime, reasons: list[str]
) -> list[Offer]:
    """Every way in which the request could be granted; what does not count is told in `reasons`, which grows.

    Args:
        covering: the agreements that cover the request; see `covering.covering_agreements`.
    """
    by_consent = any(basis.kind == "consent" for agreement in covering for basis in agreement.bases)
    consents = _in_force(request, facts.consents, now, reasons) if by_consent else []
    bound = _bound(request, facts.consents, now)
    offers: list[Offer] = []
    for agreement in covering:
        for position, basis in enumerate(agreement.bases):
            found, words = _carried(request, agreement, position, basis, consents, bound)
            offers.extend(found)
            reasons.extend(f"deny agreement {agreement.name}: {each}" for each in words)
    return offers


def rank(offer: Offer) -> tuple[int, str, int, int, str]:
    """The first by this is taken: most fields, then agreement, basis and consent in their order."""
    return -len(offer.fields), *by_id(offer.agreement), offer.position, offer.consent


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


def _carried(
    request: Request, agreement: Agreement, position: int, basis: LegalBasis, consents: list[Consent], bound: bool
) -> tuple[list[Offer], list[str]]:
    """What one basis of one agreement carries, or in words why it carries nothing."""
    fields = request.fields & agreement.grants[request.service].fields
    if basis.services:
        fields &= basis.services.get(request.service, frozenset())
    if words := _carries_nothing(request, basis, fields, bound):
        return [], [words]
    if basis.kind != "consent":
        return [Offer(agreement, position, basis, "", fields)], []
    offers: list[Offer] = []
    words_of: list[str] = [] if consents else ["no consent in force"]
    for consent in consents:
        consented = consent.services[request.service]
        granted = fields if consented is None else fields & consented
        if words := _does_not_count(consent, agreement, basis, request.purpose, granted):
            words_of.append(f"consent {consent.id} {words}")
            continue
        offers.append(Offer(agreement, position, basis, consent.id, granted, consent.times_per_day))
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
