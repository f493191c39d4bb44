"""What checks say about answers. Each raises `Failed` with words for whoever mends the server."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import jsonschema

from .signing import NONE
from .talk import Failed, Heard, Talk

ACK_CODES = frozenset(
    {
        *("err.request.bad", "err.request.unauthorized", "err.request.forbidden", "err.request.not_found"),
        *("err.request.timeout", "err.request.too_many_requests", "err.version.not_supported"),
        *("err.sender_id.invalid", "err.sender_uri.invalid", "err.receiver_id.invalid"),
        *("err.signature.missing", "err.signature.invalid", "err.encryption.invalid", "err.service.unavailable"),
    }
)
HEADER_CODES = frozenset(
    {
        *("rjct.version.invalid", "rjct.message_id.duplicate", "rjct.message_ts.invalid", "rjct.action.invalid"),
        *("rjct.action.not_supported", "rjct.total_count.invalid", "rjct.total_count.limit_exceeded"),
        "rjct.errors.too_many",
    }
)
CODES = ACK_CODES | HEADER_CODES
STATES = frozenset({"succ", "rcvd", "pdng", "rjct"})
CORRELATION = re.compile(r"[a-zA-Z0-9-]{1,99}", re.ASCII)


def that(good: object, otherwise: str) -> None:
    """Raise unless it is so."""
    if not good:
        raise Failed(otherwise)


def refusal(heard: Heard, *codes: str) -> None:
    """The whole message was refused in a published shape, with one of these codes or `err.request.bad`."""
    that(heard.refused, f"{heard.path} took the message: {heard.status}")
    error_shape(heard)
    wanted = {*codes, "err.request.bad"} if codes else CODES
    that(heard.code in wanted, f"{heard.path} refused with {heard.code}; expected {', '.join(sorted(wanted))}")


def rejected(heard: Heard, *codes: str) -> None:
    """The message was refused (with one of these codes, where any are named), or each of its items was rejected."""
    if heard.refused:
        refusal(heard, *(codes or CODES))
        return
    items = heard.part("message", "search_response")
    that(isinstance(items, list), f"{heard.path}: neither an answer nor a refusal: {heard.status}")
    that(all(each.get("status") == "rjct" for each in items), f"{heard.path} answered what it should not")
    that(not any(records(each) for each in items), f"{heard.path}: records came with a rejection")


def error_shape(heard: Heard) -> None:
    """A failure is JSON in one of the published shapes, with a published code, and is not a fault of the server."""
    that(heard.status < 500 or heard.code == "err.service.unavailable", f"{heard.path} broke: {heard.status}")
    that(heard.document is not None, f"{heard.path}: {heard.status} without a JSON object")
    that(heard.code in CODES, f"{heard.path}: {heard.status} without a published error code")
    listed = heard.part("errors")
    if listed is not None:
        whole = isinstance(listed, list) and all(isinstance(each, Mapping) and "message" in each for each in listed)
        that(whole, f"{heard.path}: `errors` is not a list of code and message")


def fitting(talk: Talk, heard: Heard) -> None:
    """A good answer fits the published schema of its operation."""
    responses = talk.target.operations[f"/registry/{heard.path}"]["responses"]
    fitting_schema(responses.get("200") or responses["default"], heard.document, heard.path)


def fitting_schema(schema: Mapping[str, Any], document: object, name: str) -> None:
    """A message fits a published schema."""
    fault = next(jsonschema.Draft4Validator(schema).iter_errors(document), None)
    that(fault is None, f"{name}: the message breaks the schema at /{_place(fault)}" if fault else "")


def acknowledged(talk: Talk, heard: Heard) -> str:
    """An ACK, whole; gives its correlation id."""
    that(heard.status == 200, f"{heard.path}: {heard.status} {heard.code}")
    fitting(talk, heard)
    that(heard.part("message", "ack_status") == "ACK", f"{heard.path} did not acknowledge: {heard.code}")
    current(heard.part("message", "timestamp"), talk)
    return correlation(heard.part("message", "correlation_id"))


def replied(talk: Talk, heard: Heard, action: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """A whole synchronous reply to this message; gives its message part."""
    that(heard.status == 200, f"{heard.path}: {heard.status} {heard.code}")
    fitting(talk, heard)
    header = heard.part("header") or {}
    that(header.get("action") == action, f"{heard.path}: the reply's action is not {action}")
    status = header.get("status")
    that(status in STATES and not heard.refused, f"{heard.path}: the header's status is {status} {heard.code}")
    current(header.get("message_ts"), talk)
    to = header.get("receiver_id", talk.target.sender_id)
    that(to == talk.target.sender_id, f"{heard.path}: the reply is for another receiver")
    that(header.get("message_id") != asked["header"]["message_id"], f"{heard.path}: the reply has our message_id")
    signed(talk, heard)
    message = heard.part("message")
    that(isinstance(message, Mapping), f"{heard.path}: the reply has no message")
    same = message.get("transaction_id") == asked["message"]["transaction_id"]
    that(same, f"{heard.path}: the reply has another transaction_id")
    correlation(message.get("correlation_id"))
    return dict(message)


def signed(talk: Talk, heard: Heard) -> None:
    """The reply carries the server's signature, where its keys are known and a dialect is agreed."""
    if talk.keys and talk.target.dialect != NONE:
        that(talk.is_signed(heard), f"{heard.path}: the reply is not signed with a published key")


def found(items: Sequence[Mapping[str, Any]], reference: str) -> Mapping[str, Any]:
    """The one answer to an item."""
    mine = [each for each in items if each.get("reference_id") == reference]
    that(len(mine) == 1, f"an item has {len(mine)} answers")
    return mine[0]


def records(item: Mapping[str, Any]) -> Sequence[Any]:
    """The records of an answer; none where there is no data."""
    return (item.get("data") or {}).get("reg_records") or []


def correlation(value: object) -> str:
    """A correlation id as ESS wants it."""
    that(isinstance(value, str) and CORRELATION.fullmatch(value), "correlation_id is not 1 to 99 of a-z A-Z 0-9 and -")
    return str(value)


def current(value: object, talk: Talk) -> None:
    """A time of now, with its offset."""
    try:
        moment = datetime.fromisoformat(str(value))
        aware = moment.tzinfo is not None and abs((datetime.now(UTC) - moment).total_seconds()) <= talk.target.skew_s
    except ValueError:
        aware = False
    that(aware, "a time stamp is not the present time with its offset")


def _place(fault: jsonschema.ValidationError) -> str:
    return "/".join(str(each) for each in fault.absolute_path)
