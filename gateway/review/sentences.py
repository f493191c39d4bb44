"""An exchange in words that need no explanation: one sentence on top, then what happened, step by step."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from audit import Entry
from audit.wording import KINDS, NEVER_SENT, OUTCOMES
from consent.phrase import Phrase, phrase
from consent.sentences import BASIS_WORDS

from .ruled import Ruling, rulings, withheld_fields

ASKED = "%(consumer)s asked %(provider)s (%(service)s) about %(people)s for the purpose “%(purpose)s”, %(case)s"
VERBS = {
    "push": "%(consumer)s handed data over to %(provider)s (%(service)s) about %(people)s for the purpose"
    " “%(purpose)s”, %(case)s",
    "notify": "%(consumer)s told %(provider)s something (%(service)s) about %(people)s for the purpose “%(purpose)s”,"
    " %(case)s",
    "report": "%(consumer)s reported to %(provider)s (%(service)s) about %(people)s for the purpose “%(purpose)s”,"
    " %(case)s",
}
WANTED = (
    "%(consumer)s wanted to send data to %(provider)s (%(service)s) about %(people)s for the purpose"
    " “%(purpose)s”, %(case)s"
)
NOT_ASKED = frozenset({"refused_by_rules", "no_link", "unknown"})
"""Outcomes of which nobody can say that the source was asked."""

ONE_TAKEN_BACK = "%(n)s line was taken back before it was fetched: no longer allowed."
OTHERWISE = "*"
TAKEN = frozenset({"ack", "rcvd", "succ"})
HANDED = dict.fromkeys(TAKEN, "It was handed to %(provider)s, which confirmed that it has it.") | {
    "": "It was handed to %(provider)s, which said nothing.",
    OTHERWISE: "It was handed to %(provider)s, which answered with its own code %(code)s.",
}
WAS_ASKED = {
    "": "%(provider)s was asked.",
    "ok": "%(provider)s was asked and answered.",
    "succ": "%(provider)s was asked and answered.",
    OTHERWISE: "%(provider)s was asked and answered with its own code %(code)s.",
}
"""What the source said, in words: codes of DCI (G2P Connect) by their meaning, others as codes of the source's own."""


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step. `entry` is the id of the entry that says so, empty for what stands beside the log.

    Attributes:
        result: what came of it, as a code: `recorded`, `allowed`, `refused`, an outcome; empty where nothing did.
        rules: what the rules said at this step.
    """

    title: str
    at: datetime | None
    told: Phrase
    entry: str = ""
    facts: Mapping[str, object] | None = None
    result: str = ""
    rules: Sequence[Ruling] = ()


def one_sentence(intent: Entry | None, outcome: Entry | None) -> Phrase:
    """Who asked whom for what, why, about how many, and how it ended."""
    known = intent or outcome
    if known is None:
        return Phrase("The log has no entry of this exchange.")
    asked = _asked(known.facts, [outcome.facts] if outcome else [])
    if outcome is None:
        return phrase("%(asked)s; how it ended is not recorded.", asked=asked)
    ended = Phrase(OUTCOMES.get(str(outcome.facts.get("outcome")), "ended otherwise"))
    released = _listed(outcome.facts.get("released"))
    if released:
        return phrase("%(asked)s; it %(ended)s; released: %(fields)s.", asked=asked, ended=ended, fields=released)
    return phrase("%(asked)s; it %(ended)s.", asked=asked, ended=ended)


def own_sentence(batch: Entry, own: Sequence[Mapping[str, object]]) -> Phrase:
    """Of a batch: who asked whom for what about how many, and how it ended for one of these people.

    Args:
        own: what each line about the person was decided, as `batch_decision` keeps it.
    """
    told = _asked(batch.facts, own)
    for line in own:
        ended = Phrase(OUTCOMES.get(str(line.get("outcome")), "ended otherwise"))
        told = phrase("%(told)s; about this person it %(ended)s", told=told, ended=ended)
        if fields := _listed(line.get("released")):
            told = phrase("%(told)s; released: %(fields)s", told=told, fields=fields)
    return phrase("%(told)s.", told=told)


def _asked(facts: Mapping[str, object], ends: Sequence[Mapping[str, object]]) -> Phrase:
    action = str(facts.get("action"))
    sent = not ends or any(each.get("outcome") not in NEVER_SENT for each in ends)
    return phrase(
        VERBS.get(action, ASKED) if sent or action not in VERBS else WANTED,
        consumer=facts.get("consumer"),
        provider=facts.get("provider"),
        service=facts.get("service"),
        people=_people(facts),
        purpose=facts.get("purpose"),
        case=Phrase("under a case" if facts.get("case_ref") else "without a case"),
    )


def steps(intent: Entry | None, outcome: Entry | None, later: Sequence[Entry]) -> Iterator[Step]:
    """What the entries of an exchange say, in the order in which it happened."""
    if intent:
        yield Step("Asked", intent.at, _question(intent.facts), str(intent.id), intent.facts, "recorded")
    if outcome:
        facts = outcome.facts
        reasons, code = {"reasons": facts.get("reasons", [])}, str(facts.get("outcome"))
        said = (_decision(facts), rulings(facts))
        yield Step("Decided", outcome.at, _decided(facts), str(outcome.id), reasons, *said)
        yield Step("Source", outcome.at, _source(facts), str(outcome.id))
        yield Step("Outcome", outcome.at, _ended(facts), str(outcome.id), facts, code)
    for each in later:
        yield Step(_title(each.kind), each.at, _later(each), str(each.id), each.facts)


def _question(facts: Mapping[str, object]) -> Phrase:
    if facts.get("action") in VERBS:
        text = "%(consumer)s sent %(fields)s."
        return phrase(text, consumer=facts.get("consumer"), fields=_listed(facts.get("asked")) or Phrase("nothing"))
    text = "%(consumer)s asked for %(fields)s."
    if facts.get("signature"):
        text = "%(consumer)s asked for %(fields)s; the request was signed."
    return phrase(text, consumer=facts.get("consumer"), fields=_listed(facts.get("asked")))


def _decision(facts: Mapping[str, object]) -> str:
    if facts.get("outcome") == "refused_by_rules":
        return "refused"
    return "allowed" if facts.get("agreement") or facts.get("agreements") else ""


def _decided(facts: Mapping[str, object]) -> Phrase:
    if facts.get("outcome") == "refused_by_rules":
        return Phrase("The rules refused it; the reasons are below.")
    if facts.get("agreement"):
        known = {"agreement": facts["agreement"], "version": facts.get("agreement_version"), "basis": _basis(facts)}
        text = "Agreement %(agreement)s v%(version)s, legal basis %(basis)s; nothing was withheld."
        if withheld := withheld_fields(facts):
            text = "Agreement %(agreement)s v%(version)s, legal basis %(basis)s; withheld: %(fields)s."
            known["fields"] = withheld
        return phrase(text, **known)
    if facts.get("agreements"):
        return phrase("Decided for each person, under %(agreements)s.", agreements=_listed(facts["agreements"]))
    return Phrase("No decision was recorded.")


def _basis(facts: Mapping[str, object]) -> Phrase:
    code = str(facts.get("basis"))
    return Phrase(BASIS_WORDS.get(code, code))


def _source(facts: Mapping[str, object]) -> Phrase:
    provider, outcome = facts.get("provider"), str(facts.get("outcome"))
    if outcome in NOT_ASKED and not facts.get("source_code"):
        text = "%(provider)s was not asked." if outcome != "unknown" else "Whether %(provider)s was asked is not known."
        return phrase(text, provider=provider)
    code = str(facts.get("source_code") or "")
    told = HANDED if facts.get("action") in VERBS else WAS_ASKED
    return phrase(told.get(code.casefold(), told[OTHERWISE]), provider=provider, code=code)


def _ended(facts: Mapping[str, object]) -> Phrase:
    code = str(facts.get("outcome"))
    ended = Phrase(OUTCOMES.get(code, code))
    if released := _listed(facts.get("released")):
        return phrase("It %(ended)s; released: %(fields)s.", ended=ended, fields=released)
    if isinstance(counts := facts.get("outcomes"), dict):
        return phrase("It %(ended)s; person by person: %(counts)s.", ended=ended, counts=_counted(counts))
    return phrase("It %(ended)s.", ended=ended)


def _counted(counts: Mapping[str, int]) -> tuple[Phrase, ...]:
    """The outcomes of a batch, the most frequent first."""
    often = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return tuple(phrase("%(ended)s (%(n)s)", ended=Phrase(OUTCOMES.get(code, code)), n=n) for code, n in often)


def _later(entry: Entry) -> Phrase:
    if entry.kind == "exchange.withheld":
        n, text = entry.facts.get("lines"), "%(n)s lines were taken back before they were fetched: no longer allowed."
        return phrase(text if n != 1 else ONE_TAKEN_BACK, n=n)
    return phrase("%(what)s.", what=Phrase(KINDS.get(entry.kind, entry.kind)))


def delivered(state: str, receiver_state: str) -> Phrase:
    """How far a delivery has come."""
    if receiver_state.casefold() in TAKEN:
        return phrase("The delivery is %(state)s; the receiver confirmed that it has it.", state=Phrase(state))
    if receiver_state:
        return phrase(
            "The delivery is %(state)s; the receiver says %(receiver)s.", state=Phrase(state), receiver=receiver_state
        )
    return phrase("The delivery is %(state)s.", state=Phrase(state))


def _title(kind: str) -> str:
    return kind.rpartition(".")[2].replace("_", " ").capitalize()


def _people(facts: Mapping[str, object]) -> Phrase:
    if facts.get("of_a_thing"):
        return Phrase("no person")
    return phrase("%(n)s people", n=facts["lines"]) if facts.get("lines", 1) != 1 else Phrase("one person")


def _listed(value: object) -> tuple[str, ...]:
    """Ids, each of which a page may name."""
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()
