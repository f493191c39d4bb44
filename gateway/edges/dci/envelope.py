"""One DCI envelope in, checked; one envelope or error out, protected as agreed. Every failure has DCI's own shape.

The order of checks: strict JSON, the message itself (`reading`), version, sender is the caller, callback address, time,
signature (over what came), decryption, number of items, replay. The keys and the address come from the register, never
from the message.
"""

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from fastapi.responses import Response

from adapters.kit import strict_json

from ...trust.caller import Caller
from ...trust.dialects import Message, Verified
from ...trust.errors import EncryptionRefused, SignatureRefused
from ...trust.messages import HTTP
from ...trust.policy import DciPolicy
from ..downgrade import told
from .failure import BAD, LONGEST, DciError, acknowledgement, stamp
from .names import Names
from .operations import GATEWAY_INTERFACE, INTERFACES, Interface, Operation, of_reg_type, of_schema
from .reading import Reading, too_many
from .seen import Duplicate, InWork, Seen, claim
from .upload import LARGEST

if TYPE_CHECKING:  # the wiring opens what reads envelopes
    from ...wiring import Services

__all__ = ["DciError", "Received", "ack", "received", "reply", "stamp"]

logger = logging.getLogger("sandhi.dci")

VERSION = "1.0.0"
CORRELATION = re.compile(r"[A-Za-z0-9-]{1,99}", re.ASCII)
LONG = 256 * 1024  # bytes of a body that others do not wait for
REPEATABLE = frozenset({"subscribe", "on-subscribe", "notify", "unsubscribe", "on-unsubscribe", "on-search"})
"""Doing them again changes nothing."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What of a message its items are answered by; it can be kept with them, for those that are answered later.

    Attributes:
        provider: the system it is for, where `receiver_id` names one; empty: any that has the registry.
        purpose: agreed with the sender for a message that names none.
        facts: of how it was signed and what was tolerated, for the intents.
    """

    interface: Interface
    names: Names
    transaction_id: str
    provider: str
    purpose: str
    facts: Mapping[str, object]

    def document(self) -> dict[str, Any]:
        """As JSON; the names are looked up again."""
        kept = {"transaction_id": self.transaction_id, "provider": self.provider, "facts": dict(self.facts)}
        return {"interface": self.interface.name, **kept}

    @classmethod
    def read(cls, document: Mapping[str, Any], dci: DciPolicy) -> "Asking":
        """From `document`, and what is agreed with the sender by now."""
        kept = (document["transaction_id"], document["provider"], dci.purpose, document["facts"])
        return cls(INTERFACES[document["interface"]], Names(dci), *kept)


@dataclass(frozen=True, slots=True)
class Received:
    """A message that passed every check, in our words. `items` is the list that its action carries.

    Attributes:
        envelope: in clear; `header` and `message` are its own.
        tolerated: what had to be put right, by its name in `tolerance.COERCIONS`.
        carried: how another transport calls the message that held it, for the intent.
    """

    header: Mapping[str, Any]
    message: Mapping[str, Any]
    items: Sequence[Mapping[str, Any]]
    envelope: Mapping[str, Any]
    http: Message
    proof: Verified
    seen: Seen
    operation: Operation
    interface: Interface
    names: Names
    purpose: str = ""
    tolerated: tuple[str, ...] = ()
    carried: Mapping[str, object] = field(default_factory=dict)

    @property
    def encrypted(self) -> bool:
        """Whether it came encrypted: then so goes the reply."""
        return self.header.get("is_msg_encrypted") is True

    @property
    def transaction_id(self) -> str:
        """The sender's own."""
        return str(self.message.get("transaction_id", ""))[:99]

    def facts(self) -> dict[str, object]:
        """How it was signed and what was tolerated, for the intent; with a commitment to the signature as it came."""
        told = self.proof.facts()
        signature = self.http.signature if self.http.signature is not None else self.http.field("signature")
        if isinstance(signature, str):
            told["commitment"] = hashlib.sha256(signature.encode()).hexdigest()
        told |= {"carried": dict(self.carried)} if self.carried else {}
        return told | ({"tolerated": list(self.tolerated)} if self.tolerated else {})

    def asking(self, here: "Services") -> Asking:
        """What its items are answered by."""
        receiver = str(self.header.get("receiver_id", "")).replace(".", "/")
        provider = receiver if receiver in {each.provider for each in here.catalogue} else ""
        return Asking(self.interface, self.names, self.transaction_id, provider, self.purpose, self.facts())


