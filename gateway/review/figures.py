"""What was exchanged in a period, counted: one pass, whatever is made of it afterwards."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, select

from audit.entry import OUTCOME

from ..delivery.tables import batch_decision
from .reading import entries_between

AT_ONCE = 5_000
SEVERAL = ", "  # between the agreements of a batch


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
        fields: agreement -> names of fields that were released under it.
        lines: line -> agreement -> outcome -> people, of batches that were decided by several agreements.
        days: agreement -> day by the clocks of the period -> exchanges.
    """

    exchanges: Counter[Line] = field(default_factory=Counter)
    people: dict[Line, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    fields: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    lines: dict[Line, dict[str, Counter[str]]] = field(default_factory=dict)
    days: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def under(self, agreement: str, service: str = "") -> dict[Line, Counter[str]]:
        """Line -> outcome -> people, under one agreement; of a batch decided by several, those whom it let through."""
        some = (line for line in self.exchanges if agreement in line.agreement.split(SEVERAL))
        asked = (line for line in some if service in {"", line.service})
        return {
            line: self.lines.get(line, {}).get(agreement, Counter()) if SEVERAL in line.agreement else self.people[line]
            for line in asked
        }


def figures(
    connection: Connection, since: datetime, until: datetime, *, system: str = "", of_lines: bool = False
) -> Figures:
    """Count the exchanges that ended in a period.

    Args:
        connection: to the gateway's own database.
        since, until: the period, `until` excluded; its days are those of their zone.
        system: only of this one, as either side.
        of_lines: `fields` has those of batches too, and `lines`, which takes reading what was decided for each person.
    """
    found, batches = Figures(), dict[str, Line]()
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
        found.fields[line.agreement].update(map(str, released) if isinstance(released, list) else ())
        found.days[line.agreement][entry.at.astimezone(since.tzinfo).date().isoformat()] += 1
        if of_lines and facts.get("agreements"):
            batches[str(facts.get("exchange_id"))] = line
    for exchange_id, line in batches.items():
        _add_lines(connection, exchange_id, line, found)
    return found


def _add_lines(connection: Connection, exchange_id: str, batch: Line, found: Figures) -> None:
    """What became of the lines of a batch: it stands beside the log, for the entry of a batch only commits to it."""
    people = found.lines.setdefault(batch, defaultdict(Counter))
    of, last = batch_decision.c, -1
    query = select(of.line, of.decision).where(of.exchange_id == exchange_id).order_by(of.line).limit(AT_ONCE)
    while page := connection.execute(query.where(of.line > last)).all():
        for row in page:
            said = orjson.loads(row.decision)
            people[_agreement(said)][str(said.get("outcome"))] += 1
            if released := said.get("released"):
                found.fields[_agreement(said)].update(map(str, released))
        last = page[-1].line


def _agreement(facts: Mapping[str, object]) -> str:
    many = facts.get("agreements")
    if isinstance(many, list):
        return SEVERAL.join(map(str, many))
    return f"{facts['agreement']} v{facts.get('agreement_version')}" if facts.get("agreement") else ""


def _outcomes(facts: Mapping[str, object]) -> Mapping[str, int]:
    counted = facts.get("outcomes")
    if isinstance(counted, dict):
        return {str(code): int(count) for code, count in counted.items()}
    return {str(facts.get("outcome")): 1}
