"""What comes later, and what is told: asynchronous search, subscriptions, notifications."""

import copy
from typing import Any
from uuid import uuid4

from . import expect
from .checks_door import OPENAPI
from .checks_search import STATUS, TXN, status_of
from .suite import check
from .talk import Talk, stamp

SEARCH, SUBSCRIBE, NOTIFY, UNSUBSCRIBE = "search", "subscribe", "notify", "unsubscribe"
ELSEWHERE = ("http://169.254.169.254/registry/on-subscribe", "https://attacker.example/registry/on-subscribe")
ACK = f"{OPENAPI} Response (Ack)"


@check(
    "ASYNC-1",
    "a search is acknowledged and answered later",
    f"{OPENAPI} on-search",
    operation=SEARCH,
    needs=["unknown", "callbacks"],
)
async def later(talk: Talk) -> None:
    """By `on-search` with the transaction id of the question and the correlation id of the acknowledgement."""
    message = talk.search(talk.target.unknown)
    correlation = expect.acknowledged(talk, await talk.say(SEARCH, _header(talk, "search"), message))
    await _followed(talk, "on-search", message["transaction_id"], correlation)


@check("STATUS-2", "a search answered later has a status", TXN, operation=SEARCH, needs=["unknown", "callbacks"])
async def followed(talk: Talk) -> None:
    """The same answers as in its `on-search`, where the server has `sync/txn/status`."""
    if STATUS in talk.absent:
        return
    message = talk.search(talk.target.unknown)
    correlation = expect.acknowledged(talk, await talk.say(SEARCH, _header(talk, "search"), message))
    told = await _followed(talk, "on-search", message["transaction_id"], correlation)
    found = await status_of(talk, message["transaction_id"])
    expect.that(found.get("correlation_id") == correlation, "the status has another correlation_id")
    states = [[each["status"] for each in part["search_response"]] for part in (told, found)]
    expect.that(states[0] == states[1], "the status tells other answers than the callback")


@check("SUB-1", "a subscription is acknowledged", ACK, operation=SUBSCRIBE)
async def subscribed(talk: Talk) -> None:
    """With a correlation id of the published form."""
    expect.acknowledged(talk, await talk.say(SUBSCRIBE, _header(talk, "subscribe"), talk.wish()))


@check(
    "SUB-2",
    "a subscription is confirmed with its code",
    f"{OPENAPI} on-subscribe",
    operation=SUBSCRIBE,
    needs=["callbacks"],
)
async def confirmed(talk: Talk) -> None:
    """The code is what it is ended by."""
    message = talk.wish()
    correlation = expect.acknowledged(talk, await talk.say(SUBSCRIBE, _header(talk, "subscribe"), message))
    _codes(await _followed(talk, "on-subscribe", message["transaction_id"], correlation))


@check(
    "SUB-3", "no callback goes to an address that was never registered", f"{OPENAPI} sender_uri", operation=SUBSCRIBE
)
async def elsewhere(talk: Talk) -> None:
    """`err.sender_uri.invalid`: the address in a message is the caller's word, and the server would call it."""
    for address in ELSEWHERE:
        heard = await talk.say(SUBSCRIBE, talk.header("subscribe", 1, sender_uri=address), talk.wish())
        expect.refusal(heard, "err.sender_uri.invalid", "err.request.forbidden")


@check("SUB-4", "a subscription ends", f"{OPENAPI} on-unsubscribe", operation=UNSUBSCRIBE, needs=["callbacks"])
async def ended(talk: Talk) -> None:
    """By the code that its confirmation gave."""
    message = talk.wish()
    correlation = expect.acknowledged(talk, await talk.say(SUBSCRIBE, _header(talk, "subscribe"), message))
    codes = _codes(await _followed(talk, "on-subscribe", message["transaction_id"], correlation))
    transaction = str(uuid4())
    ending = {"transaction_id": transaction, "timestamp": stamp(), "subscription_codes": codes}
    heard = await talk.say(UNSUBSCRIBE, _header(talk, "unsubscribe", len(codes)), ending)
    await _followed(talk, "on-unsubscribe", transaction, expect.acknowledged(talk, heard))


@check("NOTE-1", "a notification is acknowledged", ACK, operation=NOTIFY, needs=["notice"])
async def noted(talk: Talk) -> None:
    """When it is stored, and again when it comes again under the same message id."""
    header, message = _notice(talk)
    first = expect.acknowledged(talk, await talk.say(NOTIFY, header, message))
    again = await talk.say(NOTIFY, header, message)
    if again.refused:
        expect.refusal(again, "rjct.message_id.duplicate")
    else:
        expect.that(expect.acknowledged(talk, again) == first, "the same message has two correlation ids")


@check(
    "NOTE-2",
    "another message under a known message_id is refused",
    f"{OPENAPI} message_id",
    operation=NOTIFY,
    needs=["notice"],
)
async def reused(talk: Talk) -> None:
    """Another message under it is `rjct.message_id.duplicate`."""
    header, message = _notice(talk)
    expect.acknowledged(talk, await talk.say(NOTIFY, header, message))
    _, other = _notice(talk)
    expect.refusal(await talk.say(NOTIFY, header, other), "rjct.message_id.duplicate")


@check("NOTE-3", "a notification that is none is refused", ACK, operation=NOTIFY)
async def empty(talk: Talk) -> None:
    """Without items, and with one that has no record."""
    item = {"reference_id": str(uuid4()), "timestamp": stamp(), "data": {"reg_record_type": talk.target.record_type}}
    for items in ([], [item]):
        message = {"transaction_id": str(uuid4()), "notify_event": items}
        heard = await talk.say(NOTIFY, talk.header("notify", len(items), status="succ"), message)
        expect.refusal(heard, "rjct.total_count.invalid", "rjct.total_count.limit_exceeded")


def _header(talk: Talk, action: str, count: int = 1) -> dict[str, Any]:
    return talk.header(action, count, sender_uri=talk.target.sender_uri or None)


def _notice(talk: Talk) -> tuple[dict[str, Any], dict[str, Any]]:
    data = {
        "version": "1.0.0",
        "reg_type": talk.target.reg_type,
        "reg_event_type": talk.target.event_type,
        "reg_record_type": talk.target.record_type,
        "reg_records": copy.deepcopy(dict(talk.target.notice or {})),
    }
    item = {"reference_id": str(uuid4()), "timestamp": stamp(), "data": data, "locale": "eng"}
    header = talk.header("notify", 1, status="succ")
    return header, {"transaction_id": str(uuid4()), "notify_event": [item]}


async def _followed(talk: Talk, action: str, transaction_id: str, correlation: str) -> dict[str, Any]:
    """The callback, whole, for this transaction and acknowledgement; gives its message part."""
    assert talk.callbacks is not None
    envelope = await talk.callbacks.wait(action, transaction_id)
    message = dict(envelope["message"])
    expect.that(
        message.get("correlation_id") == correlation, f"{action} has another correlation_id than the acknowledgement"
    )
    schema = talk.target.operations[f"/registry/{action}"]["request"]
    expect.fitting_schema(schema, envelope, action)
    return message


def _codes(message: dict[str, Any]) -> list[str]:
    items = [each for each in message["subscribe_response"] if each["status"] == "succ"]
    codes = [str(each["code"]) for item in items for each in item.get("subscriptions", [])]
    expect.that(codes, "the confirmation has no subscription code")
    return codes
