"""Incoming messages: the gateway calls the address we registered, with a DCI `notify` (or `on-search`) that it signed.

Framework-free: give the body's bytes in, send the acknowledgement's bytes out.

    incoming = Incoming(client.session, accepted_from="LK.GOV.SANDHI.GATEWAY")
    try:
        notice = await incoming.verified(body)
    except EventRefused as refused:
        return 200, refusal(refused)
    ...store it; a `message_id` we hold already is the same message sent again...
    return 200, acknowledgement(notice)

Never act before the event is stored, and never answer ACK before either. A system whose policy at the gateway names
another dialect than `dci-jws` says so, and gives the request's headers in as well; one that takes encrypted messages
gives its key.
"""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn, TypedDict, Unpack

from . import dialects
from .errors import EventRefused
from .http_signatures import Exchanged
from .sealed import EncryptionKey
from .session import Session

IN_A_HEADER = frozenset({"jws-header", "rfc9421"})
WINDOW = 300.0  # seconds by which `message_ts` may be off (a retry is a new message with the old id)


@dataclass(frozen=True, slots=True)
class Event:
    """One item of a notification.

    `record` is the canonical record, `kind` its type as sent; `contested`: the person says that it is wrong.
    """

    reference_id: str
    kind: str
    event: str
    record: Mapping[str, Any]
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified notification. `message_id` stays the same when the gateway sends it again."""

    message_id: str
    sender: str
    transaction_id: str
    events: tuple[Event, ...]


class Accepting(TypedDict, total=False):
    """What is taken.

    `accepted_from`: the one sender id to accept, in the dotted spelling; any signed one if None. `window`: seconds by
    which `message_ts` may be off. `dialect`: how the gateway signs to us, as agreed with it. `url`: our address as it
    is registered, which `rfc9421` covers. `key`: ours with `use: enc`; then a message in clear is refused.
    """

    accepted_from: str | None
    window: float
    dialect: str
    url: str
    key: EncryptionKey | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A verified message of any action (`on-search`, `on-subscribe`, `txn-on-status`, ...), in clear."""

    message_id: str
    header: Mapping[str, Any]
    message: Mapping[str, Any]


class Incoming:
    """Verifies notifications with the gateway's published keys."""

    def __init__(self, session: Session, **accepting: Unpack[Accepting]) -> None:
        self._session = session
        self._dialect, self._url = accepting.get("dialect", "dci-jws"), accepting.get("url", "")
        self._key = accepting.get("key")
        self._receiver = session.credentials.system.replace("/", ".")
        self._sender = accepting.get("accepted_from")
        self._window = accepting.get("window", WINDOW)

    async def verified(self, body: bytes, headers: Mapping[str, str] | None = None) -> Notice:
        """The notification, if the gateway signed exactly this, for us, now.

        Args:
            headers: of the request; needed for the dialects that sign in a header.

        Raises:
            EventRefused: `code` is the DCI error for the acknowledgement.
        """
        sent = await self.message("notify", body, headers)
        return _notice(sent.header, sent.message)

    async def message(self, action: str, body: bytes, headers: Mapping[str, str] | None = None) -> Sent:
        """The message of this action, if the gateway signed exactly this, for us, now.

        Args:
            action: what the address is for: `notify`, `on-search`, `on-subscribe`, `on-unsubscribe`, `txn-on-status`.
            headers: of the request; needed for the dialects that sign in a header.

        Raises:
            EventRefused: `code` is the DCI error for the acknowledgement.
        """
        envelope = _strict(body)
        header, message = envelope.get("header"), envelope.get("message")
        if not isinstance(header, dict) or not isinstance(message, dict) or header.get("action") != action:
            raise EventRefused("err.request.bad", f"not a {action} envelope")
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        await self._check_signature(envelope, Exchanged("POST", self._url, lower, body))
        self._check_header(header)
        return Sent(str(header.get("message_id", "")), header, self._opened(header, message))

    async def _check_signature(self, envelope: Mapping[str, Any], received: Exchanged) -> None:
        if self._dialect == dialects.NONE:
            return
        if not (received.headers.get("signature") if self._dialect in IN_A_HEADER else envelope.get("signature")):
            raise EventRefused("err.signature.missing", "the message is not signed")
        keys = await self._session.keys_with(dialects.kid_of(self._dialect, received, envelope))
        try:
            dialects.prove(self._dialect, received, envelope, keys)
        except (ValueError, RecursionError):
            raise EventRefused("err.signature.invalid", "the signature is not the gateway's") from None

    def _opened(self, header: Mapping[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        if self._key is None and header.get("is_msg_encrypted") is not True:
            return message
        try:
            if self._key is None or header.get("is_msg_encrypted") is not True:
                raise ValueError("encrypted on one side only")
            return self._key.open(message)
        except ValueError:
            raise EventRefused("err.encryption.invalid", "the message is not encrypted to our key") from None

    def _check_header(self, header: Mapping[str, Any]) -> None:
        if header.get("receiver_id") != self._receiver:
            raise EventRefused("err.receiver_id.invalid", "the message is for another receiver")
        if self._sender is not None and header.get("sender_id") != self._sender:
            raise EventRefused("err.sender_id.invalid", "the message is from another sender")
        try:
            sent = datetime.fromisoformat(str(header.get("message_ts"))).timestamp()
        except ValueError:
            raise EventRefused("err.request.bad", "message_ts is not a time") from None
        if abs(time.time() - sent) > self._window:
            raise EventRefused("err.request.bad", "message_ts is too far from now")


def acknowledgement(taken: Notice | Sent) -> bytes:
    """The ACK to answer with, status 200: the message is stored."""
    return _ack("ACK", taken.message_id)


def refusal(refused: EventRefused) -> bytes:
    """The ERR to answer with."""
    return _ack("ERR", str(uuid.uuid4()), {"error": {"code": refused.code, "message": str(refused)}})


def _ack(status: str, correlation_id: str, more: Mapping[str, object] | None = None) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = {"ack_status": status, "timestamp": now, "correlation_id": correlation_id, **(more or {})}
    return json.dumps({"message": message}, separators=(",", ":")).encode()


def _notice(header: Mapping[str, Any], message: Mapping[str, Any]) -> Notice:
    try:
        events = tuple(
            Event(
                str(each["reference_id"]),
                str(each["data"]["reg_record_type"]),
                str(each["data"].get("reg_event_type", "")),
                dict(each["data"]["reg_records"]),
                each["data"].get("contested") is True,
            )
            for each in message["notify_event"]
        )
        return Notice(str(header["message_id"]), str(header["sender_id"]), str(message["transaction_id"]), events)
    except (KeyError, TypeError, ValueError):
        raise EventRefused("err.request.bad", "not the shape of a notification") from None


def _strict(body: bytes) -> dict[str, Any]:
    """JSON without double members, NaN or broken text: what is signed has one reading."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_members, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise EventRefused("err.request.bad", "not strict JSON") from None
    if not isinstance(value, dict):
        raise EventRefused("err.request.bad", "not an envelope")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not a number")
