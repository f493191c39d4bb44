"""The DCI registry protocol: envelope, header, synchronous calls, notify, acknowledgement.

Source: DCI (SPDCI) registry interfaces 1.0.0; `schemas/dci/*.json`. Differences between partners (prefix, ids, how
messages are protected) are arguments.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

import schemas
from adapters.kit import strict_json
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyError,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
)
from adapters.kit.dci_wire import CLEAR, Envelope, Sent, Wire
from adapters.kit.egress import HttpAnswer, HttpClient
from adapters.kit.fitting import json_answer
from adapters.kit.nic import new_form
from adapters.kit.transports.oauth import ClientCredentials
from adapters.kit.transports.rest import JSON, error_of

_AUTHORISATION_PATH = "/oauth2/client/token"
_REFUSALS = ("err.request.unauthorized", "err.request.forbidden", "err.sender_id", "err.signature", "err.encryption")
_WITH_STATUS = frozenset({"notify", "on-search", "txn-on-status"})  # on-subscribe and on-unsubscribe have none
_BUSY = ("err.service.unavailable", "err.request.timeout", "err.request.too_many_requests")


@dataclass(frozen=True, slots=True)
class Partner:
    """How one DCI partner is spoken to.

    Attributes:
        sender_id: our id, as the partner registered it.
        receiver_id: the partner's id; may be empty.
        schema: file below `schemas/dci/` that the partner's replies must fit, e.g. `dci/crvs.json`.
        prefix: before `/sync/search` and the others.
        sender_uri: where the partner may call back; may be empty.
        base_url: before the prefix, where a signature covers the whole address.
        wire: how messages to and from the partner are protected.
    """

    sender_id: str
    schema: str
    receiver_id: str = ""
    prefix: str = "/registry"
    sender_uri: str = ""
    base_url: str = ""
    wire: Wire = CLEAR


@dataclass(frozen=True, slots=True)
class Ack:
    """The partner took the message: `ACK` (a callback may follow) or `NACK` (nothing more will come)."""

    status: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one search item found: this page's records, and how many there are in all."""

    records: tuple[dict[str, Any], ...]
    total: int


def token_client(http: HttpClient, client_id: str, client_secret: str) -> ClientCredentials:
    """Tokens from DCI's `/oauth2/client/token`; the `timestamp` header is mandatory there."""
    form = {"client_id": client_id, "client_secret": client_secret}
    return ClientCredentials(
        http, _AUTHORISATION_PATH, form, headers=lambda: {"timestamp": format_datetime(_now(), usegmt=True)}
    )


