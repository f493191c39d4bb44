"""DCI envelopes as our agencies read and write them: one door for what comes in, one form for what goes out.

`signature` is a detached JWS over the canonical bytes of `{"header", "message"}`; what comes in must be signed by the
gateway, with a key of its published set. Source: DCI (SPDCI) ESS API 1.0.0, `schemas/dci/ess.json`.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import schemas

from . import strict
from .jcs import NotCanonical, canonical
from .jose import OwnKey

SCHEMA = "dci/ess.json"
ITEMS = {
    "notify": "notify_event",
    "subscribe": "subscribe_request",
    "on-subscribe": "subscribe_response",
    "search": "search_request",
    "disburse": "disbursements",  # G2P Connect, the same envelope
}
MOST_ITEMS = 1000
ESS = "ns:org:RegistryType:ESS"
ENROLMENT, STATUS_CHANGE = "enrolment", "enrolment_status_change"


class Refused(Exception):
    """The message is not taken. `code` is one of DCI's acknowledgement errors; `reject` is the finer one that DCI has
    for headers, and goes into the text. The text never repeats a value."""

    def __init__(self, status: int, code: str, text: str, *, reject: str = "") -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.reject = status, code, text, reject

    def response(self) -> Response:
        """Both published error shapes in one body."""
        error = {"code": self.code, "message": f"{self.reject}: {self.text}" if self.reject else self.text}
        acknowledgement = {"ack_status": "ERR", "timestamp": stamp(), "correlation_id": str(uuid4()), "error": error}
        return JSONResponse({"message": acknowledgement, "errors": [error]}, self.status)


@dataclass(frozen=True, slots=True)
class Received:
    """A message that passed the door. `items` is the list that its action carries."""

    header: Mapping[str, Any]
    message: Mapping[str, Any]
    items: Sequence[Mapping[str, Any]]

    @property
    def message_id(self) -> str:
        return str(self.header["message_id"])

    @property
    def content(self) -> bytes:
        """What makes two messages the same: everything but ids of the transport and times."""
        kept = [{name: value for name, value in item.items() if name != "timestamp"} for item in self.items]
        return canonical([self.message["transaction_id"], kept])


class Keys(Protocol):
    """Where the sender's published keys come from."""

    async def signed(self, content: bytes, signature: str) -> bool:
        """Whether a key of the sender made this detached JWS over this content.

        Raises:
            Refused: the keys cannot be fetched now.
        """


class Door:
    """Checks what comes in: strict JSON, schema, who to whom, time, number of items, signature.

    Args:
        own_id, sender_id: DCI ids of the receiving agency and of its one partner.
        skew_s: how far `message_ts` may be from the clock, in seconds.
        schema: the published messages of the agency's kind of registry.
    """

    def __init__(self, own_id: str, sender_id: str, keys: Keys, *, skew_s: float = 300.0, schema: str = SCHEMA) -> None:
        self._own_id, self._sender_id, self._keys, self._skew_s = own_id, sender_id, keys, skew_s
        self._schema = schema

    async def received(self, request: Request, path: str) -> Received:
        """One message of an operation, e.g. `/registry/notify`.

        Raises:
            Refused: the first check that failed.
        """
        envelope = _envelope(await _body(request), path, self._schema)
        header, message = envelope["header"], envelope["message"]
        self._check_parties(header)
        items = message.get(ITEMS.get(header["action"], ""), [message])
        if header.get("total_count") != len(items) or not 1 <= len(items) <= MOST_ITEMS:
            raise _rejected("rjct.total_count.invalid", "total_count is not the number of items")
        await self._check_signature(envelope)
        return Received(header, message, items)

    def _check_parties(self, header: Mapping[str, Any]) -> None:
        if header.get("version", "1.0.0") != "1.0.0":
            raise Refused(
                400, "err.version.not_supported", "the protocol version is 1.0.0", reject="rjct.version.invalid"
            )
        if header.get("sender_id") != self._sender_id:
            raise Refused(401, "err.sender_id.invalid", "the sender is not registered here")
        if header.get("receiver_id") != self._own_id:
            raise Refused(400, "err.receiver_id.invalid", "the message is for somebody else")
        if not _is_present(str(header["message_ts"]), self._skew_s):
            raise _rejected("rjct.message_ts.invalid", "message_ts is not the present time")

    async def _check_signature(self, envelope: Mapping[str, Any]) -> None:
        signature = envelope.get("signature")
        if not signature:
            raise Refused(401, "err.signature.missing", "the sender is registered to sign: send signature")
        try:
            content = canonical({"header": envelope["header"], "message": envelope["message"]})
        except NotCanonical:
            raise Refused(400, "err.request.bad", "the message has no canonical form") from None
        if not await self._keys.signed(content, str(signature)):
            raise Refused(401, "err.signature.invalid", "the signature does not verify")


