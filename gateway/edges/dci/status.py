"""`txn/status`, at once or by `txn/on-status`: how far a message has come, and what was answered to it.

The same rows are what `GET /v1/...` shows natively: one truth. An answer that waited is decided again before it is told
here, as before it is sent.

Source: SPDCI OpenAPI 1.0.0 `TxnStatusRequest`, `TxnStatusResponse`: `txn_status` is the original answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastapi.responses import Response

from ...delivery.transactions import PENDING, RECEIVED, Later, Transaction
from .envelope import Asking, DciError, Received, reply, stamp
from .failure import BAD
from .later import STATUS, accepted
from .operations import Interface

if TYPE_CHECKING:
    from ...wiring import Services

MOST = 100  # references or codes in one question
ATTRIBUTES = frozenset({"transaction_id", "correlation_id", "reference_id_list", "subscription_code_list"})
RESPONSES = {"subscribe": "subscribe_response", "unsubscribe": "subscription_status"}


async def told(message: Received, consumer: str, here: "Services") -> Response:
    """The reply envelope of `sync/txn/status`."""
    request = message.message["txnstatus_request"]
    status = await _status(request, message.transaction_id, consumer, message.interface, here)
    content = _content(message.transaction_id, request["txn_type"], status)
    return reply(here, message, content, completed=int(_known(status)))


async def taken(message: Received, consumer: str, here: "Services") -> Response:
    """Acknowledged; the answer follows by `txn/on-status`, of the state by then."""
    request = message.message["txnstatus_request"]
    _values(request)
    items = [(str(request["reference_id"]), request)]
    return await accepted(STATUS, message.seen.message_id, items, message, consumer, here)


@dataclass(slots=True)
class StatusAnswers:
    """Implements `delivery.transactions.Answerer` for `txn/status`."""

    here: "Services"
    action: str = "txn-on-status"

    async def answer(self, taken: Transaction, place: int, item: Mapping[str, Any]) -> Mapping[str, Any] | Later:
        """The status as it is now."""
        del place
        return await self._now(taken, item)

    async def _now(self, taken: Transaction, item: Mapping[str, Any]) -> Mapping[str, Any]:
        asking = Asking.read(taken.head, self.here.trust.messages.policy(taken.consumer).dci)
        status = await _status(item, asking.transaction_id, taken.consumer, asking.interface, self.here)
        return _content(asking.transaction_id, item["txn_type"], status)

    async def told(self, taken: Transaction, item: Mapping[str, Any], exchange_id: str) -> Mapping[str, Any]:
        """No status waits for an agency."""
        raise LookupError(f"a status waits for nobody: {taken.id}, {len(item)}, {exchange_id}")

    def whole(self, taken: Transaction, answers: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
        """The TxnStatusResponse."""
        del taken
        (content,) = answers
        return ("succ" if _known(content["txnstatus_response"]["txn_status"]) else "rjct"), content

    async def still(self, taken: Transaction, item: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The status as it is by then."""
        del answer
        return await self._now(taken, item)


async def _status(
    request: Mapping[str, Any], transaction_id: str, consumer: str, interface: Interface, here: "Services"
) -> Mapping[str, Any]:
    """`txn_status`: the newest message of this sender that fits, with its answer; a rejected item where none does."""
    values, attribute, kind = _values(request), request["attribute_type"], request["txn_type"]
    if attribute == "subscription_code_list":
        if kind != "unsubscribe":
            return _fitting(await _by_code(request, transaction_id, consumer, here), interface)
        attribute = "reference_id_list"  # of what is to end each code is an item
    found = await here.transactions.find(consumer, attribute, values, kind=kind)
    if not found:
        return _unknown(request, transaction_id)
    newest = found[-1]
    if newest.state in {RECEIVED, PENDING}:
        return _fitting(_unfinished(newest, kind), interface)
    answer = _fitting(await here.transactions.looked_at(newest.id), interface)
    wanted = frozenset(values) if attribute == "reference_id_list" else frozenset()
    return _shaped(answer, interface, wanted)


