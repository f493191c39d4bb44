"""Subscribing over DCI: taken and acknowledged at once, worked on by a worker, confirmed by `on-subscribe` and
`on-unsubscribe`, shown by `txn/status`.

Source: SPDCI OpenAPI 1.0.0 `SubscribeRequest`, `SubscribeResponse`, `UnSubscribeRequest`, `UnSubscribeResponse`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...delivery.transactions import Later, Transaction
from ...events.cron import CronRefused, checked_frequency
from ...events.subscriptions import Subscription, SubscriptionRefused, wish
from ...events.types import type_of
from ...wiring import Services
from .confirming import CONFIRM, ENDED, ended
from .envelope import Asking
from .failure import stamp
from .filtering import filter_of
from .query import QueryRefused, purpose_of
from .search import LONGEST, UNFIT, reference_fault

SUBSCRIBE, UNSUBSCRIBE = "subscribe", "unsubscribe"
NOT_CRITERIA, NOT_CODE = "rjct.notify_details.invalid", "rjct.subscription_code.invalid"


@dataclass(frozen=True, slots=True)
class SubscribeAnswers:
    """Implements `delivery.transactions.Answerer` for `subscribe`: each item is recorded on its own."""

    here: Services
    action: str = CONFIRM

    async def answer(self, taken: Transaction, place: int, item: Mapping[str, Any]) -> Mapping[str, Any] | Later:
        """One item's part: the subscription with its code, or why there is none."""
        reference = str(item["reference_id"])[:LONGEST]
        shown = {"reference_id": reference, "timestamp": stamp(), "locale": item.get("locale", "eng")}
        if fault := reference_fault(taken.references, place, item):
            return shown | rejected(fault, UNFIT)
        asking = Asking.read(taken.head, self.here.trust.messages.policy(taken.consumer).dci)
        try:
            wanted = wished(item["subscribe_criteria"], taken.consumer, asking, self.here)
            (code,) = await self.here.subscriptions.add([wanted])
        except (QueryRefused, CronRefused) as error:
            return shown | rejected(NOT_CRITERIA, f"{error}.")
        except SubscriptionRefused as error:
            return shown | rejected(error.code, error.detail)
        subscribed = {"code": code, "status": "subscribe", "timestamp": stamp()}
        return shown | {"status": "succ", "subscriptions": [subscribed]}

    async def told(self, taken: Transaction, item: Mapping[str, Any], exchange_id: str) -> Mapping[str, Any]:
        """No subscription waits for an agency."""
        raise LookupError(f"a subscription waits for nobody: {taken.id}, {len(item)}, {exchange_id}")

    def whole(self, taken: Transaction, answers: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
        """The SubscribeResponse."""
        ids = {"transaction_id": taken.transaction_id, "correlation_id": taken.id}
        state = "succ" if any(each["status"] == "succ" for each in answers) else "rjct"
        return state, ids | {"subscribe_response": list(answers)}

    async def still(self, taken: Transaction, item: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """A confirmation tells nothing of anybody."""
        del taken, item
        return answer


@dataclass(frozen=True, slots=True)
class UnsubscribeAnswers:
    """Implements `delivery.transactions.Answerer` for `unsubscribe`: each code on its own."""

    here: Services
    action: str = ENDED

    async def answer(self, taken: Transaction, place: int, item: Mapping[str, Any]) -> Mapping[str, Any] | Later:
        """How one code stands now; it was ended before the message was acknowledged, or long ago."""
        del place
        code = str(item["code"])
        try:
            await self.here.subscriptions.end(taken.consumer, code)
        except KeyError:
            return {"code": code, "reason": NOT_CODE}
        except SubscriptionRefused as error:
            ended_at = (await self.here.subscriptions.one(code)).ended or 0.0
            return {"code": code, "reason": "" if ended_at >= taken.created else error.code}
        return {"code": code, "reason": ""}

    async def told(self, taken: Transaction, item: Mapping[str, Any], exchange_id: str) -> Mapping[str, Any]:
        """No subscription waits for an agency."""
        raise LookupError(f"a subscription waits for nobody: {taken.id}, {len(item)}, {exchange_id}")

    def whole(self, taken: Transaction, answers: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
        """The UnSubscribeResponse: one status for all codes, `rjct` with the first reason where none was ended."""
        message = ended(
            taken.transaction_id, taken.id, [each["code"] for each in answers if each["reason"] != NOT_CODE]
        )
        if any(not each["reason"] for each in answers):
            return "succ", message
        return "rjct", message | rejected(
            answers[0]["reason"], "None of the codes is a subscription of yours in force."
        )

    async def still(self, taken: Transaction, item: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """A confirmation tells nothing of anybody."""
        del taken, item
        return answer


def wished(criteria: Mapping[str, Any], consumer: str, asking: Asking, here: Services) -> Subscription:
    """What one item wants.

    Raises:
        QueryRefused, CronRefused: it cannot be meant; the text says why.
    """
    times = criteria.get("frequency") or {}
    purpose = purpose_of(criteria, asking.purpose)
    if purpose not in here.profile.purposes:
        raise QueryRefused("the purpose is unknown here")
    return wish(
        consumer,
        asking.provider,
        type_of(str(criteria["reg_event_type"])),
        purpose,
        filter=filter_of(criteria, here.person_ref, here.profile, asking.names),
        frequency=checked_frequency(str(times.get("frequency", ""))),
        starts=_moment(times.get("start_time")) or 0.0,
        ends=_moment(times.get("end_time")),
    )


def rejected(code: str, text: str) -> dict[str, Any]:
    """The members of a rejected item."""
    return {"status": "rjct", "status_reason_code": code, "status_reason_message": text[:999]}


def _moment(text: object) -> float | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise QueryRefused("start_time and end_time are dates with times") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
