"""What DCI says of events beside the envelope: one notify item, one subscription, identifiers of a person.

Source: DCI registry interfaces 1.0.0, `NotifyEventRequest` and `SubscribeRequest`; spdci/schemas core `Identifier`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from adapters.kit.contract import Identifier, Subject
from adapters.kit.transports.dci import stamp

NATIONAL, MEMBER = "UIN", "SR"  # identifier types on the wire: national number, social registry member id
_FOR_GOOD = "9999-12-31T23:59:59Z"
_TYPES = {"NIC": NATIONAL, "SR": MEMBER}


@dataclass(frozen=True, slots=True)
class EventKind:
    """How one kind of thing is named in a notify item."""

    reg_type: str
    event_type: str
    record_type: str


def notify_item(reference: str, kind: EventKind, record: Mapping[str, object]) -> dict[str, object]:
    """One `notify_event`; `record` is the one object of `reg_records`."""
    return {
        "reference_id": reference,
        "timestamp": stamp(),
        "data": {
            "version": "1.0.0",
            "reg_type": kind.reg_type,
            "reg_event_type": kind.event_type,
            "reg_record_type": kind.record_type,
            "reg_records": dict(record),
        },
        "locale": "eng",
    }


def subscription(kind: EventKind) -> dict[str, object]:
    """One `subscribe_request` for all events of a kind, for good: an empty filter expression."""
    return {
        "reference_id": str(uuid4()),
        "timestamp": stamp(),
        "subscribe_criteria": {
            "version": "1.0.0",
            "reg_type": kind.reg_type,
            "reg_event_type": kind.event_type,
            "frequency": {"start_time": stamp(), "end_time": _FOR_GOOD, "frequency": "real-time"},
            "filter_type": "expression",
            "filter": {"type": "ns:org:QueryType:expression", "value": {"expression": {"query": {}}}},
            "notify_record_type": kind.record_type,
        },
        "locale": "eng",
    }


def written_identifiers(subject: Subject | None, member_id: str = "") -> list[dict[str, str]]:
    """The numbers of a person, as DCI writes them; `member_id` is the social registry's, if the subject has none."""
    found = {_TYPES[each.type]: each.value for each in (subject.identifiers if subject else ()) if each.type in _TYPES}
    if member_id:
        found[MEMBER] = member_id
    return [
        {"@type": "Identifier", "identifier_type": kind, "identifier_value": found[kind]}
        for kind in (NATIONAL, MEMBER)
        if kind in found
    ]


def read_identifiers(listed: object) -> dict[str, str]:
    """Identifier type -> value; what is no identifier is left out."""
    return dict(_pairs(listed))


def subject_of(numbers: Mapping[str, str]) -> Subject:
    """The person with these numbers: by the national one where there is one, else by the registry's."""
    if NATIONAL in numbers:
        return Subject((Identifier("NIC", numbers[NATIONAL]),))
    return Subject((Identifier("SR", numbers[MEMBER]),)) if MEMBER in numbers else Subject()


def attributes(record: Mapping[str, object], *, leave_out: Sequence[str] = ()) -> list[dict[str, object]]:
    """`additional_attributes` of a Member: a list of objects with one key each, as in DCI's own example."""
    return [{name: record[name]} for name in sorted(record) if name not in leave_out]


def _pairs(listed: object) -> Iterator[tuple[str, str]]:
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("identifier_value"), str):
            yield str(each.get("identifier_type")), each["identifier_value"]