async def received(
    http: Message, operation: Operation, caller: Caller, here: "Services", proof: Verified | None
) -> Received:
    """Check one envelope.

    Args:
        proof: of the HTTP message signature, where the request has one.

    Raises:
        DciError: the first check that failed.
    """
    sent = await asyncio.to_thread(_parsed, http.body) if len(http.body) > LONG else _parsed(http.body)
    policy = here.trust.messages.policy(caller.system)
    reading = Reading(operation, _interface(sent, operation, caller, here), policy.dci.tolerant, Names(policy.dci))
    right, tolerated = reading.fitting(sent)
    header = right["header"]
    _check_version(header)
    sender = caller.system.replace("/", ".")
    if header.get("sender_id", sender) not in {sender, caller.client_id}:
        raise DciError(403, "err.sender_id.invalid", "sender_id is not the authenticated system.")
    _check_uri(header, caller, here)
    moment = _check_time(header, policy.signature.window_s)
    http = replace(http, envelope=sent)
    proof = await _proved(http, caller, here, proof)
    envelope, more = _opened(right, reading, caller, here)
    message = envelope.get("message") or {}
    items = _items(header, message, operation)
    seen = Seen(sender, header["message_id"][:99], _fingerprint(here, envelope), moment)
    await _claim(here, seen, operation.action)
    tolerated = tuple(sorted({*tolerated, *more}))
    if tolerated:
        logger.info("tolerated: %s", ", ".join(tolerated), extra={"consumer": caller.system})
    given = (operation, reading.interface, reading.names, policy.dci.purpose, tolerated)
    return Received(header, message, items, envelope, http, proof, seen, *given)


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        envelope = strict_json.loads(body, limit=LARGEST)
    except strict_json.StrictError as error:
        raise DciError(400, BAD, f"The body was not read: {error}.") from None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("header"), dict):
        raise DciError(400, BAD, "The message is an object with header and message.")
    return envelope


def _interface(sent: Mapping[str, Any], operation: Operation, caller: Caller, here: "Services") -> Interface:
    """Whose file it follows: the path's, the one agreed with the sender, the asked registry's, the other party's."""
    agreed = operation.interface or here.trust.messages.policy(caller.system).dci.interface
    if agreed:
        return INTERFACES[agreed]
    if (asked := of_reg_type(_reg_type(sent, operation))) is not None:
        return asked
    for party in (str(sent["header"].get("receiver_id", "")).replace(".", "/"), caller.system):
        schema = here.profile.dci_schemas.get(party, "")
        offered = (of_reg_type(each.service.dci_reg_type) for each in here.catalogue if each.provider == party)
        if (found := of_schema(schema) or next(filter(None, offered), None)) is not None:
            return found
    return INTERFACES[GATEWAY_INTERFACE]


def _reg_type(sent: Mapping[str, Any], operation: Operation) -> object:
    message = sent.get("message")
    items = message.get(operation.items) if isinstance(message, Mapping) and operation.items else None
    first = items[0] if isinstance(items, list) and items else None
    for part in ("search_criteria", "subscribe_criteria", "data"):
        if isinstance(first, Mapping) and isinstance(first.get(part), Mapping):
            return first[part].get("reg_type", "")
    return ""


def _check_version(header: Mapping[str, Any]) -> None:
    if header.get("version", VERSION) != VERSION:
        raise DciError(400, "err.version.not_supported", f"The protocol version here is {VERSION}.")


