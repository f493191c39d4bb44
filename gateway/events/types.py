"""What an event is called: a subscription names a type, an event arrives at a service of its receiver.

Type names come in many spellings (`death`, `spdci-common:RegistryEventType:Death`, `LiveBirth`): only the part after
the last colon counts, in small letters with underscores.
"""

import re
from collections.abc import Mapping

from adapters.kit.contract import Told

TYPES: Mapping[str, frozenset[str]] = {  # by the receiver's service: the types under which it is subscribed to
    "enrolment": frozenset({"enrolment", "enrolment_status_change"}),
    "vital-event": frozenset({"birth", "live_birth", "death", "fetal_death"}),
}
SAME: Mapping[str, frozenset[str]] = {"birth": frozenset({"birth", "live_birth"})}
SPELT = {"enrollement": "enrolment", "enrollment": "enrolment"}  # IBR's, and American
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def type_of(name: str) -> str:
    """An event type as it is kept and compared."""
    snake = _HUMP.sub("_", name.rpartition(":")[2]).lower().replace("-", "_")
    for theirs, ours in SPELT.items():
        snake = snake.replace(theirs, ours)
    return snake


def types_of(event: Told) -> frozenset[str] | None:
    """The types under which an event is subscribed to; None: every subscription to its provider is about it.

    A birth is nothing for who asked for deaths.
    """
    said = event.record.get("event")
    if event.name == "vital-event" and isinstance(said, str):
        return SAME.get(said, frozenset({said}))
    return TYPES.get(event.name)


def may_carry(service: str, event_type: str) -> bool:
    """Whether events of this type can arrive at a service of this name."""
    types = TYPES.get(service)
    return types is None or event_type in types
