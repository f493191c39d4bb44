"""An entry in one sentence that a lawyer can read: only what the entry says."""

from collections.abc import Mapping

from .entry import INTENT, OUTCOME, Entry

OUTCOMES = {
    "answered": "was answered",
    "no_data": "found no data for the period asked",
    "unknown_person": "was about a person whom the source does not know",
    "ambiguous": "did not surely find one person",
    "refused_by_rules": "was refused by the rules",
    "refused_by_source": "was refused by the source",
    "our_error": "failed, for our message was wrong for the source",
    "source_down": "failed, for the source did not answer",
    "source_stale": "was not answered, for the source's data is older than the agreement allows",
    "no_link": "could not be asked, for there is no link to the source",
    "unknown": "was cut off; whether data left is not known",
}
KINDS = {
    "agreement.recorded": "An agreement was put in force",
    "agreement.refused": "An agreement was refused",
    "agreement.suspended": "An agreement was suspended",
    "agreement.resumed": "An agreement was resumed",
    "agreement.ended": "An agreement was ended",
    "consent.recorded": "Consents were recorded",
    "consent.withdrawn": "Consents were withdrawn",
    "objection.recorded": "An objection was recorded",
    "objection.lifted": "An objection was lifted",
    "relationship.declared": "Relationships with people were declared",
    "relationship.ended": "A relationship with a person was ended",
    "agreement.notice": "The end or the review of an agreement was announced",
    "emergency.used": "A legal basis for emergencies was used",
    "emergency.reviewed": "The use in an emergency was reviewed",
    "emergency.overdue": "The use in an emergency was not reviewed in time",
    "alarm.miss_rate": "A consumer missed so often that somebody may be trying numbers",
    "subscription.ended": "A subscription ended with its agreement",
    "anchor.recorded": "A time-stamping authority confirmed the log",
    "log.closed": "This log was closed and goes on as another",
    "log.turn_postponed": "The year of the log was not closed, for nobody outside vouched for it",
    "log.opened": "This log goes on from the one before",
    "log.key_changed": "The key of the log was changed",
    "log.watched": "Other witnesses or time stamps watch the log from now on",
    "log.alarm_cleared": "A person decided to go on publishing after an alarm",
    "details.erased": "Details were erased",
    "details.expired": "Details were erased, for they had been kept as long as they may be",
    "hold.placed": "A legal hold was placed",
    "hold.lifted": "A legal hold was lifted",
}


def sentence(entry: Entry) -> str:
    """What happened, in one sentence without a time."""
    facts = entry.facts
    if entry.kind == INTENT:
        asked = f"{_text(facts, 'consumer')} asked {_text(facts, 'provider')} for {_text(facts, 'service')}"
        return f"{asked}, purpose {_text(facts, 'purpose')}{_people(facts)}."
    if entry.kind == OUTCOME:
        return _outcome(facts)
    rest = ", ".join(f"{name} {_flat(value)}" for name, value in sorted(facts.items()) if name != "checkpoint")
    return f"{KINDS.get(entry.kind, entry.kind)}{f': {rest}' if rest else ''}."


def _outcome(facts: Mapping[str, object]) -> str:
    ended = OUTCOMES.get(str(facts.get("outcome")), f"ended as {facts.get('outcome')}")
    told = f"What {_text(facts, 'consumer')} asked {_text(facts, 'provider')} for ({_text(facts, 'service')}) {ended}"
    if released := facts.get("released"):
        told += f"; released: {_flat(released)}"
    if "agreement" in facts:
        told += f"; under agreement {_text(facts, 'agreement')}, basis {_text(facts, 'basis')}"
    return f"{told}{_people(facts)}."


def _people(facts: Mapping[str, object]) -> str:
    return f", about {facts['lines']} people" if "lines" in facts else ""


def _text(facts: Mapping[str, object], name: str) -> str:
    return str(facts.get(name) or f"(no {name})")


def _flat(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
