"""A partner's words and ours, by its policy: registry, record and event types, attributes and identifier types.

Inwards before anything is looked at, outwards after everything is done; the signature is over the words on the wire.
"""

from collections.abc import Mapping
from typing import Any

from ...events.types import type_of
from ...trust.policy import DciPolicy
from .operations import Interface

TYPES: Mapping[str, str] = {  # where each kind of word stands in a message
    "reg_type": "reg_type",
    "reg_record_type": "record_type",
    "notify_record_type": "record_type",
    "reg_event_type": "event_type",
    "attribute_name": "attribute",
}
PARTS = frozenset({"message", "data", "search_criteria", "subscribe_criteria", "txnstatus_response", "txn_status"})
LISTS = frozenset({"search_request", "search_response", "subscribe_request", "subscribe_response", "notify_event"})
MORE = frozenset({"subscriptions", "sort"})


class Names:
    """Both ways for one partner."""

    def __init__(self, policy: DciPolicy) -> None:
        self._ours: dict[tuple[str, str], str] = {}
        self._theirs: dict[tuple[str, str], str] = {}
        for each in policy.names:
            kind, _, words = each.partition(":")
            theirs, _, ours = words.partition("=")
            self._ours[kind, theirs] = ours
            self._theirs.setdefault((kind, ours), theirs)

    def ours(self, kind: str, word: str) -> str:
        """Our word for theirs; the same where none is agreed."""
        return self._ours.get((kind, word), word)

    def inwards(self, envelope: Mapping[str, Any]) -> Mapping[str, Any]:
        """The envelope in our words."""
        return _renamed(envelope, self._ours) if self._ours else envelope

    def outwards(self, envelope: Mapping[str, Any]) -> Mapping[str, Any]:
        """The envelope in the partner's words."""
        return _renamed(envelope, self._theirs) if self._theirs else envelope


def notified_by(interface: Interface, envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    """A notification as the interface's file allows it: an event type is spelt as there, or left out.

    It is optional, and the record says what happened; a word that is not in the file would make the message invalid.
    """
    message = envelope.get("message")
    if not interface.event_types or not isinstance(message, Mapping) or "notify_event" not in message:
        return envelope
    events = [{**each, "data": _event(each["data"], interface)} for each in message["notify_event"]]
    return {**envelope, "message": {**message, "notify_event": events}}


def _event(told: Mapping[str, Any], interface: Interface) -> dict[str, Any]:
    word = str(told.get("reg_event_type", ""))
    spelt = {type_of(each): each for each in interface.event_types}
    known = word if word in interface.event_types else spelt.get(type_of(word))
    rest = {name: value for name, value in told.items() if name != "reg_event_type"}
    return {**rest, "reg_event_type": known} if known else rest


def _renamed(part: Mapping[str, Any], words: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Types where DCI has them; records and the other queries stay as they are: those are read with `ours`."""
    renamed: dict[str, Any] = {}
    for name, value in part.items():
        if name in TYPES and isinstance(value, str):
            renamed[name] = words.get((TYPES[name], value), value)
        elif name == "query" and isinstance(value, Mapping) and isinstance(value.get("type"), str):
            renamed[name] = {**value, "type": words.get(("id_type", value["type"]), value["type"])}
        elif name in PARTS and isinstance(value, Mapping):
            renamed[name] = _renamed(value, words)
        elif name in LISTS | MORE and isinstance(value, list):
            renamed[name] = [_renamed(each, words) if isinstance(each, Mapping) else each for each in value]
        else:
            renamed[name] = value
    return renamed
