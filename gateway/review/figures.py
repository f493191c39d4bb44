"""What was exchanged in a period, counted: one pass, whatever is made of it afterwards."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from audit.entry import OUTCOME

from .reading import entries_between


class Line(NamedTuple):
    """What is counted apart."""

    consumer: str
    provider: str
    service: str
    purpose: str
    agreement: str  # `DSA-1 v2`; of a batch all of them, comma separated
    basis: str


@dataclass(slots=True)
class Figures:
    """Calls of a period. A batch is one exchange and as many people as it has lines.

    Attributes:
        exchanges: line -> how many.
        people: line -> outcome -> about how many people, each counted as often as asked.
        fields: line -> names of fields that were released.
        days: agreement -> day by the clocks of the period -> exchanges.
    """

    exchanges: Counter[Line] = field(default_factory=Counter)
    people: dict[Line, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    fields: dict[Line, set[str]] = field(default_factory=lambda: defaultdict(set))
    days: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def figures(connection: Connection, since: datetime, until: datetime, *, system: str = "") -> Figures:
    """Count the exchanges that ended in a period; of one system, as either side, if named."""
    found = Figures()
    for entry in entries_between(connection, since, until, OUTCOME):
        facts = entry.facts
        if system and system not in {facts.get("consumer"), facts.get("provider")}:
            continue
        line = Line(
            str(facts.get("consumer", "")),
            str(facts.get("provider", "")),
            str(facts.get("service", "")),
            str(facts.get("purpose", "")),
            _agreement(facts),
            str(facts.get("basis", "")),
        )
        found.exchanges[line] += 1
        found.people[line].update(_outcomes(facts))
        released = facts.get("released")
        found.fields[line].update(map(str, released) if isinstance(released, list) else ())
        found.days[line.agreement][entry.at.astimezone(since.tzinfo).date().isoformat()] += 1
    return found


def _agreement(facts: Mapping[str, object]) -> str:
    many = facts.get("agreements")
    if isinstance(many, list):
        return ", ".join(map(str, many))
    return f"{facts['agreement']} v{facts.get('agreement_version')}" if facts.get("agreement") else ""


def _outcomes(facts: Mapping[str, object]) -> Mapping[str, int]:
    counted = facts.get("outcomes")
    if isinstance(counted, dict):
        return {str(code): int(count) for code, count in counted.items()}
    return {str(facts.get("outcome")): 1}
