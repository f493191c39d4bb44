"""`subscribe`, `on-subscribe` and `notify` coming in."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from fastapi.responses import Response

from adapters.kit.contract import AgencyAnswerMalformed, ReadsNotify, Told

from ...delivery.deliveries import KeyReused
from ...errors import ExchangeError, NoEvidence
from ...model import Handover
from ...wiring import Services
from .envelope import DciError, Received, ack
from .query import QueryRefused
from .search import purpose_of
from .subscriptions import CONFIRM, Subscription, wish

logger = logging.getLogger("sandhi.events")

TYPES: Mapping[str, frozenset[str]] = {  # what an event's name tells of the types it was subscribed by
    "enrolment": frozenset({"enrolment", "enrolment_status_change"}),
    "vital-event": frozenset({"birth", "live_birth", "death", "fetal_death"}),
}


async def subscribed(message: Received, consumer: str, here: Services) -> Response:
    """Record what the sender wants to be told; the codes follow by `on-subscribe`.

    Raises:
        DciError: unknown receiver or purpose, or an address that is not the registered one.
    """
    provider = str(message.header.get("receiver_id", "")).replace(".", "/")
    register = await here.trust.register()
    if provider not in register.systems:
        raise DciError(400, "err.receiver_id.invalid", "receiver_id names no system of this gateway.")
    known = register.offered(f"{consumer.replace('/', '.')}/{CONFIRM}")
    stated = message.header.get("sender_uri")
    if known is None or (stated and stated != known[1].callback_url):
        raise DciError(403, "err.sender_uri.invalid", "sender_uri is not the address registered for on-subscribe.")
    try:
        wishes = [_wish(item["subscribe_criteria"], consumer, provider, here) for item in message.items]
    except QueryRefused as error:
        raise DciError(400, "err.request.bad", f"{error}.") from None
    codes = await here.subscriptions.add(wishes)
    here.wake()
    return ack(codes[0])


def _wish(criteria: Mapping[str, Any], consumer: str, provider: str, here: Services) -> Any:
    purpose = purpose_of(criteria)
    if purpose not in here.profile.purposes:
        raise QueryRefused("the purpose is unknown here")
    return wish(consumer, provider, str(criteria["reg_event_type"]), purpose)


async def confirmed(message: Received) -> Response:
    """A partner confirms our own subscription; there is nothing to do but to take it."""
    return ack(str(message.message.get("correlation_id") or uuid4()))


async def notified(message: Received, consumer: str, here: Services) -> Response:
    """Take a partner's events and hand each to its subscribers; taken means durable, not yet handed.

    Raises:
        DciError: the events cannot be read, nobody subscribed, or the log takes nothing.
    """
    offers = [offer for offer in here.catalogue if offer.provider == consumer and offer.adapter]
    adapter = offers[0].adapter if offers else None
    if not isinstance(adapter, ReadsNotify):
        raise DciError(403, "err.request.forbidden", "This gateway takes no events from this system.")
    try:
        events = adapter.told(message.envelope)
    except AgencyAnswerMalformed as error:
        raise DciError(400, "err.request.bad", f"{error.detail}.") from None
    try:
        await passed_on(events, consumer, here, message.proof.facts())
    except NoEvidence as error:
        raise DciError(503, "err.service.unavailable", error.detail) from None
    return ack(str(message.message.get("transaction_id", uuid4()))[:99])


async def passed_on(
    events: Sequence[Told], provider: str, here: Services, signature: Mapping[str, object] | None = None
) -> int:
    """Hand an agency's events to every subscriber that takes their kind; gives the number of handovers taken.

    `signature` says how the message that told them was signed, where it was.

    Each handover is an exchange of its own: agreement and consent are looked at anew for each recipient. A refusal
    is in the log and does not hold up the others.

    Raises:
        NoEvidence: the log takes nothing; the sender shall tell again.
    """
    taken = 0
    register = await here.trust.register()
    subscriptions = await here.subscriptions.of_provider(provider)
    for event in events:
        wanted = {(each.subscriber, each.purpose): each for each in subscriptions if _about(event, each)}
        for subscriber, purpose in wanted:
            service = f"{subscriber.replace('/', '.')}/{event.name}"
            if register.offered(service) is not None:
                handover = _handover(event, service, provider, purpose)
                taken += await _handed(replace(handover, signature=signature), here)
    return taken


def _about(event: Told, subscription: Subscription) -> bool:
    types = TYPES.get(event.name)
    return types is None or subscription.event_type in types


async def _handed(handover: Handover, here: Services) -> bool:
    try:
        await here.deliveries.accept(handover)
    except NoEvidence:
        raise
    except (ExchangeError, KeyReused) as error:
        code = error.code if isinstance(error, ExchangeError) else "key_reused"
        logger.warning("event not handed on: %s", code, extra={"code": code, "service": handover.service})
        return False
    return True


def _handover(event: Told, service: str, provider: str, purpose: str) -> Handover:
    return Handover(
        consumer=provider,
        service=service,
        purpose=purpose,
        subject=event.subject,
        record=event.record,
        idempotency_key=_key(event.name, event.id, service, purpose),
    )


def _key(*parts: str) -> str:
    """One handover for each event, recipient service and purpose, however often the event is told."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
