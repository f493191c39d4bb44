"""One DCI envelope in, checked; one envelope or error out, signed. Every failure has DCI's own shape.

The order of checks: strict JSON, schema, sender is the caller, time, number of items, signature, replay.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from fastapi.responses import Response
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

import schemas
from adapters.kit import strict_json

from ...profile import Profile
from ...trust.caller import Caller
from ...trust.errors import SignatureRefused
from ...wiring import Services
from .tables import dci_message

SCHEMA = "dci/ess.json"
MOST_ITEMS = 100
CLOCK = timedelta(minutes=5)
REPEATABLE = frozenset({"subscribe", "on-subscribe", "notify"})  # doing them again changes nothing
ITEMS = {
    "search": "search_request",
    "subscribe": "subscribe_request",
    "on-subscribe": "subscribe_response",
    "notify": "notify_event",
}


class DciError(Exception):
    """The whole message is refused. `code` is one of DCI's; the text never repeats a value.

    Source: Ack `error.code` and header `status_reason_code` of the specification.
    """

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text

    def response(self) -> Response:
        """Both published error shapes in one body: an Ack with `ERR`, and `errors`."""
        error = {"code": self.code, "message": self.text}
        message = {"ack_status": "ERR", "timestamp": stamp(), "correlation_id": str(uuid4()), "error": error}
        return Response(
            orjson.dumps({"message": message, "errors": [error]}), self.status, media_type="application/json"
        )


@dataclass(frozen=True, slots=True)
class Received:
    """A message that passed every check. `items` is the list that its action carries."""

    header: Mapping[str, Any]
    message: Mapping[str, Any]
    items: Sequence[Mapping[str, Any]]
    envelope: Mapping[str, Any]


async def received(body: bytes, action: str, caller: Caller, here: Services) -> Received:
    """Check one envelope.

    Raises:
        DciError: the first check that failed.
    """
    envelope = _parsed(body, action, here.profile)
    header, message = envelope["header"], envelope.get("message") or {}
    if header["sender_id"] != caller.system.replace("/", "."):
        raise DciError(403, "err.sender_id.invalid", "sender_id is not the authenticated system.")
    _check_time(header)
    items = message.get(ITEMS[action]) or []
    if header["total_count"] != len(items):
        raise DciError(400, "rjct.total_count.invalid", "total_count is not the number of items.")
    if not 1 <= len(items) <= MOST_ITEMS:
        raise DciError(400, "rjct.total_count.limit_exceeded", f"A message has 1 to {MOST_ITEMS} items.")
    try:
        await here.trust.sender(envelope, caller.system)
    except SignatureRefused as error:
        code = "err.signature.missing" if not envelope.get("signature") else "err.signature.invalid"
        raise DciError(401, code, error.detail) from None
    await _remember(here, envelope, action)
    return Received(header, message, items, envelope)


def _parsed(body: bytes, action: str, profile: Profile) -> Mapping[str, Any]:
    try:
        envelope = strict_json.loads(body)
    except strict_json.StrictError as error:
        raise DciError(400, "err.request.bad", f"The body was not read: {error}.") from None
    path = "~1registry~1sync~1search" if action == "search" else f"~1registry~1{action}"
    schema = profile.dci_schemas.get(_receiver(envelope), SCHEMA)
    fault = schemas.first_fault(schemas.validator(f"{schema}#/operations/{path}/request"), envelope)
    if fault is not None or not isinstance(envelope, dict):
        raise DciError(400, "err.request.bad", f"The message breaks DCI 1.0.0 at {fault}.")
    if envelope["header"].get("is_msg_encrypted"):
        raise DciError(400, "err.encryption.invalid", "Encrypted messages are not taken here yet; send it in clear.")
    return envelope


def _receiver(envelope: object) -> str:
    header = envelope.get("header") if isinstance(envelope, Mapping) else None
    receiver = header.get("receiver_id") if isinstance(header, Mapping) else None
    return receiver.replace(".", "/") if isinstance(receiver, str) else ""


def _check_time(header: Mapping[str, Any]) -> None:
    try:
        sent = datetime.fromisoformat(header["message_ts"])
        aware = sent if sent.tzinfo else sent.replace(tzinfo=UTC)
    except ValueError:
        raise DciError(400, "rjct.message_ts.invalid", "message_ts is not a date and time.") from None
    if abs(datetime.now(UTC) - aware) > CLOCK:
        raise DciError(400, "rjct.message_ts.invalid", "message_ts is more than five minutes off.")


async def _remember(here: Services, envelope: Mapping[str, Any], action: str) -> None:
    """Take a message id once. The same message may come again: always if it failed, else if its action is repeatable.

    Raises:
        DciError: `rjct.message_id.duplicate`.
    """
    header, now = envelope["header"], datetime.now(UTC).timestamp()
    key = {"sender": header["sender_id"], "message_id": header["message_id"][:99]}
    row = {**key, "body_hash": _fingerprint(here, envelope), "done": False, "received": now}
    try:
        async with here.db.write() as connection:
            old = now - 2 * CLOCK.total_seconds()
            await connection.execute(delete(dci_message).where(dci_message.c.received < old))
            await connection.execute(insert(dci_message).values(row))
    except IntegrityError:
        async with here.db.read() as connection:
            known = (await connection.execute(select(dci_message).filter_by(**key))).one_or_none()
        if known and known.body_hash == row["body_hash"] and (not known.done or action in REPEATABLE):
            return
        raise DciError(400, "rjct.message_id.duplicate", "This message_id was received before.") from None


async def done(here: Services, message: Received) -> None:
    """The message did its work; from now on its id is used up."""
    header, table = message.header, dci_message.c
    this = (table.sender == header["sender_id"]) & (table.message_id == header["message_id"][:99])
    async with here.db.write() as connection:
        await connection.execute(update(dci_message).where(this).values(done=True))


def _fingerprint(here: Services, envelope: Mapping[str, Any]) -> str:
    """Of the signed part: a sender that repeats a message may sign it anew."""
    signed = {name: envelope.get(name) for name in ("header", "message")}
    return here.trust.seal.fingerprint(b"dci message:" + json.dumps(signed, sort_keys=True).encode())


def ack(correlation_id: str) -> Response:
    """Taken; a callback will follow where the action has one."""
    message = {"ack_status": "ACK", "timestamp": stamp(), "correlation_id": correlation_id}
    return Response(orjson.dumps({"message": message}), media_type="application/json")


def reply(here: Services, to: Received, action: str, message: Mapping[str, Any], completed: int) -> Response:
    """A synchronous reply as the gateway itself, signed."""
    header = {
        "version": "1.0.0",
        "message_id": str(uuid4()),
        "message_ts": stamp(),
        "action": action,
        "status": "succ" if completed else "rjct",
        "total_count": len(to.items),
        "completed_count": completed,
        "sender_id": here.profile.gateway.replace("/", "."),
        "receiver_id": to.header["sender_id"],
        "is_msg_encrypted": False,
    }
    signed: dict[str, object] = {"header": header, "message": message}
    body = {"signature": here.trust.sign_envelope(signed), **signed}
    return Response(orjson.dumps(body), media_type="application/json")


def stamp() -> str:
    """Now, as DCI writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