class DciClient:
    """One partner's endpoints. A token is used when a token client is given."""

    def __init__(self, http: HttpClient, partner: Partner, tokens: ClientCredentials | None = None) -> None:
        self._http = http
        self._partner = partner
        self._tokens = tokens

    async def search(self, criteria: Sequence[Mapping[str, object]], *, locale: str = "eng") -> list[Found]:
        """One synchronous search with one item per criteria object; what each found, in the same order.

        An item the partner leaves out found nobody (OpenCRVS's bridge does that).

        Raises:
            AgencyCannotTell: the partner found too many.
            AgencyRejectedMessage: the partner rejects the criteria.
            AgencyAnswerMalformed: an item that was not asked, one twice, or a record about somebody else.
            AgencyError: as `call`.
        """
        places = {str(uuid4()): each for each in criteria}
        items = [
            {"reference_id": reference, "timestamp": stamp(), "search_criteria": dict(each), "locale": locale}
            for reference, each in places.items()
        ]
        message = {"transaction_id": str(uuid4()), "search_request": items}
        reply = await self.call("/sync/search", "search", message, total=len(items))
        told = reply["message"].get("search_response", [])
        answered = {item["reference_id"]: item for item in told}
        if len(answered) != len(told):
            raise AgencyAnswerMalformed("the reply answers one question twice")
        if not answered.keys() <= places.keys():
            raise AgencyAnswerMalformed("the reply answers another question than ours")
        return [
            _found_of(place, answered[name]) if name in answered else Found((), 0) for name, place in places.items()
        ]

    async def call(self, path: str, action: str, message: Mapping[str, Any], *, total: int = 1) -> Envelope:
        """Send one synchronous request; the reply envelope, checked against the partner's schema.

        Args:
            path: after the prefix, for example `/sync/search`.
            total: `total_count`, the number of items in the message.

        Raises:
            AgencyRefused, AgencyRejectedMessage, AgencyUnavailable: by status, error code or `rjct`.
            AgencyAnswerMalformed: not the schema, or an answer to another transaction.
        """
        answer, sent = await self._posted(path, self.envelope(action, message, total))
        if answer.status != 200:
            raise _http_error(answer)
        schema = f"{self._partner.schema}#{self._reply_pointer(path)}"
        told = _checked(json_answer(answer.body, code=str(answer.status)), schema)
        reply = _checked(await self._partner.wire.opened(told, answer, sent), schema)
        _check_reply(reply, message.get("transaction_id"))
        return reply

    async def notify(self, message: Mapping[str, Any], *, message_id: str, url: str = "", total: int = 1) -> Ack:
        """Deliver one `notify`; see `send`."""
        return await self.send("notify", message, message_id=message_id, url=url, total=total)

    async def send(
        self, action: str, message: Mapping[str, Any], *, message_id: str, url: str = "", total: int = 1
    ) -> Ack:
        """Send what is only acknowledged (to `url`, or the partner's own path). `message_id` stays the same over
        retries, so that a repeated message is recognised.

        Raises:
            AgencyError: not taken, see `ack_of`.
        """
        envelope = self.envelope(action, message, total, message_id=message_id)
        answer, _ = await self._posted(url or f"/{action}", envelope, full_url=bool(url))
        return ack_of(answer)

    def envelope(self, action: str, message: Mapping[str, Any], total: int, *, message_id: str = "") -> Envelope:
        """Header and message, in clear; answers and `notify` have the callback header, with `status`."""
        partner = self._partner
        header: dict[str, object] = {
            "version": "1.0.0",
            "message_id": message_id or str(uuid4()),
            "message_ts": stamp(),
            "action": action,
            "sender_id": partner.sender_id,
            "total_count": total,
            "is_msg_encrypted": False,
        }
        if partner.receiver_id:
            header["receiver_id"] = partner.receiver_id
        if action in _WITH_STATUS:
            header |= _progress(message)
        elif partner.sender_uri:
            header["sender_uri"] = partner.sender_uri
        return {"header": header, "message": dict(message)}

    async def _posted(self, path: str, envelope: Envelope, *, full_url: bool = False) -> tuple[HttpAnswer, Sent]:
        partner = self._partner
        target = path if full_url else f"{partner.prefix}{path}"
        address = path if full_url else f"{partner.base_url.rstrip('/')}{target}"
        sent: list[Sent] = []

        async def call(token: str) -> HttpAnswer:
            headers = {**JSON, "authorization": f"Bearer {token}"} if token else JSON
            sent.append(await partner.wire.sealed(address, headers, envelope))
            return await self._http.request("POST", target, headers=sent[-1].headers, content=sent[-1].body)

        answer = await (self._tokens.authorised(call) if self._tokens else call(""))
        return answer, sent[-1]

    def _reply_pointer(self, path: str) -> str:
        operation = f"/registry{path}"
        operations: Any = schemas.load(self._partner.schema)["operations"]
        key = "200" if "200" in operations[operation]["responses"] else "default"
        return f"/operations/{operation.replace('/', '~1')}/responses/{key}"


def ack_of(answer: HttpAnswer) -> Ack:
    """The acknowledgement in an answer. `ACK` and `NACK` both mean taken; `ERR` is translated by its code.

    Raises:
        AgencyRefused, AgencyRejectedMessage, AgencyUnavailable: not taken.
        AgencyAnswerMalformed: no acknowledgement.
    """
    if answer.status >= 300:
        raise _http_error(answer)
    body = json_answer(answer.body, code=str(answer.status))
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, dict) or message.get("ack_status") not in {"ACK", "NACK", "ERR"}:
        raise AgencyAnswerMalformed("the answer is no acknowledgement")
    if message["ack_status"] == "ERR":
        raise error_for(_code_in(message.get("error")))
    return Ack(message["ack_status"], str(message.get("correlation_id", "")))


