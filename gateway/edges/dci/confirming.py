"""What a subscriber is told when a subscription ends by itself, and the message that says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...db import Database
from ...delivery import jobs
from ...delivery.callbacks import Callbacks
from ...events.subscriptions import Subscriptions
from .failure import stamp

CONFIRM, ENDED = "on-subscribe", "on-unsubscribe"
"""The services under which a system registers where it takes confirmations, and that a subscription is over."""


@dataclass(frozen=True, slots=True)
class Confirming:
    """Tells a subscriber that its subscription ended by itself: its agreement, or its time, is over."""

    db: Database
    callbacks: Callbacks
    subscriptions: Subscriptions

    async def unsubscribed(self, claimed: jobs.Job) -> None:
        """Keep the `on-unsubscribe`, for the address of confirmations where it registered none of its own.

        Safe to run twice.
        """
        each = await self.subscriptions.one(claimed.ref)
        place = ENDED if await self.callbacks.address_of(each.subscriber, ENDED) else CONFIRM
        async with self.db.write() as connection:
            message = ended(each.code, each.code, [each.code])
            await self.callbacks.add(connection, (each.subscriber, place), ENDED, message)
            await jobs.finish(connection, claimed.kind, claimed.ref)

    async def confirmed(self, claimed: jobs.Job) -> None:
        """Keep the `on-subscribe` of a subscription that was recorded before confirmations were messages."""
        each = await self.subscriptions.one(claimed.ref)
        response: dict[str, object] = {"reference_id": each.code, "timestamp": stamp(), "status": "succ"}
        response["subscriptions"] = [{"code": each.code, "status": "subscribe", "timestamp": stamp()}]
        message = {"transaction_id": each.code, "correlation_id": each.code, "subscribe_response": [response]}
        async with self.db.write() as connection:
            await self.callbacks.add(connection, (each.subscriber, CONFIRM), CONFIRM, message)
            await jobs.finish(connection, claimed.kind, claimed.ref)


def ended(transaction_id: str, correlation_id: str, codes: Sequence[str]) -> dict[str, Any]:
    """The message that these subscriptions are over."""
    ids = {"transaction_id": transaction_id, "correlation_id": correlation_id, "timestamp": stamp(), "status": "succ"}
    return ids | {"subscription_status": [{"code": each, "status": "unsubscribe"} for each in codes]}
