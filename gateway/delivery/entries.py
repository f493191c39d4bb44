"""The two entries of a batch: its people are counted in the log, and each has a decision row beside it."""

from collections.abc import Mapping

from audit import Entry, new_id

from ..gate import Gate
from ..model import Ask


def batch_intent(gate: Gate, pattern: Ask, lines: int) -> Entry:
    """Who asks what about how many people. The exchange's id is the entry's."""
    now = gate.clock()
    entry_id = new_id(now)
    facts = gate.facts_about(pattern, str(entry_id)) | {"lines": lines}
    if pattern.signature:
        facts["signature"] = dict(pattern.signature)
    return Entry(entry_id, "exchange.intent", now, facts)


def batch_outcome(
    gate: Gate, pattern: Ask, exchange_id: str, outcomes: Mapping[str, int], evidence: Mapping[str, object]
) -> Entry:
    """How the lines ended, by outcome, and what commits to each. `answered` as soon as one line was."""
    now = gate.clock()
    ended = next(
        (code for code in ("answered", "no_data") if outcomes.get(code)),
        max(outcomes, key=lambda code: outcomes[code], default="no_data"),
    )
    facts = gate.facts_about(pattern, exchange_id) | {
        "outcome": ended,
        "lines": sum(outcomes.values()),
        "outcomes": dict(sorted(outcomes.items())),
        **evidence,
    }
    return Entry(new_id(now), "exchange.outcome", now, facts)


def failed_outcome(gate: Gate, facts: Mapping[str, object]) -> Entry:
    """The outcome that start-up writes for an intent whose exchange died with the process."""
    now = gate.clock()
    closed = {**facts, "outcome": "unknown", "reasons": ["the gateway stopped in between"]}
    return Entry(new_id(now), "exchange.outcome", now, closed)
