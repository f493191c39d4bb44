"""DCI (SPDCI) registry protocol 1.0.0, spoken as a consumer: search, enrolment, status, subscriptions.

    dci = Dci(client.session, receiver="LK.GOV.SANDHI.GATEWAY")
    (found,) = await dci.search(Search.by_id("NIC", "199012304567", reg_type="ns:sandhi:RegistryType:Tax"))

Every message is signed as it was agreed with the gateway, and every synchronous reply must be the gateway's, signed in
the same way. What comes later (`on-search`, `notify`, ...) arrives at our registered address: see
`sandhi_client.events.Incoming`. Source: SPDCI OpenAPI 1.0.0; the gateway's docs/profiles/dci.md.
"""

import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypedDict, Unpack

from . import dialects
from .dci_values import Acknowledged, Found, Search, Wish
from .errors import AnswerNotSigned, MessageRefused, Problem
from .http_signatures import Exchanged
from .session import Reply, Session

__all__ = ["Acknowledged", "Dci", "Found", "Search", "Speaking", "Wish"]

BASE = "/dci/registry"


class Speaking(TypedDict, total=False):
    """How we speak.

    `receiver`: the DCI id of who is asked. `dialect`: how both sides sign, as agreed. `sender_uri`: our registered
    address for what comes later. `base`: the path in front of `/sync/search` and the others.
    """

    receiver: str
    dialect: str
    sender_uri: str
    base: str


