"""The employment support system over DCI: enrolment asked, referrals pushed, its events read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import schemas
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Handed,
    Item,
    Question,
    RawAnswer,
    Service,
    Subject,
    Told,
)
from adapters.kit.transports.dci import Ack, DciClient, Partner, error_for, stamp, token_client

from . import wire

CHECK = "/sync/check-enrollment"
CHECK_ACTION = "enrollementstatus"  # spelt so in the published API
ENROLLED = frozenset({"Active", "Reinstated"})
RECEIVER = "LK.GOV.DME.ESS"  # unless ESS_RECEIVER_ID says otherwise
SCHEMA = "dci/ess.json"
CONFIRMED_AT = "/dci/registry/on-subscribe"  # our path for confirmations
_FOR_GOOD = "9999-12-31T23:59:59Z"


class Ess(BaseAdapter):
    """Speaks DCI as a registered sender; every message carries the gateway's signature."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._http = kit.http()
        self._tokens = token_client(self._http, kit.setting("client_id"), kit.setting("client_secret"))
        self._partner = Partner(
            sender_id=kit.setting("sender_id"),
            receiver_id=_receiver(kit),
            schema=SCHEMA,
            base_url=kit.setting("base_url"),
            wire=kit.wire,
        )
        self._dci = DciClient(self._http, self._partner, self._tokens)

    async def ask(self, question: Question) -> RawAnswer:
        """Whether a person is enrolled; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        if "read" not in service.actions:
            return await super().ask(question)
        message = {"transaction_id": str(uuid4()), "enrolled_criteria": _criteria(question.subject)}
        reply = await self._dci.call(CHECK, CHECK_ACTION, message)
        item = _only_item(reply)
        return RawAnswer(item, as_of(service, question.as_at), code=item["status"])

    async def search(self, subject: Subject) -> list[dict[str, Any]]:
        """What ESS holds about a person, as DCI Members: `sync/search` by identifier; none for nobody.

        Raises:
            AgencyError: as `DciClient.search`.
        """
        query = {"type": wire.NATIONAL, "value": _number(subject)}
        criteria = {"version": "1.0.0", "reg_type": wire.REG_TYPE, "query_type": "idtype-value", "query": query}
        (found,) = await self._dci.search([criteria])
        return list(found.records)

    async def deliver(self, item: Item) -> Handed:
        """One notify with one item; a repeat carries the same ids. `state` is ESS's `ACK` or `NACK`: neither says
        that the person was accepted, which only ESS's own event does."""
        service = self.service(item.service)
        if "push" not in service.actions:
            return await super().deliver(item)
        message_id = str(uuid5(NAMESPACE_URL, f"{self._partner.receiver_id}/{item.id}"))
        message = {"transaction_id": item.id, "notify_event": [_notified(item)]}
        ack = await self._dci.notify(message, message_id=message_id)
        return Handed(ack.correlation_id or message_id, ack.status)

    async def subscribe(self, public_url: str) -> None:
        """Ask ESS to notify us of its events; the subscription codes come to our `on-subscribe`.

        Raises:
            AgencyError: not taken.
        """
        await self.subscribed(f"{public_url}{CONFIRMED_AT}")

    async def subscribed(self, callback: str, events: Sequence[str] = (wire.ENROLMENT, wire.STATUS_CHANGE)) -> Ack:
        """The same for some events; `callback` is the full URL that ESS has registered for us."""
        message = {"transaction_id": str(uuid4()), "subscribe_request": [_subscription(event) for event in events]}
        caller = DciClient(self._http, replace(self._partner, sender_uri=callback), self._tokens)
        return await caller.send("subscribe", message, message_id=str(uuid4()), total=len(events))

    def told(self, envelope: Mapping[str, Any]) -> Sequence[Told]:
        """ESS's events as canonical records; see `wire.parse_notify`."""
        return wire.parse_notify(envelope)

    def parse(self, service: str, body: bytes) -> object:
        """The one item of a `check-enrollment` reply."""
        reply = super().parse(service, body)
        fault = schemas.first_fault(schemas.validator(f"{SCHEMA}#{_REPLY}"), reply)
        if fault is not None or not isinstance(reply, dict):
            raise AgencyAnswerMalformed(f"the reply breaks its DCI schema at {fault}")
        return _only_item(reply)

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """The mapping gives the status; whether that counts as enrolled is decided here."""
        record = super().mapped(service, raw)
        return {**record, "enrolled": record["status"] in ENROLLED}


_REPLY = f"/operations/~1registry{CHECK.replace('/', '~1')}/responses/200"


def build(kit: Kit) -> Ess:
    """The adapter of this folder."""
    return Ess(kit)


def _receiver(kit: Kit) -> str:
    try:
        return kit.settings("ESS_RECEIVER_ID")
    except LookupError:
        return RECEIVER


def _number(subject: Subject) -> str:
    number = subject.identifier("NIC")
    if number is None:
        raise AgencyRejectedMessage("ESS is asked by NIC", code="identifier")
    return number


def _criteria(subject: Subject) -> dict[str, object]:
    """The query form of the published example: `{"person_identifier": {"eq": ...}}`."""
    query = {"person_identifier": {"eq": _number(subject)}}
    return {"query_type": "expression", "response_entity": "Member", "query": query}


def _only_item(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The one item of a check-enrollment reply. DCI has no code for nobody: no item, or a rejected one, says it.

    Raises:
        AgencyError: rejected as a whole, nobody, several, or not finished.
    """
    header = reply["header"]
    if header["status"] == "rjct":
        raise error_for(str(header.get("status_reason_code", "rjct")))
    items = reply.get("message", {}).get("enrolled_response", [])
    if not items or items[0]["status"] == "rjct":
        raise AgencyHasNoSuchPerson("ESS does not know the person", code="rjct" if items else "none")
    if len(items) > 1:
        raise AgencyCannotTell("ESS answers for more than one person", code="several")
    item: dict[str, Any] = items[0]
    if item["status"] == "pdng":
        raise AgencyUnavailable("ESS has not finished", code="pdng")
    return item


def _notified(item: Item) -> dict[str, object]:
    kind = wire.PUSHED[item.service]
    return {
        "reference_id": item.id,
        "timestamp": stamp(),
        "data": {
            "version": "1.0.0",
            "reg_type": wire.REG_TYPE,
            "reg_event_type": kind.event_type,
            "reg_record_type": kind.record_type,
            "reg_records": wire.to_wire(item.service, item.record, item.subject),
            **({"contested": True} if item.contested else {}),
        },
        "locale": "eng",
    }


def _subscription(event: str) -> dict[str, object]:
    """All events of a kind, for good: an empty filter expression."""
    return {
        "reference_id": str(uuid4()),
        "timestamp": stamp(),
        "subscribe_criteria": {
            "version": "1.0.0",
            "reg_type": wire.REG_TYPE,
            "reg_event_type": event,
            "frequency": {"start_time": stamp(), "end_time": _FOR_GOOD, "frequency": "real-time"},
            "filter_type": "expression",
            "filter": {"type": "ns:org:QueryType:expression", "value": {"expression": {"query": {}}}},
            "notify_record_type": "Member",
        },
        "locale": "eng",
    }
