"""One DCI envelope in, checked; one envelope or error out, protected as agreed. Every failure has DCI's own shape.

The order of checks: strict JSON, schema, sender is the caller, callback address, time, signature, decryption, number
of items, replay. The keys and the address come from the register, never from the message.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from fastapi.responses import Response

import schemas
from adapters.kit import strict_json

from ...profile import Profile
from ...trust.caller import Caller
from ...trust.dialects import Message, Verified
from ...trust.errors import EncryptionRefused, SignatureRefused
from ...trust.messages import HTTP
from ...wiring import Services
from ..downgrade import told
from .seen import Duplicate, InWork, Seen, claim

logger = logging.getLogger("sandhi.dci")

SCHEMA = "dci/ess.json"
MOST_ITEMS = 100
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
    """A message that passed every check. `items` is the list that its action carries; `envelope` is in clear."""

    header: Mapping[str, Any]
    message: Mapping[str, Any]
    items: Sequence[Mapping[str, Any]]
    envelope: Mapping[str, Any]
    http: Message
    proof: Verified
    seen: Seen

    @property
    def encrypted(self) -> bool:
        """Whether it came encrypted: then so goes the reply."""
        return self.header.get("is_msg_encrypted") is True


async def received(http: Message, action: str, caller: Caller, here: Services, proof: Verified | None) -> Received:
    """Check one envelope.

    Args:
        proof: of the HTTP message signature, where the request has one.

    Raises:
        DciError: the first check that failed.
    """
    sent = _parsed(http.body, action, here.profile)
    header = sent["header"]
    if header["sender_id"] != caller.system.replace("/", "."):
        raise DciError(403, "err.sender_id.invalid", "sender_id is not the authenticated system.")
    _check_uri(header, caller, here)
    moment = _check_time(header, here.trust.messages.policy(caller.system).signature.window_s)
    proof = await _proved(replace(http, envelope=sent), caller, here, proof)
    envelope = _opened(sent, action, caller, here)
    message = envelope.get("message") or {}
    items = message.get(ITEMS[action]) or []
    if header["total_count"] != len(items):
        raise DciError(400, "rjct.total_count.invalid", "total_count is not the number of items.")
    if not 1 <= len(items) <= MOST_ITEMS:
        raise DciError(400, "rjct.total_count.limit_exceeded", f"A message has 1 to {MOST_ITEMS} items.")
    seen = Seen(header["sender_id"], header["message_id"][:99], _fingerprint(here, envelope), moment)
    await _claim(here, seen, action)
    return Received(header, message, items, envelope, http, proof, seen)


def _parsed(body: bytes, action: str, profile: Profile) -> Mapping[str, Any]:
    try:
        envelope = strict_json.loads(body)
    except strict_json.StrictError as error:
        raise DciError(400, "err.request.bad", f"The body was not read: {error}.") from None
    return _fitting(envelope, action, profile)


def _fitting(envelope: object, action: str, profile: Profile) -> Mapping[str, Any]:
    path = "~1registry~1sync~1search" if action == "search" else f"~1registry~1{action}"
    schema = profile.dci_schemas.get(_receiver(envelope), SCHEMA)
    fault = schemas.first_fault(schemas.validator(f"{schema}#/operations/{path}/request"), envelope)
    if fault is not None or not isinstance(envelope, dict):
        raise DciError(400, "err.request.bad", f"The message breaks DCI 1.0.0 at {fault}.")
    return envelope


def _receiver(envelope: object) -> str:
    header = envelope.get("header") if isinstance(envelope, Mapping) else None
    receiver = header.get("receiver_id") if isinstance(header, Mapping) else None
    return receiver.replace(".", "/") if isinstance(receiver, str) else ""


def _check_uri(header: Mapping[str, Any], caller: Caller, here: Services) -> None:
    """We never call an address because a message names it; one that is not registered is an attempt."""
    stated = header.get("sender_uri")
    system = here.trust.directory.snapshot.systems.get(caller.system)
    if stated and (system is None or stated not in {each.callback_url for each in system.services}):
        raise DciError(403, "err.sender_uri.invalid", "sender_uri is not an address registered for this system.")


def _check_time(header: Mapping[str, Any], window_s: int) -> datetime:
    """When the message can no longer be shown, if its time is now."""
    try:
        sent = datetime.fromisoformat(header["message_ts"])
        aware = sent if sent.tzinfo else sent.replace(tzinfo=UTC)
    except ValueError:
        raise DciError(400, "rjct.message_ts.invalid", "message_ts is not a date and time.") from None
    window = timedelta(seconds=window_s)
    if abs(datetime.now(UTC) - aware) > window:
        raise DciError(400, "rjct.message_ts.invalid", f"message_ts is more than {window_s} seconds off.")
    return aware + window


async def _proved(message: Message, caller: Caller, here: Services, http: Verified | None) -> Verified:
    if here.trust.messages.policy(caller.system).signature.dialect == HTTP and http is not None:
        return http
    try:
        return await here.trust.messages.verified(caller.system, message)
    except SignatureRefused as error:
        await told(error, caller, here.trust, here.db, here.log)
        code = "err.signature.missing" if error.missing else "err.signature.invalid"
        raise DciError(401, code, error.detail) from None


def _opened(sent: Mapping[str, Any], action: str, caller: Caller, here: Services) -> Mapping[str, Any]:
    """In clear. That the answer can be encrypted, if it must be, is known before anything is asked."""
    try:
        envelope = here.trust.messages.opened(caller.system, sent)
        here.trust.messages.closing_key(caller.system, asked=sent["header"].get("is_msg_encrypted") is True)
    except EncryptionRefused as error:
        logger.warning("encrypted message refused: %s", error.reason, extra={"consumer": caller.system})
        raise DciError(400, "err.encryption.invalid", error.detail) from None
    return envelope if envelope is sent else _fitting(envelope, action, here.profile)


async def _claim(here: Services, seen: Seen, action: str) -> None:
    try:
        await claim(here.db, seen, datetime.now(UTC), repeatable=action in REPEATABLE)
    except Duplicate:
        raise DciError(400, "rjct.message_id.duplicate", "This message_id was received before.") from None
    except InWork:
        if action in REPEATABLE:  # it may still fail; then the sender has to come again
            raise DciError(503, "err.service.unavailable", "This message is being worked on; send it again.") from None
        raise DciError(400, "rjct.message_id.duplicate", "This message is being worked on.") from None


def _fingerprint(here: Services, envelope: Mapping[str, Any]) -> str:
    """Of what was said, in clear: a sender that repeats a message may date, sign and encrypt it anew."""
    header = {name: value for name, value in envelope["header"].items() if name != "message_ts"}
    said = {"header": header, "message": _undated(envelope.get("message") or {})}
    return here.trust.seal.fingerprint(b"dci message:" + json.dumps(said, sort_keys=True).encode())


def _undated(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message without the times of its items."""
    return {name: [_without_time(each) for each in _list(value)] for name, value in message.items()}


def _without_time(item: object) -> object:
    if not isinstance(item, Mapping):
        return item
    return {name: value for name, value in item.items() if name != "timestamp"}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [value]


def ack(correlation_id: str) -> Response:
    """Taken; a callback will follow where the action has one."""
    message = {"ack_status": "ACK", "timestamp": stamp(), "correlation_id": correlation_id}
    return Response(orjson.dumps({"message": message}), media_type="application/json")


def reply(here: Services, to: Received, action: str, message: Mapping[str, Any], completed: int) -> Response:
    """A synchronous reply as the gateway itself: encrypted if the message was, signed as the sender does.

    Raises:
        EncryptionRefused: the sender's key to encrypt to went away while the answer was made.
    """
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
    system = to.header["sender_id"].replace(".", "/")
    envelope = here.trust.messages.closed(system, {"header": header, "message": message}, asked=to.encrypted)
    if here.trust.messages.policy(system).signature.dialect == HTTP:  # the answer is signed as it leaves
        return Response(orjson.dumps(envelope), media_type="application/json")
    signed = here.trust.messages.signed(system, Message.of(envelope, status=200, request=to.http))
    return Response(signed.body, 200, dict(signed.headers), "application/json")


def stamp() -> str:
    """Now, as DCI writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
