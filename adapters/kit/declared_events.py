"""Events of a DCI registry that a manifest declares: which `notify` items mean which of ours, and whom they are about.

```toml
[event.enrolment]                                # our event: the service of the receivers that take it
types       = ["enrolment", "status_change"]     # the registry's reg_event_type, by the part after the last colon
identifiers = "/reg_records/member_identifier"   # a list of DCI identifiers
numbers     = { UIN = "NIC" }                    # its identifier types -> ours
```
The section of `mapping.toml` with the same name maps the item's `data`, so it can read `/reg_event_type` as well as
`/reg_records/...`; a record must fit the event's canonical schema.

Source: SPDCI OpenAPI 1.0.0, `NotifyEventRequest`; spdci/schemas core `Identifier`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import schemas
from adapters.kit.contract import AgencyAnswerMalformed, Identifier, Subject, Told
from adapters.kit.fitting import check_fits
from adapters.kit.mapping import Mapper, MappingError


@dataclass(frozen=True, slots=True)
class DeclaredEvent:
    """One of our events, and how the registry tells it. Without types or record types: whatever they are."""

    name: str
    identifiers: str
    numbers: Mapping[str, str]
    types: frozenset[str] = frozenset()
    record_types: frozenset[str] = frozenset()

    def means(self, data: Mapping[str, Any]) -> bool:
        """Whether an item's `data` is this event."""
        said = (("reg_event_type", self.types), ("reg_record_type", self.record_types))
        return all(not known or last_part(data.get(member)) in known for member, known in said)


def declared_event(name: str, table: Mapping[str, Any]) -> DeclaredEvent:
    """From its table of the manifest."""
    types, records = (frozenset(map(last_part, table.get(each, ()))) for each in ("types", "record_types"))
    return DeclaredEvent(name, table["identifiers"], table["numbers"], types, records)


def events_told(
    envelope: Mapping[str, Any],
    events: Sequence[DeclaredEvent],
    mapping: Mapping[str, Mapper],
    record_types: Mapping[str, str],
) -> list[Told]:
    """The events of a checked `notify`.

    Args:
        record_types: our event -> the canonical schema of its record (`enrolment` -> `enrolment-event`).

    Raises:
        AgencyAnswerMalformed: an item is of no event that is declared, or does not fit; nothing is used then.
    """
    return [_told(item, events, mapping, record_types) for item in envelope["message"]["notify_event"]]


def _told(
    item: Mapping[str, Any],
    events: Sequence[DeclaredEvent],
    mapping: Mapping[str, Mapper],
    record_types: Mapping[str, str],
) -> Told:
    data = item["data"]
    event = next((each for each in events if each.means(data)), None)
    if event is None:
        raise AgencyAnswerMalformed("the manifest declares no event of this type", code="reg_event_type")
    schema = f"canonical/{record_types[event.name]}.v1.json"
    try:
        record = mapping[event.name](data)
    except MappingError as error:
        raise AgencyAnswerMalformed(f"the event cannot be read: {error}", code="reg_records") from None
    check_fits(record, schemas.validator(schema), f"the event does not fit {schema}", code="record")
    return Told(str(item["reference_id"]), event.name, record, _subject(data, event))


def _subject(data: Mapping[str, Any], event: DeclaredEvent) -> Subject:
    """Whom it is about. Raises AgencyAnswerMalformed where no number that we know is told: it could reach nobody."""
    listed: Any = data
    for key in event.identifiers.split("/")[1:]:
        listed = listed.get(key) if isinstance(listed, Mapping) else None
    found = {
        event.numbers[each["identifier_type"]]: each["identifier_value"]
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, Mapping)
        and each.get("identifier_type") in event.numbers
        and isinstance(each.get("identifier_value"), str)
    }
    if not found:
        raise AgencyAnswerMalformed(f"no known identifier at {event.identifiers}", code="identifiers")
    return Subject(tuple(Identifier(kind, value) for kind, value in sorted(found.items())))


def last_part(word: object) -> str:
    """`spdci:RegistryEventType:Death` -> `death`: what type names are compared by."""
    return str(word).rpartition(":")[2].lower()
