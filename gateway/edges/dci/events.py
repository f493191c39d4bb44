"""`subscribe`, `unsubscribe`, `on-subscribe`, `on-unsubscribe` and `notify` coming in."""

from collections.abc import Iterable
from contextlib import suppress
from uuid import uuid4

from fastapi.responses import Response

from adapters.kit.contract import AgencyAnswerMalformed, ReadsNotify
from audit import LogUnavailable

from ...events.subscriptions import SubscriptionRefused
from ...wiring import Services
from .envelope import Received, ack
from .failure import BAD, UNAVAILABLE, DciError
from .later import accepted
from .query import QueryRefused, purpose_of
from .subscriptions import SUBSCRIBE, UNSUBSCRIBE

MOST_CODES = 1000


async def subscribed(message: Received, consumer: str, here: Services) -> Response:
    """Take what the sender wants to be told, durably; the codes follow by `on-subscribe`, item by item.

    Raises:
        DciError: unknown receiver or purpose, or the transaction id came before with another content.
    """
    provider = str(message.header.get("receiver_id", "")).replace(".", "/")
    if provider not in (await here.trust.register()).systems:
        raise DciError(400, "err.receiver_id.invalid", "receiver_id names no system of this gateway.")
    agreed = here.trust.messages.policy(consumer).dci.purpose
    try:
        purposes = {purpose_of(each["subscribe_criteria"], agreed) for each in message.items}
    except QueryRefused as error:
        raise DciError(400, BAD, f"{error}.") from None
    if not purposes <= here.profile.purposes.keys():
        raise DciError(400, BAD, "The purpose is unknown here.")
    items = [(str(each["reference_id"]), each) for each in message.items]
    return await accepted(SUBSCRIBE, message.transaction_id, items, message, consumer, here)


async def unsubscribed(message: Received, consumer: str, here: Services) -> Response:
    """End subscriptions of the sender: ended when this is acknowledged; `on-unsubscribe` says so once more.

    Raises:
        DciError: no codes, or too many.
    """
    codes = message.message["subscription_codes"]
    if not 1 <= len(codes) <= MOST_CODES:
        raise DciError(400, BAD, f"subscription_codes has 1 to {MOST_CODES} codes.")
    items = [(code, {"code": code}) for code in codes]
    answer = await accepted(UNSUBSCRIBE, message.transaction_id, items, message, consumer, here)
    for code in codes:
        with suppress(KeyError, SubscriptionRefused):  # `on-unsubscribe` says so
            await here.subscriptions.end(consumer, code)
    return answer


async def confirmed(message: Received) -> Response:
    """A partner confirms our own subscription; there is nothing to do but to take it."""
    return ack(str(message.message.get("correlation_id") or uuid4())[:99])


async def notified(message: Received, consumer: str, here: Services) -> Response:
    """Take a partner's events: taken means durable, not yet handed to anybody.

    Raises:
        DciError: this system tells no events, they cannot be read, or the log takes nothing.
    """
    offered: Iterable[object] = (offer.adapter for offer in here.catalogue if offer.provider == consumer)
    adapter = next((each for each in offered if isinstance(each, ReadsNotify)), None)
    if adapter is None:
        raise DciError(403, "err.request.forbidden", "This gateway takes no events from this system.")
    try:
        events = adapter.told(message.envelope)
    except AgencyAnswerMalformed as error:
        raise DciError(400, BAD, f"{error.detail}.") from None
    try:
        await here.events.take(events, consumer, message.facts())
    except LogUnavailable:
        raise DciError(
            503, UNAVAILABLE, "The log takes nothing now, so the events were not taken; tell again."
        ) from None
    return ack(message.transaction_id or str(uuid4()))
