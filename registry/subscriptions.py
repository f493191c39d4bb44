"""The registry asks by DCI to be told: ESS's events about people it referred, and deaths from civil registration.

An own message is signed as the gateway signs: a detached JWS over the canonical header and message.
"""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sandhi_client import EventRefused, Problem
from sandhi_client.jcs import canonical

from .errors import StepFailed
from .stage import Stage

PATH = "/dci/registry/subscribe"
FOR_GOOD = "9999-12-31T23:59:59Z"


class Wish(NamedTuple):
    """Whose events, of which kind, and for which purpose."""

    provider: str
    reg_type: str
    event_type: str
    record_type: str
    purpose: str


WISHES = (
    Wish("LK.GOV.DME.ESS", "ns:org:RegistryType:ESS", "enrolment", "Member", "employment-support.referral"),
    Wish(
        "LK.GOV.DME.ESS",
        "ns:org:RegistryType:ESS",
        "enrolment_status_change",
        "Member",
        "employment-support.referral",
    ),
    Wish("LK.GOV.RGD.CRVS", "ns:org:RegistryType:Civil", "death", "person", "employment-support.eligibility"),
)


async def subscribe(stage: Stage) -> None:
    """Send each wish that was not taken yet."""
    taken = {(row["provider"], row["event_type"]) for row in stage.store.rows("SELECT * FROM subscription")}
    for wish in WISHES:
        if (wish.provider, wish.event_type) in taken:
            continue
        code = await _subscribed(stage, wish)
        with stage.store.change() as connection:
            row = (wish.provider, wish.event_type, code)
            connection.execute("INSERT OR REPLACE INTO subscription VALUES (?, ?, ?)", row)
        stage.tell(f"subscribed to {wish.event_type} of {wish.provider}")


def envelope(stage: Stage, wish: Wish) -> dict[str, Any]:
    """The signed message."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    criteria = {
        "version": "1.0.0",
        "reg_type": wish.reg_type,
        "reg_event_type": wish.event_type,
        "frequency": {"start_time": now, "end_time": FOR_GOOD, "frequency": "real-time"},
        "filter_type": "expression",
        "filter": {"type": "ns:org:QueryType:expression", "value": {"expression": {"query": {}}}},
        "notify_record_type": wish.record_type,
        "authorize": {"purpose": {"code": wish.purpose}},
    }
    item = {"reference_id": str(uuid.uuid4()), "timestamp": now, "subscribe_criteria": criteria, "locale": "eng"}
    signed = {
        "header": {
            "version": "1.0.0",
            "message_id": str(uuid.uuid4()),
            "message_ts": now,
            "action": "subscribe",
            "sender_id": stage.client.system.replace("/", "."),
            "receiver_id": wish.provider,
            "total_count": 1,
            "is_msg_encrypted": False,
        },
        "message": {"transaction_id": str(uuid.uuid4()), "subscribe_request": [item]},
    }
    return {"signature": stage.client.session.key.detached(canonical(signed)), **signed}


async def _subscribed(stage: Stage, wish: Wish) -> str:
    try:
        reply = await stage.client.call("POST", PATH, json=envelope(stage, wish), repeatable=False)
    except Problem as problem:
        raise StepFailed(f"subscribing to {wish.event_type} of {wish.provider} failed: {_why(problem)}") from problem
    return str(json.loads(reply.body)["message"]["correlation_id"])


def _why(problem: Problem) -> str:
    """DCI says it in `errors`, the native interface in `detail`."""
    errors = problem.document.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("message"))
    return str(problem)


async def confirmed(stage: Stage, body: bytes) -> bytes:
    """Note the codes of an `on-subscribe` that the gateway signed, and give the acknowledgement.

    Raises:
        EventRefused: it is not the gateway's, or has not the shape.
    """

    def read(message: Any) -> list[str]:
        return [str(each["code"]) for item in message["subscribe_response"] for each in item["subscriptions"]]

    codes = await _codes(stage, body, read)
    stage.store.put("INSERT OR IGNORE INTO confirmation VALUES (?)", [(each,) for each in codes])
    return _ack(codes[0] if codes else str(uuid.uuid4()))


async def ended(stage: Stage, body: bytes) -> bytes:
    """Forget the codes of an `on-unsubscribe` that the gateway signed. Raises as `confirmed`."""
    codes = await _codes(stage, body, lambda message: [str(each["code"]) for each in message["subscription_status"]])
    stage.store.put("DELETE FROM confirmation WHERE code = ?", [(each,) for each in codes])
    return _ack(codes[0] if codes else str(uuid.uuid4()))


async def _codes(stage: Stage, body: bytes, read: Callable[[Any], list[str]]) -> list[str]:
    """What `read` finds in a message to us that the gateway signed. Raises EventRefused."""
    try:
        sent = json.loads(body)
        signature, signed = sent["signature"], {name: sent[name] for name in ("header", "message")}
        codes, to, content = read(sent["message"]), sent["header"]["receiver_id"], canonical(signed)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise EventRefused("err.request.bad", "not a confirmation") from None
    keys = await stage.client.session.gateway_keys(str(signature))
    if not keys.signed(content, str(signature)):
        raise EventRefused("err.signature.invalid", "the signature is not the gateway's")
    if to != stage.client.system.replace("/", "."):
        raise EventRefused("err.receiver_id.invalid", "the message is for another receiver")
    return codes


def _ack(correlation: str) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"message": {"ack_status": "ACK", "timestamp": now, "correlation_id": correlation}}).encode()