async def _body(request: Request) -> object:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "err.request.bad", "send application/json")
    try:
        return strict.loads(await strict.bounded(request.stream()))
    except strict.BodyTooLarge as error:
        raise Refused(413, "err.request.bad", str(error)) from None
    except strict.NotStrictJson as error:
        raise Refused(400, "err.request.bad", f"the body is not acceptable JSON: {error}") from None


def _envelope(body: object, path: str, schema: str) -> dict[str, Any]:
    pointer = f"/operations/{path.replace('/', '~1')}/request"
    fault = schemas.first_fault(schemas.validator(f"{schema}#{pointer}"), body)
    if fault is not None or not isinstance(body, dict) or "message" not in body:
        raise Refused(400, "err.request.bad", f"the message breaks DCI 1.0.0 at {fault}")
    if body["header"].get("is_msg_encrypted") or "ciphertext" in body["message"]:
        raise Refused(400, "err.encryption.invalid", "no encryption is agreed with this sender")
    return body


def _is_present(text: str, skew_s: float) -> bool:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return moment.tzinfo is not None and abs(time.time() - moment.timestamp()) <= skew_s


def _rejected(code: str, text: str) -> Refused:
    return Refused(400, "err.request.bad", text, reject=code)


def acknowledged(correlation_id: str) -> Response:
    """The message is stored; a callback follows where the action has one."""
    return JSONResponse({"message": {"ack_status": "ACK", "timestamp": stamp(), "correlation_id": correlation_id[:99]}})


def replied(to: Mapping[str, Any], action: str, outcome: Mapping[str, object], message: Any, key: Any) -> Response:
    """A synchronous reply, signed if the agency has its key already. `outcome` has `status` and the reason members."""
    header = {
        "version": "1.0.0",
        "message_id": str(uuid4()),
        "message_ts": stamp(),
        "action": action,
        **outcome,
        "sender_id": to["receiver_id"],
        "receiver_id": to["sender_id"],
        "is_msg_encrypted": False,
    }
    return JSONResponse(signed(header, message, key) if key else {"header": header, "message": message})


def header(action: str, sender: str, receiver: str, message: Mapping[str, Any]) -> dict[str, object]:
    """The header of a new message; `notify` carries a status, as the contract has it."""
    made: dict[str, object] = {
        "version": "1.0.0",
        "message_id": str(uuid4()),
        "message_ts": stamp(),
        "action": action,
        "sender_id": sender,
        "receiver_id": receiver,
        "total_count": len(message[ITEMS[action]]),
        "is_msg_encrypted": False,
    }
    return made | {"status": "succ"} if action == "notify" else made


def signed(header: Mapping[str, object], message: Mapping[str, object], key: OwnKey) -> dict[str, object]:
    """The envelope with its signature."""
    covered = {"header": header, "message": message}
    return {"signature": key.detached(canonical(covered)), **covered}


def stamp() -> str:
    """Now, in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