def _items(header: Mapping[str, Any], message: Mapping[str, Any], operation: Operation) -> Sequence[Mapping[str, Any]]:
    """The list that the action carries; where it has none, the message counts as one, or its codes are counted."""
    items: Sequence[Mapping[str, Any]] = (message.get(operation.items) or []) if operation.items else [message]
    stated = header.get("total_count")
    counts = {len(items), len(message.get("subscription_codes", items))}
    if stated is not None and stated not in counts:  # the file says where it must be stated
        raise DciError(400, "rjct.total_count.invalid", "total_count is not the number of items.")
    if not (items or operation.is_callback):
        raise too_many(operation)
    return items


def _check_uri(header: Mapping[str, Any], caller: Caller, here: "Services") -> None:
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


async def _proved(message: Message, caller: Caller, here: "Services", http: Verified | None) -> Verified:
    if here.trust.messages.policy(caller.system).signature.dialect == HTTP and http is not None:
        return http
    try:
        return await here.trust.messages.verified(caller.system, message)
    except SignatureRefused as error:
        await told(error, caller, here.trust, here.db, here.log)
        code = "err.signature.missing" if error.missing else "err.signature.invalid"
        raise DciError(401, code, error.detail) from None


def _opened(
    right: Mapping[str, Any], reading: Reading, caller: Caller, here: "Services"
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """In clear. That the answer can be encrypted, if it must be, is known before anything is asked."""
    try:
        envelope = here.trust.messages.opened(caller.system, right)
        here.trust.messages.closing_key(caller.system, asked=right["header"].get("is_msg_encrypted") is True)
    except EncryptionRefused as error:
        logger.warning("encrypted message refused: %s", error.reason, extra={"consumer": caller.system})
        raise DciError(400, "err.encryption.invalid", error.detail) from None
    return (envelope, ()) if envelope is right else reading.fitting(envelope)


async def _claim(here: "Services", seen: Seen, action: str) -> None:
    try:
        await claim(here.db, seen, datetime.now(UTC), repeatable=action in REPEATABLE)
    except Duplicate:
        raise DciError(400, "rjct.message_id.duplicate", "This message_id was received before.") from None
    except InWork:
        if action in REPEATABLE:  # it may still fail; then the sender has to come again
            raise DciError(503, "err.service.unavailable", "This message is being worked on; send it again.") from None
        raise DciError(400, "rjct.message_id.duplicate", "This message is being worked on.") from None


def _fingerprint(here: "Services", envelope: Mapping[str, Any]) -> str:
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


def ack(correlation_id: str, status: str = "ACK") -> Response:
    """Taken: a callback will follow where the action has one (`ACK`), or nothing more will come (`NACK`).

    `correlation_id` is the sender's where it can be one of ours: the file of ESS allows letters, digits and hyphens.
    """
    correlation_id = correlation_id if CORRELATION.fullmatch(correlation_id) else str(uuid4())
    return Response(orjson.dumps({"message": acknowledgement(status, correlation_id)}), media_type="application/json")


def reply(
    here: "Services", to: Received, message: Mapping[str, Any], *, completed: int, total: int = 0, text: str = ""
) -> Response:
    """A synchronous reply as the gateway itself: encrypted if the message was, signed as the sender does.

    `text` is told in the header where nothing was completed.

    Raises:
        EncryptionRefused: the sender's key to encrypt to went away while the answer was made.
    """
    header = {
        "version": VERSION,
        "message_id": str(uuid4()),
        "message_ts": stamp(),
        "action": to.operation.reply,
        "status": "succ" if completed else "rjct",
        "total_count": total or len(to.items),
        "completed_count": completed,
        "sender_id": here.profile.gateway.replace("/", "."),
        "receiver_id": to.header.get("sender_id", to.seen.sender),
        "is_msg_encrypted": False,
    }
    if text and not completed:
        header["status_reason_message"] = text[:LONGEST]
    system = to.seen.sender.replace(".", "/")
    clear = to.names.outwards({"header": header, "message": message})
    envelope = here.trust.messages.closed(system, clear, asked=to.encrypted)
    if here.trust.messages.policy(system).signature.dialect == HTTP:  # the answer is signed as it leaves
        return Response(orjson.dumps(envelope), media_type="application/json")
    signed = here.trust.messages.signed(system, Message.of(envelope, status=200, request=to.http))
    return Response(signed.body, 200, dict(signed.headers), "application/json")
