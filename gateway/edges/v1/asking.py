"""Checks of a request that need the profile and the catalogue; they fail before anything is recorded."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from adapters.kit import claims

from ...catalogue import Catalogue, Offer, UnknownService
from ...gate import record_fault
from ...model import Ask, Handover, Subject
from ...profile import Profile
from ...trust import Caller
from ...trust.reach import Wish
from ...wiring import Services
from .problems import ProblemError

Asked = TypeVar("Asked", Ask, Handover)


def bad(what: str, detail: str) -> ProblemError:
    """A request that cannot be meant like this; the detail never repeats a value of a person."""
    return ProblemError(f"bad_request.{what}", detail)


def checked_ask(ask: Ask, catalogue: Catalogue, profile: Profile, *, now: bool) -> Ask:
    """The same question, if this gateway can put it.

    Args:
        now: the caller waits for the answer, so the service must answer at once.

    Raises:
        ProblemError: unknown service, purpose, field or claim; a service that answers only in batches.
    """
    offer = known_offer(ask.service, ask.purpose, catalogue, profile)
    check_case(ask.case, profile)
    if not offer.service.actions & {"read", "verify"}:
        raise bad("service", f"{ask.service} only takes deliveries; use /v1/deliveries.")
    if now and not offer.service.immediate:
        raise bad("batch_only", f"{ask.service} answers in batches only; use /v1/batches.")
    if not ask.fields <= offer.service.fields:
        raise bad("fields", f"Unknown field; {offer.service.id} has {_listed(offer.service.fields)}.")
    if ask.claim:
        _check_claim(ask, offer)
    return ask


def by_officer(asked: Asked, officer: str | None, here: Services) -> Asked:
    """The same question, with the keyed hash of who of the caller's people asks, if it says so.

    Raises:
        ProblemError: the name has the form of a person's identifier.
    """
    if not officer:
        return asked
    check_case(officer, here.profile, "officer")
    return replace(asked, officer=here.person_ref.officer_ref(officer))


def checked_handover(handover: Handover, catalogue: Catalogue, profile: Profile) -> Handover:
    """The same handover, if this gateway can put it.

    Raises:
        ProblemError: unknown service or purpose, one that takes no deliveries, or a record that does not fit it.
    """
    offer = known_offer(handover.service, handover.purpose, catalogue, profile)
    if "push" not in offer.service.actions:
        raise bad("service", f"{handover.service} takes no deliveries; use /v1/exchanges.")
    check_subject(handover.subject, profile)
    check_case(handover.case, profile)
    if fault := record_fault(handover.record, offer.service):
        raise bad("record", f"The record does not fit {offer.service.record_schema} at {fault}.")
    return handover


def known_offer(service: str, purpose: str, catalogue: Catalogue, profile: Profile) -> Offer:
    """The offer of a service, for a purpose of the country.

    Raises:
        ProblemError: either is unknown.
    """
    if purpose not in profile.purposes:
        raise bad("purpose", "This purpose is unknown; the profile's purposes are in GET /v1/catalogue.")
    try:
        return catalogue.offer(service)
    except UnknownService as error:
        raise bad("service", f"{error}.") from error


def check_reach(who: Caller, asked: Ask | Handover) -> None:
    """What is asked lies within what the caller's token was narrowed to.

    Raises:
        ProblemError: it does not; another token, or the same question within the limits, is what helps.
    """
    wish = Wish(asked.service, asked.purpose, asked.action, asked.asked, asked.case or "")
    if not who.reach.covers(wish):
        raise ProblemError("forbidden", "The token is not for this service, purpose, action, fields and case.")


def check_subject(subject: Subject, profile: Profile) -> None:
    """Each identifier has a type and a form that the country knows, and no type comes twice.

    Raises:
        ProblemError: one has not; the text repeats nothing that is not the country's own.
    """
    if len({each.type for each in subject.identifiers}) < len(subject.identifiers):
        raise bad("identifier", "Two identifiers have the same type; send one of each.")
    for each in subject.identifiers:
        pattern = profile.patterns.get(each.type)
        if pattern is None:
            raise bad("identifier", f"Unknown identifier type; there are {_listed(profile.patterns)}.")
        if not pattern.fullmatch(each.value):
            raise bad("identifier", f"The number is not written as one of type {each.type} is; look at it again.")


def check_case(case: str | None, profile: Profile, name: str = "case") -> None:
    """A reference to a case (or to an officer) names the case, never a person by number.

    Raises:
        ProblemError: it has the form of an identifier; the text names the type, never the value.
    """
    for kind in sorted(profile.recognisable):
        if case and profile.patterns[kind].fullmatch(case):
            raise bad(name, f"The {name} reference has the form of an identifier of type {kind}; send your own.")


def check_id(id_: str | None, profile: Profile) -> None:
    """An id of the caller's own choosing stands in entries for good, so it is no person's number.

    Raises:
        ProblemError: it has the form of one; the text names the type, never the value.
    """
    for kind in sorted(profile.recognisable):
        if id_ and profile.patterns[kind].fullmatch(id_):
            raise bad(
                "identifier", f"The id has the form of an identifier of type {kind}, and ids are logged; make one."
            )


def _check_claim(ask: Ask, offer: Offer) -> None:
    assert ask.claim is not None
    if ask.claim.name not in offer.service.claims:
        raise bad("claim", f"Unknown claim; {offer.service.id} has {_listed(offer.service.claims)}.")
    try:
        claims.check(ask.claim.name, ask.claim.parameters)
    except claims.ClaimError as error:
        raise bad("claim", f"{error}.") from error
    if claims.CLAIMS[ask.claim.name].compares and ask.subject.identifiers and not ask.subject.names:
        raise bad("claim", f"{ask.claim.name} compares names; send the subject's.")


def _listed(names: Iterable[str]) -> str:
    """What there is instead. Never what was sent: a number may stand in the wrong place."""
    return ", ".join(sorted(names)) or "none"