def error_for(code: str) -> AgencyError:
    """A DCI error or reject code as one of our errors. Source: Ack error codes, header and item reason codes."""
    if code == "rjct.search.too_many_records_found":
        return AgencyCannotTell("more people than one", code=code)
    if code.startswith(_REFUSALS):
        return AgencyRefused("the partner refuses us", code=code)
    if code.startswith(_BUSY):
        return AgencyUnavailable("the partner is busy", code=code)
    return AgencyRejectedMessage("the partner rejects the message", code=code)


def found_in(item: Mapping[str, Any]) -> Found:
    """What one item of a search's answer found; some files have one object where others have a list.

    Raises:
        AgencyError: rejected, or not finished.
    """
    status, code = item["status"], str(item.get("status_reason_code", ""))
    if status == "rjct":
        raise error_for(code)
    if status != "succ":
        raise AgencyUnavailable("the partner has not finished", code=status)
    held = (item.get("data") or {}).get("reg_records", ())
    records = (held,) if isinstance(held, dict) else tuple(held)
    return Found(records, int((item.get("pagination") or {}).get("total_count", len(records))))


def _found_of(criteria: Mapping[str, object], item: Mapping[str, Any]) -> Found:
    """As `found_in`; a record that has a number of the kind that was asked by, and only other ones, is no answer.

    Raises:
        AgencyAnswerMalformed: a record about somebody else; code `person`.
    """
    found, query = found_in(item), criteria.get("query")
    if criteria.get("query_type") != "idtype-value" or not isinstance(query, Mapping):
        return found
    for record in found.records:
        numbers = {new_form(each) for each in _numbers(record, query.get("type"))}
        if numbers and new_form(str(query.get("value"))) not in numbers:
            raise AgencyAnswerMalformed("a record about somebody else", code="person")
    return found


def _numbers(node: object, kind: object) -> Iterator[str]:
    """Every number of a kind in a record; those of a household's members are among them."""
    if isinstance(node, dict):
        if node.get("identifier_type") == kind and isinstance(node.get("identifier_value"), str):
            yield node["identifier_value"]
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _numbers(each, kind)


def _progress(message: Mapping[str, Any]) -> dict[str, object]:
    """`status` and counts of a callback header: `rjct` where every item of a search's answer is."""
    items = message.get("search_response")
    if not isinstance(items, list):
        return {"status": "succ"}
    done = sum(each["status"] == "succ" for each in items)
    return {"status": "succ" if done else "rjct", "total_count": len(items), "completed_count": done}


def stamp() -> str:
    """Now, as DCI timestamps are written: UTC, milliseconds, `Z`."""
    return _now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _now() -> datetime:
    return datetime.now(UTC)


def _checked(reply: object, schema: str) -> Envelope:
    fault = schemas.first_fault(schemas.validator(schema), reply)
    if fault is not None or not isinstance(reply, dict) or not isinstance(reply.get("message", {}), dict):
        raise AgencyAnswerMalformed(f"the reply breaks its DCI schema at {fault}")
    return {"message": {}, **reply}


def _check_reply(reply: Envelope, transaction: object) -> None:
    header = reply["header"]
    if header.get("status") == "rjct" and not reply["message"]:
        raise error_for(str(header.get("status_reason_code", "rjct")))
    if reply["message"].get("transaction_id") != transaction:
        raise AgencyAnswerMalformed("the reply belongs to another transaction")


def _http_error(answer: HttpAnswer) -> AgencyError:
    """DCI error bodies are `{"errors": [{code, message}]}` or an Ack with `error`."""
    try:
        body = strict_json.loads(answer.body)
    except strict_json.StrictError:
        return error_of(answer)
    errors: Sequence[object] = ()
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        errors = body["errors"]
    elif isinstance(body, dict) and isinstance(body.get("message"), dict):
        errors = [body["message"].get("error")]
    code = next(filter(None, map(_code_in, errors)), "")
    return error_for(code) if code.startswith("err.") else error_of(answer, code)


def _code_in(error: object) -> str:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) and len(code) <= 99 else ""
