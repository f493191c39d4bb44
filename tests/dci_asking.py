"""What a third party's client does beyond searching: it asks for a status, subscribes and unsubscribes, and waits for
what comes to its own address."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.dci_house import PURPOSE, Client
from tests.dci_played import REG_TYPES, Envelope, stamp

ENDS = "2099-12-31T00:00:00Z"
EVENTS = {"DR": "REGISTER"}  # the only one that its file knows; the others have names of their own
EXPRESSION = "ns:org:QueryType:expression"


async def status_later(client: Client, correlation_id: str) -> Envelope:
    """The acknowledgement; the status comes by `txn/on-status`."""
    asked = {"reference_id": "s1", "txn_type": "search", "attribute_type": "correlation_id"}
    message = {"transaction_id": str(uuid4()), "txnstatus_request": asked | {"attribute_value": correlation_id}}
    return await _acknowledged(client, "txn/status", client.header("txn-status"), message)


async def subscribe(client: Client, transaction_id: str) -> Envelope:
    """To every event of the interface's own type; the codes come by `on-subscribe`."""
    criteria = {
        "reg_type": f"ns:org:RegistryType:{REG_TYPES[client.interface]}",
        "reg_event_type": EVENTS.get(client.interface, "enrolment"),
        "filter_type": "expression",
        "filter": {"type": EXPRESSION, "value": {"expression": {"query": {}}}},
        "notify_record_type": "Member",
        "frequency": {"start_time": stamp(), "end_time": ENDS, "frequency": "real-time"},
        "authorize": {"purpose": {"code": PURPOSE}},
    }
    item = {"reference_id": "w1", "timestamp": stamp(), "subscribe_criteria": criteria, "locale": "eng"}
    message: Envelope = {"transaction_id": transaction_id, "subscribe_request": [item]}
    return await _acknowledged(client, "subscribe", client.header("subscribe"), message)


async def unsubscribe(client: Client, transaction_id: str, codes: list[str]) -> Envelope:
    """The acknowledgement; `on-unsubscribe` says so once more."""
    message: Envelope = {"transaction_id": transaction_id, "timestamp": stamp(), "subscription_codes": codes}
    return await _acknowledged(client, "unsubscribe", client.header("unsubscribe", len(codes)), message)


def codes_of(on_subscribe: Mapping[str, Any]) -> list[str]:
    """The subscriptions that were confirmed."""
    answered: list[dict[str, Any]] = on_subscribe["message"]["subscribe_response"]
    return [each["code"] for one in answered for each in one.get("subscriptions", [])]


async def _acknowledged(client: Client, path: str, header: Envelope, message: Envelope) -> Envelope:
    _, body = await client.call(path, header, message)
    acknowledged: Envelope = body["message"]
    return acknowledged
