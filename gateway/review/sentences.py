"""An exchange in words that need no explanation: one sentence on top, then what happened, step by step."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from audit import Entry
from audit.wording import OUTCOMES

VERBS = {"push": "handed something over to", "notify": "told something to", "report": "reported something to"}
NOT_ASKED = frozenset({"refused_by_rules", "no_link", "unknown"})
"""Outcomes of which nobody can say that the source was asked."""


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step. `entry` is the id of the entry that says so, empty for what stands beside the log."""

    title: str
    at: datetime | None
    told: str
    entry: str = ""
    facts: Mapping[str, object] | None = None


def one_sentence(intent: Entry | None, outcome: Entry | None) -> str:
    """Who asked whom for what, why, about how many, and how it ended."""
    known = intent or outcome
    if known is None:
        return "The log has no entry of this exchange."
    facts = known.facts
    verb = VERBS.get(str(facts.get("action")), "asked")
    told = f"{facts.get('consumer')} {verb} {facts.get('provider')} ({facts.get('service')})"
    told += f" about {_people(facts)} for {facts.get('purpose')}"
    told += ", under a case" if facts.get("case_ref") else ", without a case"
    if outcome is None:
        return f"{told}; how it ended is not recorded."
    return f"{told}; it {OUTCOMES.get(str(outcome.facts.get('outcome')), 'ended otherwise')}{_released(outcome.facts)}."


def steps(intent: Entry | None, outcome: Entry | None, later: Sequence[Entry]) -> Iterator[Step]:
    """What the entries of an exchange say, in the order in which it happened."""
    if intent:
        asked = _listed(intent.facts.get("asked"))
        signed = "; the request was signed" if intent.facts.get("signature") else ""
        told = f"{intent.facts.get('consumer')} asked for {asked}{signed}."
        yield Step("Asked", intent.at, told, str(intent.id), intent.facts)
    if outcome:
        facts = outcome.facts
        yield Step("Decided", outcome.at, _decided(facts), str(outcome.id), {"reasons": facts.get("reasons", [])})
        yield Step("Source", outcome.at, _source(facts), str(outcome.id))
        ended = str(facts.get("outcome"))
        yield Step("Outcome", outcome.at, f"It {OUTCOMES.get(ended, ended)}{_released(facts)}.", str(outcome.id), facts)
    for each in later:
        yield Step(_title(each.kind), each.at, _later(each), str(each.id), each.facts)


def _decided(facts: Mapping[str, object]) -> str:
    if facts.get("agreement"):
        told = f"Agreement {facts['agreement']} v{facts.get('agreement_version')}, legal basis {facts.get('basis')}"
        withheld = _listed(facts.get("withheld"))
        return f"{told}; withheld: {withheld}." if withheld else f"{told}; nothing was withheld."
    if facts.get("agreements"):
        return f"Decided for each person, under {_listed(facts['agreements'])}."
    if facts.get("outcome") == "refused_by_rules":
        return "The rules refused it; the reasons are below."
    return "No decision was recorded."


def _source(facts: Mapping[str, object]) -> str:
    provider, outcome = facts.get("provider"), str(facts.get("outcome"))
    if outcome in NOT_ASKED and not facts.get("source_code"):
        return f"{provider} was not asked." if outcome != "unknown" else f"Whether {provider} was asked is not known."
    code = facts.get("source_code")
    return f"{provider} was asked{f' and said {code}' if code else ''}."


def _later(entry: Entry) -> str:
    if entry.kind == "exchange.withheld":
        return f"{entry.facts.get('lines')} lines were taken back before they were fetched: no longer allowed."
    return f"{entry.kind}."


def _title(kind: str) -> str:
    return kind.rpartition(".")[2].replace("_", " ").capitalize()


def _people(facts: Mapping[str, object]) -> str:
    return f"{facts['lines']} people" if facts.get("lines", 1) != 1 else "one person"


def _released(facts: Mapping[str, object]) -> str:
    released = _listed(facts.get("released"))
    return f"; released: {released}" if released else ""


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else ""
