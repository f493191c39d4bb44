"""Services that systems offer through a callback: an item goes to the system's registered URL as a DCI `notify`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

import schemas
from adapters.kit.contract import AgencyError, AgencyRejectedMessage, Handed, Item, Question, RawAnswer
from adapters.kit.dci_wire import Wire
from adapters.kit.egress import Dialler, Limits
from adapters.kit.transports.dci import DciClient, Partner, stamp

RECORD_TYPES: Mapping[str, str] = {
    "enrolment": "enrolment-event",
    "progress": "programme-update",
    "finding": "finding",
    "vital-event": "vital-event",
    "referral": "referral",
    "beneficiary": "beneficiary-event",
    "vacancy": "vacancy",
    "notice": "beneficiary-notice",
    "late-report": "report-state",
    "circular": "circular",
    "circular-receipt": "circular-receipt",
}
"""Service name -> canonical schema of its record; `spdci` has no type for most of them."""
ABOUT: Mapping[str, str] = {"late-report": "REPORT", "circular": "CIRCULAR", "circular-receipt": "CIRCULAR"}
"""Service name -> the kind of number that names what an item is about, where that is no person."""
EVENT_TYPES: Mapping[str, str] = {
    "enrolment": "enrolment_status_change",
    "referral": "enrolment",
    **dict.fromkeys(("beneficiary", "vacancy", "notice"), "enrollement_status_change"),  # spelt so by IBR
}
_OWN, _PROGRAMMES = "ns:org:RegistryType:Sandhi", "ns:org:RegistryType:IBR"
REG_TYPES: Mapping[str, str] = dict.fromkeys(("beneficiary", "vacancy", "notice"), _PROGRAMMES)
"""Service name -> the DCI registry that its items are about, whose published file they follow; else our own name."""


class CallbackAdapter:
    """One registered system as a receiver. One item is one message about one person; the receiver can tell a
    repeated item by `message_id`, which is derived from the item's id."""

    def __init__(self, system: str, url: str, sender: str, dialler: Dialler, wire: Wire) -> None:
        """`system` and `sender` are DCI ids (`LK.GOV.DME.ESS`); `url` is the registered callback, in full; `wire` is
        how messages to the system are protected.

        Raises:
            NotAllowed: the URL may not be dialled.
        """
        self._system = system
        self._url = url
        partner = Partner(sender_id=sender, receiver_id=system, schema="dci/ess.json", wire=wire)
        self._client = DciClient(dialler.http(url, Limits(attempts=1)), partner)

    @property
    def id(self) -> str:
        """The receiver's DCI id."""
        return self._system

    async def ask(self, question: Question) -> RawAnswer:
        """A callback takes deliveries only."""
        raise _push_only(question.service)

    async def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """A callback takes deliveries only."""
        for place, question in enumerate(questions):
            yield place, _push_only(question.service)

    async def deliver(self, item: Item) -> Handed:
        """Deliver one item; `reference` is the receiver's correlation id, `state` its `ACK` or `NACK`.

        Raises:
            AgencyError: not taken; safe to try again with the same item.
        """
        name = item.service.rpartition("/")[2]
        record_type = record_type_of(name)
        event = {
            "reference_id": item.id,
            "timestamp": stamp(),
            "data": {
                "version": "1.0.0",
                "reg_type": REG_TYPES.get(name, _OWN),
                "reg_event_type": _event_type(name, item.record),
                "reg_record_type": f"sandhi:{record_type}:v1",
                "reg_records": _with_subject(item),
                **({"contested": True} if item.contested else {}),
            },
        }
        message_id = str(uuid5(NAMESPACE_URL, f"{self._system}/{item.id}"))
        message = {"transaction_id": item.id, "notify_event": [event]}
        ack = await self._client.notify(message, message_id=message_id, url=self._url)
        return Handed(ack.correlation_id or message_id, ack.status)

    async def send(self, action: str, message: Mapping[str, object], *, message_id: str) -> None:
        """Send another DCI message to the same address, e.g. `on-subscribe`.

        Raises:
            AgencyError: not taken; safe to try again with the same id.
        """
        items = message.get("subscribe_response")
        total = len(items) if isinstance(items, list) else 1
        await self._client.send(action, message, message_id=message_id, url=self._url, total=total)

    def normalise(self, service: str, raw: RawAnswer) -> dict[str, object]:
        """Nothing comes back from a callback."""
        raise _push_only(service, raw.code)

    async def close(self) -> None:
        """Nothing to close: the dialler owns the connections."""


def record_type_of(name: str) -> str:
    """The canonical record of a callback service (`enrolment` -> `enrolment-event`).

    Raises:
        AgencyRejectedMessage: no such service.
    """
    if name not in RECORD_TYPES:
        raise AgencyRejectedMessage("no such callback service", code="no_such_service")
    return RECORD_TYPES[name]


def record_schema_of(name: str) -> schemas.Validator:
    """The validator of what a callback service carries."""
    return schemas.validator(f"canonical/{record_type_of(name)}.v1.json")


def _event_type(name: str, record: Mapping[str, object]) -> str:
    """DCI's own word where it has one: of a vital event, that of its code list."""
    if name == "vital-event":
        said = str(record.get("event", name))
        return {"birth": "live_birth"}.get(said, said)
    return EVENT_TYPES.get(name, name)


def _push_only(service: str, code: str = "") -> AgencyRejectedMessage:
    return AgencyRejectedMessage(f"{service} takes deliveries only", code=code or "push_only")


def _with_subject(item: Item) -> dict[str, object]:
    """The record, and the identifiers beside it where the receiver needs them to know the person."""
    record: dict[str, object] = dict(item.record)
    if item.subject is not None and item.subject.identifiers:
        record["identifiers"] = [
            {"identifier_type": each.type, "identifier_value": each.value} for each in item.subject.identifiers
        ]
    return record
