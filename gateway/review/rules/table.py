"""The rules, as rows: name, what was seen, why it matters, what to do, how it looks."""

from ..errors import NothingFound
from . import amounts, grants, traces
from .rule import Rule

RULES = (
    Rule(
        "open_intent",
        "An exchange was begun and never ended, or was cut off.",
        "Whether data left the gateway is not known.",
        "Ask the consumer whether it received an answer; record what it says, then sign off.",
        traces.open_intents,
    ),
    Rule(
        "release_outside_grant",
        "Fields were released that the agreement, as it stood then, does not grant.",
        "Somebody received data without a right to it; it may be a breach.",
        "Stop the agreement, open a breach case for it, and tell the data-protection officer.",
        grants.outside_grant,
        four_eyes=True,
    ),
    Rule(
        "volume_above_agreement",
        "More was asked in an hour, on a day or in one batch than the agreement allows.",
        "The limit was agreed because of the risk to people.",
        "Ask the consumer why; raise the quota by an amendment, or suspend the agreement.",
        amounts.above_agreement,
    ),
    Rule(
        "volume_above_history",
        "A system asked a service three times as much as on any day of the four weeks before.",
        "Stolen credentials and curious staff look like this.",
        "Ask the consumer which process did it; compare with its cases.",
        amounts.above_history,
    ),
    Rule(
        "many_subjects_without_case",
        "A system asked about many people in one day without naming a case.",
        "Nobody can say later why each of these people was looked up.",
        "Ask for the list of cases; if there is none, treat it as misuse. Let the agreement require a case.",
        amounts.without_case,
        four_eyes=True,
    ),
    Rule(
        "officer_without_case",
        "One officer of a system asked about many people in one day without naming a case.",
        "Curiosity, or selling what is looked up, looks like this.",
        "Ask the consumer who the officer is and for the list of cases; if there is none, treat it as misuse.",
        amounts.officer_without_case,
        four_eyes=True,
    ),
    Rule(
        "out_of_hours",
        "Single questions were asked outside office hours or on a holiday.",
        "Single questions come from people; people who ask at night may be hiding.",
        "Ask the consumer who worked then; batches at night are not meant.",
        amounts.out_of_hours,
    ),
    Rule(
        "widening_before_burst",
        "An agreement was widened, and within a week was used five times as much as before.",
        "An amendment may have been made for one big extraction.",
        "Read the difference of the versions and the approval; ask both members.",
        amounts.burst_after_widening,
        four_eyes=True,
    ),
    Rule(
        "many_misses",
        "At least half of a system's many questions were refused or found nobody.",
        "Numbers are being tried, or a system is set up wrongly.",
        "Ask the consumer; suspend the system if it cannot explain it.",
        amounts.many_misses,
    ),
    Rule(
        "miss_rate_alarm",
        "Within one hour most of a system's questions were refused or found nobody, and the gateway raised the alarm.",
        "Somebody may be trying numbers at this moment.",
        "Suspend the system at once if it cannot explain it; then look at what was answered in that hour.",
        traces.miss_rates,
    ),
    Rule(
        "schema_drift",
        "An agency's answers changed: members that nobody knows, or answers that break the agency's own schema.",
        "What the gateway makes of such answers may be wrong, and new members may be data that nobody agreed on.",
        "Ask the agency what changed; compare a new version of its adapter as a shadow, then release it.",
        traces.drifts,
    ),
    Rule(
        "replay_mismatch",
        "Deciding an exchange again, on the facts as they were, gives another verdict.",
        "The decision, the facts or the log were changed, or the rules have a fault.",
        "Stop the service, compare both verdicts with the facts, and check the log.",
        four_eyes=True,
    ),
    Rule(
        "dialect_downgrade",
        "A system sent messages in a weaker form than was agreed with it.",
        "Somebody may be trying what the gateway still accepts.",
        "Ask the system's technical contact; the messages were refused.",
        traces.downgrades,
    ),
    Rule(
        "log_integrity",
        "The log raised an alarm, or an exchange has more than one outcome, or one without an intent.",
        "Evidence may have been changed, or shown to others differently.",
        "Stop publishing, keep everything, run `sandhi audit verify`, and call the witnesses.",
        traces.integrity,
        four_eyes=True,
    ),
    Rule(
        "turn_postponed",
        "The log's year is over, but it could not be closed: those outside who vouch for its end did not.",
        "Until it is closed the old year goes on; a log that never closes is harder to archive and to check.",
        "See what is lacking, and speak to the witness or the time-stamping authority; the gateway tries again itself.",
        traces.turns_postponed,
    ),
    Rule(
        "statement_disputed",
        "A member disputes the statement of the calls made in its name.",
        "Somebody may have used its credentials, or the record is wrong.",
        "Compare its own records with the exchanges of the month, line by line.",
        four_eyes=True,
    ),
)
_BY_NAME = {each.name: each for each in RULES}


def rule_named(name: str) -> Rule:
    """One rule. Raises NothingFound."""
    if name not in _BY_NAME:
        raise NothingFound("rule")
    return _BY_NAME[name]
