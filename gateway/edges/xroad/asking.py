"""What REST and SOAP have in common: which services there are, which a caller may call, and a question put to one.

X-Road has no word for a purpose. A caller states it (header `Sandhi-Purpose`, or the header block of the same name in
SOAP), or leaves it out where its agreements with the provider hold exactly one for the service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from consent import Request

from ...catalogue import Offer
from ...errors import ExchangeError
from ...gate import utc_now
from ...model import Answer, Ask
from ...pipeline import exchange
from ...trust.caller import Caller
from ...wiring import Services
from ..limited import between
from ..v1.asking import bad, check_subject, checked_ask
from ..v1.shapes import ExchangeIn, shaped
from .codes import ACCESS_DENIED, UNKNOWN_MEMBER, UNKNOWN_SERVICE, XRoadError
from .identifiers import Provider

PULL = frozenset({"read", "verify"})
IN_HEADERS = frozenset({"case", "officer", "purpose", "service"})
NOT_STATED = "not-stated"


@dataclass(frozen=True, slots=True)
class Called:
    """One call, as its headers tell it; what may name a person is hashed before anybody keeps it.

    Attributes:
        caller: by its certificate.
        message_id: the client's own (`X-Road-Id`).
        request_id: ours, a UUID.
        user: who acts within the client (`X-Road-UserId`).
        issue: its case (`X-Road-Issue`).
        represented: for whom it acts (`X-Road-Represented-Party`).
        purpose: as it states it; empty: it does not.
    """

    caller: Caller
    provider: Provider
    code: str
    message_id: str
    request_id: str
    user: str = ""
    issue: str = ""
    represented: str = ""
    purpose: str = ""


def service_code(offer: Offer) -> str:
    """How X-Road calls a service: `employment` for `tax.employment`."""
    return offer.service.id.partition(".")[2]


def offers_of(provider: str, here: Services) -> dict[str, Offer]:
    """What a provider answers, by service code; services that only take deliveries are none of it."""
    found = (each for each in here.catalogue if each.provider == provider and each.service.actions & PULL)
    return {service_code(each): each for each in found}


async def known_offer(provider: Provider, code: str, here: Services) -> Offer:
    """The service that a call names, by its code or by its whole id.

    Raises:
        XRoadError: there is no such member, or it has no such service.
    """
    offers = offers_of(provider.id, here)
    if not offers and provider.id not in (await here.trust.register()).systems:
        raise XRoadError(UNKNOWN_MEMBER, "No such provider is registered here; see listClients.")
    found = offers.get(code) or next((each for each in offers.values() if each.service.id == code), None)
    if found is None:
        raise XRoadError(UNKNOWN_SERVICE, "The provider has no such service; see its listMethods.")
    return found


async def agreed_purposes(consumer: str, offer: Offer, here: Services) -> frozenset[str]:
    """The purposes for which agreements in force let this system ask this service, whoever it is about.

    Raises:
        NoEvidence: agreements cannot be read now.
    """
    service = offer.service.id
    request = Request(consumer, offer.provider, service, "read", "", frozenset(), "")
    (facts,) = await here.gate.facts_about_many([request])
    kinds = {each.kind for each in facts.controls}
    if "stop" in kinds or ("approve_each" in kinds and "approval" not in kinds):
        return frozenset()
    now = utc_now()
    granting = (
        each
        for each in facts.agreements
        if each.standing(now) == "in force" and service in each.grants and each.grants[service].actions & PULL
    )
    return frozenset(purpose for each in granting for purpose in each.purposes)


async def answered(called: Called, body: Mapping[str, object], here: Services) -> Answer:
    """Put one question: `subject`, and `fields` or `claim`, with `period` and `as_at` where they are wanted.

    Raises:
        XRoadError: no such service, or no agreement names the caller for it at all.
        ProblemError, RequestValidationError: the question cannot be put like this.
        ExchangeError: see `gateway.errors`.
    """
    offer = await known_offer(called.provider, called.code, here)
    if "exchange" not in called.caller.scopes:
        raise XRoadError(ACCESS_DENIED, "The system is not registered for exchanges (scope exchange).")
    agreed = await agreed_purposes(called.caller.system, offer, here)
    ask = asked(called, body, offer, _purpose(called.purpose, agreed, here), here)
    try:
        with between(here, called.caller.system, ask.service):
            return await exchange(ask, here.gate)
    except ExchangeError as error:
        if error.hidden and not agreed:  # says nothing about anybody: allowedMethods tells the same
            text = "No agreement in force lets this system call the service."
            raise XRoadError(ACCESS_DENIED, text, detail=error.exchange_id) from error
        raise


def asked(called: Called, body: Mapping[str, object], offer: Offer, purpose: str, here: Services) -> Ask:
    """The question in the words of the pipeline.

    Raises:
        ProblemError, RequestValidationError: it cannot be put like this.
    """
    if IN_HEADERS & body.keys():
        raise bad("shape", "Service, purpose, case and officer are told by X-Road's headers, not by the body.")
    document = {**body, "service": offer.service.id, "purpose": purpose or NOT_STATED, "case": called.issue or None}
    wanted = shaped(ExchangeIn, document, "body")
    ask = wanted.ask(called.caller.system, wanted.subject.value(), here.today())
    check_subject(ask.subject, here.profile)
    # whom no agreement names is refused by the decision, so that the refusal is in the log too
    known = replace(ask, purpose=purpose or next(iter(here.profile.purposes)))
    ask = replace(checked_ask(known, here.catalogue, here.profile, now=True), purpose=ask.purpose)
    emergency = wanted.emergency.reason if wanted.emergency else ""
    officer = here.person_ref.officer_ref(called.user) if called.user else ""
    return replace(ask, emergency=emergency, officer=officer, message=called_by(called, here))


def _purpose(stated: str, agreed: frozenset[str], here: Services) -> str:
    if stated and stated not in here.profile.purposes:
        raise bad("purpose", "This purpose is unknown; the profile's purposes are in GET /v1/catalogue.")
    if not stated and len(agreed) > 1:
        raise bad("purpose", f"State one purpose in Sandhi-Purpose; agreed are {', '.join(sorted(agreed))}.")
    return stated or "".join(agreed)


def called_by(called: Called, here: Services) -> dict[str, str]:
    """How the message is called, for the intent: our id in clear, what the client chose by its keyed hash."""
    said = {"id": called.message_id, "represented": called.represented}
    hashed = {f"{name}_ref": here.person_ref.case_ref(value) for name, value in said.items() if value}
    return {"standard": "x-road", "request_id": called.request_id} | hashed