async def _by_code(
    request: Mapping[str, Any], transaction_id: str, consumer: str, here: "Services"
) -> Mapping[str, Any]:
    """Subscriptions of this sender as they stand now, by their codes."""
    wanted = frozenset(_values(request))
    mine = [each for each in await here.subscriptions.of_subscriber(consumer) if each.code in wanted]
    if not mine:
        return _unknown(request, transaction_id)
    words = {"active": "subscribe"}
    told = [{"code": each.code, "status": words.get(each.state, "unsubscribe"), "timestamp": stamp()} for each in mine]
    item = {"reference_id": str(request["reference_id"]), "timestamp": stamp(), "status": "succ"}
    ids = {"transaction_id": transaction_id, "correlation_id": str(uuid4())}
    return ids | {"subscribe_response": [item | {"subscriptions": told}]}


def _values(request: Mapping[str, Any]) -> list[str]:
    """What is asked about. Raises DciError: not as its attribute_type has it."""
    value, attribute = request["attribute_value"], request["attribute_type"]
    values = value if isinstance(value, list) else [value]
    if attribute not in ATTRIBUTES or not 1 <= len(values) <= MOST or not all(isinstance(each, str) for each in values):
        raise DciError(
            400, BAD, f"attribute_value is a text, or a list of 1 to {MOST} for an attribute that is a list."
        )
    return values


def _unknown(request: Mapping[str, Any], transaction_id: str) -> Mapping[str, Any]:
    item = {
        "reference_id": str(request["reference_id"]),
        "timestamp": stamp(),
        "status": "rjct",
        "status_reason_code": "rjct.reference_id.invalid",
        "status_reason_message": "not_found: no message of yours has this id, or it was forgotten.",
    }
    return {"transaction_id": transaction_id, "correlation_id": str(uuid4()), "search_response": [item]}


def _unfinished(found: Transaction, kind: str) -> Mapping[str, Any]:
    items = [{"reference_id": each, "timestamp": stamp(), "status": found.state} for each in found.references]
    ids = {"transaction_id": found.transaction_id, "correlation_id": found.id}
    if kind == "unsubscribe":
        return ids | {"timestamp": stamp(), "status": found.state}
    return ids | {RESPONSES.get(kind, "search_response"): items}


def _shaped(answer: Mapping[str, Any], interface: Interface, references: frozenset[str]) -> Mapping[str, Any]:
    """The answer as it stands in a status: only the items asked for, and records as the file wants them there."""
    items = answer.get("search_response")
    if not isinstance(items, list):
        return answer
    kept = [each for each in items if not references or each["reference_id"] in references]
    return {**answer, "search_response": [_one_record(each) if interface.one_in_status else each for each in kept]}


def _fitting(status: Mapping[str, Any], interface: Interface) -> Mapping[str, Any]:
    """The request of every file may ask about a subscription, but the answer of most has room for a search only: there
    its items stand as those of a search, and the whole beside them."""
    if interface.subscriptions_in_status or "search_response" in status:
        return status
    kept = ("reference_id", "timestamp", "status", "status_reason_message", "locale")
    items = status.get("subscribe_response", ())
    shown = [{name: each[name] for name in kept if name in each} for each in items]
    return {"search_response": shown, **status}


def _one_record(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """CRVS and FR: `reg_records` is one object in a status, though a list in the answer itself."""
    records = item.get("data", {}).get("reg_records")
    if not isinstance(records, list):
        return item
    if not records:
        return {name: value for name, value in item.items() if name != "data"}
    more = {"status_reason_message": f"1 of {len(records)} records: this file has room for one"} if records[1:] else {}
    return {**item, **more, "data": {**item["data"], "reg_records": records[0]}}


def _content(transaction_id: str, kind: str, status: Mapping[str, Any]) -> dict[str, Any]:
    response = {"txn_type": kind, "txn_status": status}
    return {"transaction_id": transaction_id, "correlation_id": str(uuid4()), "txnstatus_response": response}


def _known(status: Mapping[str, Any]) -> bool:
    items = status.get("search_response")
    return not isinstance(items, list) or any(each["status"] != "rjct" for each in items)
