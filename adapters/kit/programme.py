"""A social protection programme's system over DCI IBR. Four programmes and public works speak it alike, so it is here
once: an adapter folder brings its manifest, its samples, and `from adapters.kit.programme import build`.

Source: DCI IBR API 1.0.0, `schemas/dci/ibr.json`.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import schemas
from adapters.kit import beneficiary, dci_events
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Handed,
    Item,
    Question,
    RawAnswer,
    Service,
    Subject,
    Told,
)
from adapters.kit.dci_events import EventKind
from adapters.kit.fitting import check_fits
from adapters.kit.transports.dci import DciClient, Partner, token_client

REG_TYPE = "ns:org:RegistryType:IBR"
SCHEMA = "dci/ibr.json"
ENROLMENT, STATUS_CHANGE = "enrollement", "enrollement_status_change"  # spelt so in the published API
CONFIRMED_AT = "/dci/registry/on-subscribe"  # our path for confirmations
PUSHED = {  # short service name -> how it is named in a notify item
    "candidate": EventKind(REG_TYPE, ENROLMENT, "Candidate"),
    "update": EventKind(REG_TYPE, STATUS_CHANGE, "ProgrammeUpdate"),
    "confirmation": EventKind(REG_TYPE, STATUS_CHANGE, "Confirmation"),
}
_REPLY = f"{SCHEMA}#/operations/~1registry~1sync~1search/responses/default"


class ProgrammeMis(BaseAdapter):
    """One programme: its enrolments asked, candidates and confirmations pushed, its events read."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        http = kit.http()
        self._receiver = kit.setting("receiver_id")
        self._http, self._tokens = http, token_client(http, kit.setting("client_id"), kit.setting("client_secret"))
        self._dci = self._client()

    async def ask(self, question: Question) -> RawAnswer:
        """Whether a person is enrolled: `sync/search` by identifier.

        Raises:
            AgencyHasNoSuchPerson: the programme has no record of the person, which is not the same as not enrolled.
            AgencyError: as `DciClient.search`.
        """
        service = self.service(question.service)
        if "read" not in service.actions:
            return await super().ask(question)
        criteria = {
            "version": "1.0.0",
            "reg_type": REG_TYPE,
            "reg_record_type": "Beneficiary",
            "query_type": "idtype-value",
            "query": _query(question.subject),
        }
        (found,) = await self._dci.search([criteria])
        record = _only(found.records)
        return RawAnswer(record, as_of(service, question.as_at), code=str(record.get("enrollment_status", ""))[:20])

    async def deliver(self, item: Item) -> Handed:
        """One notify with one item; a repeat carries the same ids. `state` is the programme's `ACK` or `NACK`: what it
        decided is an event of its own."""
        service = self.service(item.service)
        if "push" not in service.actions:
            return await super().deliver(item)
        kind = PUSHED[item.service.partition(".")[2]]
        message_id = str(uuid5(NAMESPACE_URL, f"{self._receiver}/{item.id}"))
        event = dci_events.notify_item(item.id, kind, _member(item))
        message = {"transaction_id": item.id, "notify_event": [event]}
        ack = await self._dci.notify(message, message_id=message_id)
        return Handed(ack.correlation_id or message_id, ack.status)

    async def subscribe(self, public_url: str) -> None:
        """Ask the programme for its events; the subscription codes come to our `on-subscribe`.

        Raises:
            AgencyError: not taken.
        """
        wanted = [
            dci_events.subscription(EventKind(REG_TYPE, event, "Beneficiary")) for event in (ENROLMENT, STATUS_CHANGE)
        ]
        message = {"transaction_id": str(uuid4()), "subscribe_request": wanted}
        caller = self._client(f"{public_url}{CONFIRMED_AT}")
        await caller.send("subscribe", message, message_id=str(uuid4()), total=len(wanted))

    def told(self, envelope: Mapping[str, Any]) -> Sequence[Told]:
        """The programme's events as canonical records.

        Raises:
            AgencyAnswerMalformed: one of them is of no kind we know, or another programme's. Nothing of the envelope
                is used then: the sender repeats all of it.
        """
        events = [beneficiary.told(item) for item in envelope["message"]["notify_event"]]
        if any(event.record["programme"] != self.id for event in events):
            raise AgencyAnswerMalformed("an event of another programme", code="programme")
        return events

    def parse(self, service: str, body: bytes) -> object:
        """The one Beneficiary of a `sync/search` reply."""
        reply: Any = super().parse(service, body)
        check_fits(reply, schemas.validator(_REPLY), "the reply breaks its DCI schema")
        (answered,) = reply["message"]["search_response"]
        try:
            return _only(answered.get("data", {}).get("reg_records", []))
        except (AgencyHasNoSuchPerson, AgencyCannotTell) as error:
            raise AgencyAnswerMalformed(f"no answer about one person: {error.detail}") from None

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """See `beneficiary.enrolment`; a record of another programme is nobody's answer."""
        del service  # there is one that is read
        payload: Any = raw.payload
        record = beneficiary.enrolment(payload)
        if record["programme"] != self.id:
            raise AgencyAnswerMalformed("a record of another programme at /programme_identifier", code="programme")
        return record

    def _client(self, sender_uri: str = "") -> DciClient:
        partner = Partner(
            sender_id=self.kit.setting("sender_id"),
            receiver_id=self._receiver,
            schema=SCHEMA,
            sender_uri=sender_uri,
            base_url=self.kit.setting("base_url"),
            wire=self.kit.wire,
        )
        return DciClient(self._http, partner, self._tokens)


def build(kit: Kit) -> ProgrammeMis:
    """The adapter of a folder that brings nothing but its manifest."""
    return ProgrammeMis(kit)


def _query(subject: Subject) -> dict[str, str]:
    number = subject.identifier("NIC")
    if number is None:
        raise AgencyRejectedMessage("the programme is asked by NIC", code="identifier")
    return {"type": dci_events.NATIONAL, "value": number}


def _only(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if not records:
        raise AgencyHasNoSuchPerson("the programme has no record of the person", code="none")
    if len(records) > 1:
        raise AgencyCannotTell("the programme answers with more than one record", code="several")
    return records[0]


def _member(item: Item) -> dict[str, object]:
    """What is pushed, as a DCI Member: numbers in DCI's own place, our record among the additional attributes."""
    return {
        "@type": "spdci:Member",
        "member_identifier": dci_events.written_identifiers(item.subject, str(item.record["member_id"])),
        "additional_attributes": dci_events.attributes(item.record, leave_out=("member_id",)),
    }
