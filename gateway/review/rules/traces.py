"""Rules about the traces themselves: what never ended, what came in a weaker form, what does not fit together."""

from collections.abc import Iterator

from consent import member_of

from .rule import Hit
from .seen import Seen


def open_intents(seen: Seen) -> Iterator[Hit]:
    """Exchanges that were cut off, and were closed as unknown."""
    for exchange, consumer in sorted(seen.cut_off.items()):
        yield Hit(exchange, (consumer, member_of(consumer)), {"consumer": consumer})


def downgrades(seen: Seen) -> Iterator[Hit]:
    """Messages in a weaker form than agreed, by system and day."""
    for system, count in sorted(seen.downgrades.items()):
        yield Hit(f"{system} {seen.day}", (system, member_of(system)), {"messages": count})


def miss_rates(seen: Seen) -> Iterator[Hit]:
    """Alarms of the gateway: a system that missed too often within one hour."""
    for entry in seen.alarms:
        consumer, hour = str(entry.facts.get("consumer")), seen.hour_of(entry)
        facts = {"asked": entry.facts.get("asked"), "missed": entry.facts.get("missed"), "entry": str(entry.id)}
        yield Hit(f"{consumer} {hour}", (consumer, member_of(consumer)), facts)


def drifts(seen: Seen) -> Iterator[Hit]:
    """Alarms of the gateway: an agency's answers changed their shape, by adapter, version and day."""
    for entry in seen.drifts:
        facts = {name: entry.facts.get(name) for name in ("version", "looked", "odd")} | {"entry": str(entry.id)}
        yield Hit(f"{entry.facts.get('adapter')} {entry.facts.get('version')} {seen.day}", (), facts)


def turns_postponed(seen: Seen) -> Iterator[Hit]:
    """The log's year was over and could not be closed, by day and by what was lacking."""
    for lacking in sorted(set(seen.postponed)):
        yield Hit(f"{seen.day} {lacking}", (), {"lacking": lacking})


def integrity(seen: Seen) -> Iterator[Hit]:
    """Exchanges with more than one outcome."""
    for exchange, count in sorted(seen.outcomes.items()):
        if count > 1:
            yield Hit(exchange, (), {"outcomes": count})