class Dci:
    """One system's DCI messages to one receiver. Safe for concurrent use within one event loop."""

    def __init__(self, session: Session, **speaking: Unpack[Speaking]) -> None:
        self._session = session
        self._sender = session.credentials.system.replace("/", ".")
        self._receiver, self._uri = speaking.get("receiver", ""), speaking.get("sender_uri", "")
        self._dialect, self._base = speaking.get("dialect", "dci-jws"), speaking.get("base", BASE)

    async def search(self, *items: Search) -> Sequence[Found]:
        """Ask at once; one answer for each item, in order. An item that was refused is a `Found` with `rjct`.

        Raises:
            MessageRefused: the whole message was refused.
            AnswerNotSigned: the reply is not the gateway's.
        """
        message = {"transaction_id": _id(), "search_request": [each.wire() for each in items]}
        reply = await self._asked("sync/search", "search", message, len(items))
        told = {each["reference_id"]: Found.read(each) for each in reply["search_response"]}
        return [told[each.reference_id] for each in items]

    async def search_pages(self, item: Search, *, page_size: int = 100) -> AsyncIterator[Mapping[str, Any]]:
        """Every record of one search, page by page.

        Raises:
            MessageRefused: the message, or one of the pages, was refused.
        """
        page, seen = 1, 0
        while True:
            (found,) = await self.search(replace(item, reference_id=_id(), page_size=page_size, page_number=page))
            if found.status != "succ":
                raise MessageRefused(200, found.code, found.message)
            for record in found.records:
                yield record
            seen, page = seen + len(found.records), page + 1
            if not found.records or seen >= found.total:
                return

    async def search_later(self, *items: Search, transaction_id: str | None = None) -> Acknowledged:
        """Ask now, be answered by `on-search` at our registered address."""
        message = {"transaction_id": transaction_id or _id(), "search_request": [each.wire() for each in items]}
        return await self._told("search", "search", message, len(items))

    async def status(self, attribute: str, value: str | Sequence[str], *, of: str = "search") -> Mapping[str, Any]:
        """What became of an earlier message: the original response object.

        Args:
            attribute: `transaction_id`, `correlation_id` or `reference_id_list`.
            of: `search` or `subscribe`.
        """
        asked = {"reference_id": _id(), "txn_type": of, "attribute_type": attribute, "attribute_value": value}
        message = {"transaction_id": _id(), "txnstatus_request": asked | {"locale": "eng"}}
        reply = await self._asked("sync/txn/status", "txn-status", message, 1)
        found: Mapping[str, Any] = reply["txnstatus_response"]["txn_status"]
        return found

    async def enrolled(self, number: str, *, purpose: str = "") -> str | None:
        """Whether a person is enrolled, by ESS `check-enrollment`: its word for it, None for nobody it knows."""
        criteria: dict[str, object] = {"query_type": "expression", "query": {"person_identifier": {"eq": number}}}
        if purpose:
            criteria["authorize"] = {"purpose": {"code": purpose}}
        message = {"transaction_id": _id(), "enrolled_criteria": criteria}
        reply = await self._asked("sync/check-enrollment", "enrollementstatus", message, 1)
        found = reply.get("enrolled_response") or []
        return str(found[0]["enrolled_status"]) if found else None

    async def subscribe(self, *wishes: Wish) -> Acknowledged:
        """Ask to be told; the codes of the subscriptions follow by `on-subscribe`."""
        message = {"transaction_id": _id(), "subscribe_request": [each.wire() for each in wishes]}
        return await self._told("subscribe", "subscribe", message, len(wishes))

    async def unsubscribe(self, codes: Iterable[str]) -> Acknowledged:
        """Be told no longer; how that went follows by `on-unsubscribe`."""
        listed = list(codes)
        message = {"transaction_id": _id(), "timestamp": stamp(), "subscription_codes": listed}
        return await self._told("unsubscribe", "unsubscribe", message, len(listed))

    async def _told(self, path: str, action: str, message: Mapping[str, Any], count: int) -> Acknowledged:
        reply = await self._posted(path, action, message, count)
        said = _envelope(reply).get("message")
        if not isinstance(said, Mapping) or said.get("ack_status") not in {"ACK", "NACK"}:
            raise _refusal(reply.status, _envelope(reply))
        correlation = str(said.get("correlation_id", ""))
        return Acknowledged(str(message["transaction_id"]), correlation, said["ack_status"] == "ACK")

    async def _asked(self, path: str, action: str, message: Mapping[str, Any], count: int) -> Mapping[str, Any]:
        reply = await self._posted(path, action, message, count)
        envelope = _envelope(reply)
        header, said = envelope.get("header"), envelope.get("message")
        if not isinstance(header, Mapping) or not isinstance(said, Mapping):
            raise _refusal(reply.status, envelope)
        if self._dialect != "rfc9421":  # the session took no answer that was not signed for its request
            await self._proved(reply, envelope)
        if header.get("status") == "rjct" and "status_reason_code" in header:
            raise MessageRefused(reply.status, str(header["status_reason_code"]), _text(header))
        return said

    async def _posted(self, path: str, action: str, message: Mapping[str, Any], count: int) -> Reply:
        header = {
            "version": "1.0.0",
            "message_id": _id(),
            "message_ts": stamp(),
            "action": action,
            "sender_id": self._sender,
            "receiver_id": self._receiver,
            "total_count": count,
            "is_msg_encrypted": False,
        } | ({"sender_uri": self._uri} if self._uri and not path.startswith("sync/") else {})
        body, headers = dialects.signed(self._dialect, header, message, self._session.key)
        try:
            return await self._session.call(
                "POST", f"{self._base}/{path}", content=body, headers=headers, repeatable=False
            )
        except Problem as problem:
            raise _refusal(problem.status, problem.document) from problem

    async def _proved(self, reply: Reply, envelope: Mapping[str, Any]) -> None:
        received = Exchanged(headers=dict(reply.headers), body=reply.body)
        try:
            keys = await self._session.keys_with(dialects.kid_of(self._dialect, received, envelope))
            dialects.prove(self._dialect, received, envelope, keys)
        except (ValueError, RecursionError) as error:
            raise AnswerNotSigned(f"the reply is not signed as agreed: {error}") from None


def stamp() -> str:
    """Now, as DCI writes it: UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _id() -> str:
    return str(uuid.uuid4())


def _envelope(reply: Reply) -> Mapping[str, Any]:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, Mapping) else {}


def _refusal(status: int, document: Mapping[str, Any]) -> MessageRefused:
    """DCI says it in `errors` and in the acknowledgement; the native interface in `code`."""
    listed = document.get("errors")
    error = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], Mapping) else {}
    code = error.get("code") or document.get("code") or "unknown"
    return MessageRefused(status, str(code), str(error.get("message") or document.get("detail", "")))


def _text(header: Mapping[str, Any]) -> str:
    return str(header.get("status_reason_message", ""))
