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
NEVER_SENT = frozenset({"refused_by_rules", "no_link"})
"""Outcomes of which nothing reached the other side: what was to be handed over was not."""
KINDS = {
    "agreement.recorded": "An agreement that both sides signed was recorded",
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
    "evidence.read": "Somebody read evidence",
    "citizen.read": "A person looked at what is known about them",
    "settings.changed": "Settings of the gateway differ from those of its last start",
    "adapter.linked": "A link to an agency was made",
    "adapter.changed": "How an agency is asked was changed",
    "adapter.unlinked": "A link to an agency was taken away",
    "adapter.proposed": "An agency brought a version of its adapter",
    "adapter.tested": "A version of an adapter was tested",
    "adapter.inputs_set": "Addresses or secrets of an adapter were set",
    "adapter.released": "A version of an adapter was put on line",
    "adapter.rolled_back": "An earlier version of an adapter was put on line again",
    "adapter.withdrawn": "A version of an adapter was taken off line",
    "adapter.share_lowered": "A version of an adapter answers less than before",
    "adapter.retired": "A version of an adapter was retired",
    "adapter.outage_planned": "An agency announced that it will be off line",
    "adapter.outage_ended": "An announced outage was ended or called off",
    "alarm.schema_drift": "An agency's answers changed their shape",
    "member.registered": "A member was registered",
    "member.changed": "What is known of a member was changed",
    "member.suspended": "A member was suspended",
    "member.active": "A member was let in again",
    "member.retired": "A member was retired for good",
    "system.registered": "A system was registered",
    "system.changed": "What is known of a system was changed",
    "system.active": "A system was let in again",
    "system.suspended": "A system was suspended",
    "system.retired": "A system was retired for good",
    "system.policy_changed": "How a system proves who it is was changed",
    "system.secret_made": "A system was given a secret",
    "system.secret_withdrawn": "The secret of a system was withdrawn",
    "key.added": "A key was added",
    "key.retired": "A key was retired",
    "officer.registered": "An officer was registered",
    "officer.active": "An officer was let in again",
    "officer.suspended": "An officer was suspended",
    "officer.retired": "An officer was retired for good",
    "officer.signed_in": "An officer signed in",
    "officer.signed_out": "An officer signed out",
    "role.granted": "An officer was given a role",
    "role.revoked": "A role was taken from an officer",
    "approval.proposed": "A change that takes two officers was proposed",
    "approval.approved": "A second officer approved a change",
    "approval.rejected": "A second officer rejected a change",
    "approval.withdrawn": "A proposed change was withdrawn",
    "signature.downgrade": "A message came in a weaker form than agreed, and was refused",
    "answer.withheld": "A record that waited was taken back before it was told",
    "exchange.withheld": "Lines of a batch were taken back before they were fetched",
    "erasure.due": "A recipient has to erase what it received",
    "erasure.acknowledged": "A recipient says that it erased what it received",
    "erasure.overdue": "A recipient is late to erase what it received",
    "finding.opened": "Something unusual was found",
    "finding.assigned": "A finding was given to an officer",
    "finding.remarked": "Somebody remarked on a finding",
    "finding.signed_off": "A finding was signed off",
    "report.planned": "A report was planned",
    "report.unplanned": "A report is planned no more",
    "report.written": "A report was written",
    "sample.planned": "A random sample was planned",
    "sample.drawn": "A random sample was drawn",
    "sample.checked": "An exchange of a sample was checked",
    "sample.signed_off": "A random sample was signed off",
    "statement.issued": "The statements of a month were issued",
    "statement.countersigned": "A system countersigned its statement",
    "statement.disputed": "A system disputes its statement",
    "subject_access.received": "Somebody asked what is known about them",
    "subject_access.handed": "Who asked what is known about them was answered",
    "breach.opened": "A breach case was opened",
    "breach.notified": "The authority was told of a breach",
    "drill.started": "A drill began: the log was stopped on purpose",
    "drill.ended": "A drill ended",
    "adapter.code_mapped": "It was said what a code of an agency means",
    "agreement.widened": "An amendment that widens an agreement took over",
    "campaign.accepted": "A campaign of questions was accepted",
    "campaign.done": "A campaign of questions is done",
    "consent_record.deleted": "A record of consent was deleted",
    "consent_record.revised": "A record of consent was revised",
    "consumer.approved": "An agency approved a consumer",
    "consumer.stopped": "An agency stopped a consumer",
    "consumers.approved_each": "An agency approves each consumer from now on",
    "contest.opened": "A person contested a record",
    "contest.closed": "A contest of a record ended",
    "control.ended": "An agency took a stop or an approval of a consumer back",
    "event.told": "An event was told to a subscriber",
    "key_set.in_force_again": "The published keys of a system could be fetched again",
    "keystore.rewrapped": "The gateway's own keys were locked anew",
    "letters.dropped": "Work that was stuck was given up",
    "letters.released": "Work that was stuck was sent again",
    "mediator.configured": "The channels of a mediator were described",
    "message.accepted": "A message was accepted",
    "message.answered": "A message was answered",
    "proposal.proposed": "An agreement was proposed",
    "proposal.signed": "A member signed a proposed agreement",
    "proposal.recorded": "A proposed agreement was signed by both and put in force",
    "proposal.rejected": "A proposed agreement was rejected",
    "proposal.withdrawn": "A proposed agreement was withdrawn",
    "pubsub.event_type.created": "A kind of event was created",
    "pubsub.event_type.removed": "A kind of event was removed",
    "pubsub.subscribed": "A system subscribed to a kind of event",
    "pubsub.subscription.changed": "A system changed its subscription to a kind of event",
    "pubsub.unsubscribed": "A system ended its subscription to a kind of event",
    "pubsub.published": "An event was published",
    "pubsub.stopped": "An event was stopped before it was delivered",
    "pubsub.delivery": "The delivery of an event ended",
    "subscription.changed": "A subscription was changed",
    "subscription.recorded": "A subscription was recorded",
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
    return f", about {facts['lines']} {'person' if facts['lines'] == 1 else 'people'}" if "lines" in facts else ""


def _text(facts: Mapping[str, object], name: str) -> str:
    return str(facts.get(name) or f"(no {name})")


def _flat(value: object) -> str:
    """As text: of a table in a table only the name, for what is in it is for machines."""
    if isinstance(value, Mapping):
        return ", ".join(name if isinstance(each, Mapping) else f"{name} {_flat(each)}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
