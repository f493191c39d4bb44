"""One day of the log by the country's clocks, counted once for all rules."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, select

from audit import Entry
from audit.entry import INTENT, OUTCOME
from consent import Agreement
from consent.history import StateEvent

from ...delivery.tables import batch_decision
from ..calendar import OfficeHours
from ..reading import entries_between

DAY = timedelta(days=1)
HISTORY_DAYS = 28
MISSES = frozenset({"refused_by_rules", "refused_by_source", "unknown_person", "ambiguous"})


@dataclass(frozen=True, slots=True)
class Release:
    """Fields that left under an agreement, as an outcome or a line of a batch says."""

    exchange: str
    consumer: str
    service: str
    agreement: str
    version: int
    fields: frozenset[str]
    at: datetime


@dataclass(slots=True)
class Seen:
    """What a day came to. Keys of counts are consumers, or what the name says.

    Attributes:
        agreements: (id, version) -> the agreement as it was recorded.
        states: changes of state of agreements, oldest first.
        history: (consumer, service) -> calls on each of the days before that had any.
        no_case: consumer -> ids of the intents without a case.
        without_case: consumer -> distinct people asked about without a case, where there were many.
        officers: (consumer, officer as the log knows it) -> ids of the intents without a case.
        by_officer: the same -> distinct people, where there were many.
        alarms: what the gateway raised by itself: a system that misses too often.
        drifts: likewise: an agency whose answers changed their shape.
        postponed: what the log lacked when its year could not be closed.
        per_hour: (agreement, hour as quotas count it, `hour_of`) -> calls.
        before: agreement -> calls on each of the days before.
    """

    day: date
    hours: OfficeHours
    agreements: Mapping[tuple[str, int], Agreement] = field(default_factory=dict)
    states: Sequence[StateEvent] = ()
    history: Mapping[tuple[str, str], Sequence[int]] = field(default_factory=dict)
    before: Mapping[str, Sequence[int]] = field(default_factory=dict)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    misses: Counter[str] = field(default_factory=Counter)
    outside_hours: Counter[str] = field(default_factory=Counter)
    no_case: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    without_case: dict[str, int] = field(default_factory=dict)
    officers: dict[tuple[str, str], list[bytes]] = field(default_factory=lambda: defaultdict(list))
    by_officer: dict[tuple[str, str], int] = field(default_factory=dict)
    alarms: list[Entry] = field(default_factory=list)
    drifts: list[Entry] = field(default_factory=list)
    postponed: list[str] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    per_hour: Counter[tuple[str, str]] = field(default_factory=Counter)
    per_day: Counter[str] = field(default_factory=Counter)
    most_lines: Counter[str] = field(default_factory=Counter)
    downgrades: Counter[str] = field(default_factory=Counter)
    widened: Mapping[str, datetime] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    cut_off: dict[str, str] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """Count one entry."""
        if entry.kind == INTENT:
            self._asked(entry)
        elif entry.kind == OUTCOME:
            self._ended(entry)
        elif entry.kind == "signature.downgrade":
            self.downgrades[str(entry.facts.get("system"))] += 1
        elif entry.kind == "alarm.miss_rate":
            self.alarms.append(entry)
        elif entry.kind == "alarm.schema_drift":
            self.drifts.append(entry)
        elif entry.kind == "log.turn_postponed":
            self.postponed.append(str(entry.facts.get("lacking")))

    def batches(self, connection: Connection, ids: Collection[str]) -> None:
        """Count what the lines of batches released."""
        table = batch_decision.c
        for exchange in sorted(ids):
            query = select(table.decision).where(table.exchange_id == exchange)
            for text in connection.execute(query).scalars():
                line = orjson.loads(text)
                if line.get("released"):
                    self.releases.append(_release(exchange, self._batch_of[exchange], line))

    def hour_of(self, entry: Entry) -> str:
        """The hour of the country's clocks, `2026-10-31T18`."""
        return f"{entry.at.astimezone(self.hours.zone):%Y-%m-%dT%H}"

    @property
    def consumers(self) -> list[str]:
        """Every system that asked something."""
        return sorted({consumer for consumer, _ in self.calls})

    _batch_of: dict[str, Entry] = field(default_factory=dict)

    @property
    def batch_ids(self) -> list[str]:
        """The batches that ended on this day."""
        return sorted(self._batch_of)

    def _asked(self, entry: Entry) -> None:
        facts = entry.facts
        consumer = str(facts.get("consumer"))
        self.opened.add(str(facts.get("exchange_id")))
        self.calls[consumer, str(facts.get("service"))] += _lines(facts)
        if not facts.get("case_ref"):
            self.no_case[consumer].append(entry.id.bytes)
            if officer := facts.get("officer_ref"):
                self.officers[consumer, str(officer)].append(entry.id.bytes)
        if "lines" not in facts and not self.hours.open_at(entry.at):
            self.outside_hours[consumer] += 1

    def _ended(self, entry: Entry) -> None:
        facts = entry.facts
        exchange, consumer = str(facts.get("exchange_id")), str(facts.get("consumer"))
        self.outcomes[exchange] += 1
        self.misses[consumer] += _missed(facts)
        if facts.get("outcome") == "unknown":
            self.cut_off[exchange] = consumer
        for name in _agreements(facts):
            self.per_day[name] += _lines(facts)
            self.per_hour[name, self.hour_of(entry)] += _lines(facts)
            self.most_lines[name] = max(self.most_lines[name], _lines(facts))
        if facts.get("released"):
            self.releases.append(_release(exchange, entry, facts))
        if "lines" in facts:
            self._batch_of[exchange] = entry


def counted(connection: Connection, seen: Seen, since: datetime) -> Seen:
    """Walk over the day once, then over what its batches decided."""
    for entry in entries_between(connection, since, since + DAY):
        seen.take(entry)
    seen.batches(connection, seen.batch_ids)
    return seen


def _release(exchange: str, entry: Entry, facts: Mapping[str, Any]) -> Release:
    """Of a claim, which is granted and released whole, the field is the claim's own, whatever its answer holds."""
    said: Mapping[str, Any] = entry.facts
    asked = frozenset(map(str, said.get("asked", ())))
    is_claim = any(each.startswith("claim:") for each in asked)
    return Release(
        exchange,
        str(entry.facts.get("consumer")),
        str(entry.facts.get("service")),
        str(facts.get("agreement")),
        int(facts.get("agreement_version") or 0),
        asked if is_claim else frozenset(map(str, facts["released"])),
        entry.at,
    )


def _agreements(facts: Mapping[str, object]) -> Iterable[str]:
    named = facts.get("agreements")
    if isinstance(named, list):
        return [str(each).rpartition(" v")[0] for each in named]
    return [str(facts["agreement"])] if facts.get("agreement") else []


def _lines(facts: Mapping[str, object]) -> int:
    lines = facts.get("lines")
    return lines if isinstance(lines, int) else 1


def _missed(facts: Mapping[str, object]) -> int:
    outcomes = facts.get("outcomes")
    if isinstance(outcomes, dict):
        return sum(count for code, count in outcomes.items() if code in MISSES)
    return int(facts.get("outcome") in MISSES)
