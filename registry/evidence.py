"""What a line rests on, in words: per source, what it said or why it said nothing, and what the rule makes of it.

A text is a phrase as pages say it, `{"text", "values"}`, with `text` a key of `pages/words`. Nothing is judged here:
states, doubts and readiness are those of `rule`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pages.moments import MONTHS

from .checks import CHECKS
from .facts import SOURCE_OF
from .rule import (
    CIVIL,
    EDUCATION,
    ESS,
    NATIONAL_ID,
    PENSION,
    READ,
    TAX,
    Case,
    doubts_about,
    pension_state,
    tax_state,
)
from .store import Row

Phrase = dict[str, Any]
RULES: Mapping[str, str] = {
    NATIONAL_ID: "Rules 2 to 4 (identity, death, age)",
    CIVIL: "Rules 2 to 4 (identity, death, age)",
    PENSION: "Rules 5 and 9 (old-age pension, contributions)",
    TAX: "Rule 10 (pay and self-employment)",
    EDUCATION: "Rules 7 and 12 (studies, readiness)",
    ESS: "Rule 8 (already enrolled)",
}
"""Source -> the rows of the rule that its answer decides."""
STATES: Mapping[str, str] = {
    "ACTIVE": "it shows work",
    "INACTIVE": "it shows no work",
    "NONE": "not registered there, so it shows no work",
}
SILENCE: Mapping[str, str] = {
    "unknown_person": "It does not know a person with this number.",
    "ambiguous": "It could not tell which of several records is meant.",
    "no_data": "It knows the person and has nothing on record.",
    "no_link": "Not asked: it is not linked yet.",
    "refused_by_rules": "Not asked: no consent, agreement or statute allowed the question.",
    "refused_by_source": "It refused to answer.",
    "not_available": "Refused: it gives us no answer about this person.",
    "source_stale": "Its records are too old.",
}
"""Outcome without content -> why; every other one is a source that did not answer."""
DOWN = "It did not answer."
NUMBERS: Mapping[str, tuple[str, str]] = {
    TAX: (
        "Not asked: the person declared to have no tax number.",
        "Not asked: the person's tax number is not known.",
    ),
    EDUCATION: (
        "Not asked: the person declared to have no learner number.",
        "Not asked: the person's learner number is not known.",
    ),
}
"""Source -> why nobody was asked: declared not to exist, not known."""

REMARKS: Mapping[str, set[str]] = {
    EDUCATION: {"labour_ready", "needs_training", "assess_at_outreach"},
    PENSION: {"never_contributed"},
    TAX: {"never_contributed"},
}
"""Source -> reasons that are no doubts and rest on it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One source about one person.

    Attributes:
        name: what it is called.
        said: what it told, or why it told nothing.
        follows: which rows of the rule it decides, and how.
        reasons: those of the line that rest on it.
        exchange: id of the exchange; empty where it was not asked.
        as_of: last day for which it is complete, ISO 8601; empty where it told none.
    """

    name: str
    said: tuple[Phrase, ...]
    follows: Phrase
    reasons: tuple[str, ...]
    exchange: str
    as_of: str


def heard(case: Case, answers: list[Row], reasons: list[str]) -> list[Heard]:
    """Every source of the rule, asked or not.

    Args:
        answers: rows of `facts.answers_about`, on which the case rests, too.
        reasons: those of the line as it was judged.
    """
    by_step = {row["step"]: row for row in answers}
    doubts = set(doubts_about(case))
    return [
        _heard(case, step, by_step.get(step), {reason for reason, about in doubts if about == source}, reasons)
        for step, source in SOURCE_OF.items()
    ]


def said(case: Case, source: str) -> Iterator[Phrase]:
    """What a source told, sentence by sentence, or why it told nothing."""
    answer = case.facts.said.get(source)
    if answer is None:
        yield phrase(_not_asked(case, source))
        return
    if answer.outcome not in READ or not answer.content:
        yield phrase(SILENCE.get(answer.outcome, DOWN))
        return
    yield from TOLD[source](case, answer.content)
    if not answer.complete:
        yield phrase("A part of its answer was withheld.")
    if answer.as_of is not None and case.missing(source).startswith("source_stale"):
        yield phrase("Its records end on %(day)s, too early for this list.", day={"day": answer.as_of.isoformat()})


def phrase(text: str, **values: object) -> Phrase:
    """A text of ours with its values."""
    return {"text": text, "values": values}


def _heard(case: Case, step: str, row: Row | None, doubts: set[str], reasons: list[str]) -> Heard:
    source, title = SOURCE_OF[step], CHECKS[step].title
    own = doubts | REMARKS.get(source, set())
    return Heard(
        name=title[0].upper() + title[1:],
        said=tuple(said(case, source)),
        follows=phrase(
            "%(rule)s: %(result)s", rule=phrase(RULES[source]), result=phrase(_result(case, source, doubts))
        ),
        reasons=tuple(each for each in reasons if each in own),
        exchange=row["exchange_id"] if row else "",
        as_of=(row["as_of"] or "") if row else "",
    )


def _result(case: Case, source: str, doubts: set[str]) -> str:
    if doubts:
        return "to verify"
    states = {PENSION: pension_state, TAX: tax_state}
    return STATES[states[source](case)] if source in states else "nothing against the person"


def _not_asked(case: Case, source: str) -> str:
    if source not in NUMBERS:
        return "Not asked."
    declared, unknown = NUMBERS[source]
    known = case.facts.tax_number if source == TAX else case.facts.learner_number
    return {"none": declared, "unknown": unknown}.get(known, "Not asked.")


def _identity(_: Case, told: Mapping[str, Any]) -> Iterator[Phrase]:
    if "confirmed" in told:
        yield phrase("It confirms the person." if told["confirmed"] else "It does not confirm the person.")
    yield from _life(told)


def _civil(_: Case, told: Mapping[str, Any]) -> Iterator[Phrase]:
    yield from _life(told)
    if told.get("death_date") and told.get("death_matched_by") != "identifier":
        yield phrase("The death was found by name and date only.")


def _life(told: Mapping[str, Any]) -> Iterator[Phrase]:
    if told.get("birth_date"):
        yield phrase("Born on %(day)s.", day={"day": told["birth_date"]})
    if told.get("death_date"):
        yield phrase("Died on %(day)s.", day={"day": told["death_date"]})
    elif "death_date" in told:
        yield phrase("No death is known.")


def _pension(_: Case, told: Mapping[str, Any]) -> Iterator[Phrase]:
    closed, since = told.get("closed_month"), told.get("months_since_last_contribution")
    if closed and since is not None:
        last = _earlier(closed, int(since))
        yield phrase(
            "Last contribution: %(month)s." if told.get("active") else "No contributions since %(month)s.", month=last
        )
    elif "active" in told:
        yield phrase("It has contributions." if told["active"] else "No contributions on record.")
    if "old_age_pension" in told:
        yield phrase("It pays an old-age pension." if told["old_age_pension"] else "It pays no old-age pension.")


def _tax(case: Case, told: Mapping[str, Any]) -> Iterator[Phrase]:
    if "paid" in told:
        text = "Pay in the %(n)s months to %(month)s." if told["paid"] else "No pay in the %(n)s months to %(month)s."
        yield phrase(text, n=case.limits.window_months, month=_earlier(told["closed_month"], 0))
    if "self_employed" in told:
        yield phrase("Self-employed." if told["self_employed"] else "Not self-employed.")
    if told.get("open_employment_without_pay"):
        yield phrase("An employment is open and pays nothing.")


def _education(_: Case, told: Mapping[str, Any]) -> Iterator[Phrase]:
    if told.get("highest_level") is not None:
        yield phrase("Highest level completed: ISCED %(level)s.", level=told["highest_level"])
    elif "highest_level" in told:
        yield phrase("No completed level on record.")
    if "technical_qualification" in told:
        has = told["technical_qualification"]
        yield phrase("Has a technical qualification." if has else "Has no technical qualification.")
    if "full_time_student" in told and told["full_time_student"] is None:
        yield phrase("Studies, and whether full-time is not known.")
    elif "full_time_student" in told:
        yield phrase("Studies full-time." if told["full_time_student"] else "Does not study full-time.")


def _enrolment(_: Case, told: Mapping[str, Any]) -> Iterator[Phrase]:
    if "enrolled" in told:
        yield phrase("Is enrolled." if told["enrolled"] else "Is not enrolled.")


TOLD: Mapping[str, Callable[[Case, Mapping[str, Any]], Iterator[Phrase]]] = {
    NATIONAL_ID: _identity,
    CIVIL: _civil,
    PENSION: _pension,
    TAX: _tax,
    EDUCATION: _education,
    ESS: _enrolment,
}


def _earlier(month: str, by: int) -> Phrase:
    """A month so many before `YYYY-MM`, in words."""
    year, of_year = map(int, month.split("-"))
    whole, place = divmod(year * 12 + of_year - 1 - by, 12)
    return phrase("%(month)s %(year)s", month=phrase(MONTHS[place]), year=whole)
