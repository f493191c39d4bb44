"""How good an adapter is: bronze, silver, gold. A grade asks for all its rules and those of the grades below.

A folder may be excused from a rule: `[exempt]` in `samples/conformance.toml`, rule -> reason. The reason is shown
beside the grade, so whoever approves reads it. Rules of bronze have no excuse.

Source: Home Assistant's quality scale (rules in tiers, `exempt` with a comment).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.kit.faults import FAULTS

from .checking import Result, Trial
from .probing import Verdict

GRADES = ("none", "bronze", "silver", "gold")
SHORTEST_REASON = 10


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the scale. `broken` gives the words for each thing that breaks it."""

    name: str
    grade: str
    broken: Callable[[Trial, Sequence[Verdict]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Grade:
    """The grade, and each rule: `done`, `exempt` with the reason, or `todo` with what is missing."""

    name: str
    rules: Mapping[str, Mapping[str, str]]

    def document(self) -> dict[str, Any]:
        """As it is kept and shown."""
        return {"grade": self.name, "rules": {name: dict(each) for name, each in self.rules.items()}}


def graded(trial: Trial, probe: Sequence[Verdict]) -> Grade:
    """The grade of a dry run and a probe of the test endpoint (empty: not probed)."""
    rules = {rule.name: _standing(rule, trial, probe) for rule in RULES}
    name = "none"
    for grade in GRADES[1:]:
        if any(rules[rule.name]["standing"] == "todo" for rule in RULES if rule.grade == grade):
            break
        name = grade
    return Grade(name, rules)


def _standing(rule: Rule, trial: Trial, probe: Sequence[Verdict]) -> dict[str, str]:
    told = "; ".join(rule.broken(trial, probe))
    if not told:
        return {"grade": rule.grade, "standing": "done"}
    reason = " ".join(trial.exempt.get(rule.name, "").split())
    if rule.grade != "bronze" and len(reason) >= SHORTEST_REASON:
        return {"grade": rule.grade, "standing": "exempt", "reason": reason[:300]}
    return {"grade": rule.grade, "standing": "todo", "missing": told[:1000]}


def _failed(kept: Callable[[Result], bool]) -> Callable[[Trial, Sequence[Verdict]], Iterable[str]]:
    def broken(trial: Trial, _: Sequence[Verdict]) -> Iterable[str]:
        chosen = [each for each in trial.results if kept(each)]
        return [f"{each.check}: {each.fault}" for each in chosen if each.fault] if chosen else ["nothing was checked"]

    return broken


def _never_answering(trial: Trial, _: Sequence[Verdict]) -> Iterable[str]:
    return [each.fault for each in trial.results if each.check.startswith("answered_") and each.fault]


def _left_to_change(trial: Trial, _: Sequence[Verdict]) -> Iterable[str]:
    return [each.fault for each in trial.results if each.check == "nothing_left_to_change" and each.fault]


def _unread(_: Trial, probe: Sequence[Verdict]) -> Iterable[str]:
    return [f"{each.service}: {each.detail}" for each in probe if each.schema == "malformed"]


def _is_fault_check(result: Result) -> bool:
    return result.check.startswith(tuple(f"{name}_" for name in FAULTS)) and not result.check.startswith("golden_")


def _refused(
    probe: Sequence[Verdict], good: Callable[[Verdict], bool], told: Callable[[Verdict], str]
) -> Iterable[str]:
    if not probe:
        return ["the test endpoint was not asked yet"]
    return [f"{each.service}: {told(each)}" for each in probe if not good(each)]


def _answering(_: Trial, probe: Sequence[Verdict]) -> Iterable[str]:
    return _refused(probe, lambda each: each.good, lambda each: each.detail)


def _encrypted(_: Trial, probe: Sequence[Verdict]) -> Iterable[str]:
    return _refused(probe, lambda each: each.connection == "ok", lambda each: each.connection.replace("_", " "))


RULES = (
    Rule("declared", "bronze", _failed(lambda each: each.check in {"manifest", "mapping", "settings"})),
    Rule("samples", "bronze", _failed(lambda each: each.check.startswith("golden_"))),
    Rule("a_sample_fails", "bronze", _failed(lambda each: each.check == "a_golden_sample_fails")),
    Rule("a_sample_answers", "bronze", _never_answering),
    Rule("answer_read", "bronze", _unread),
    Rule("faults_named", "silver", _failed(_is_fault_check)),
    Rule("endpoint_answers", "silver", _answering),
    Rule("answer_schema", "silver", lambda trial, _: trial.unchecked),
    Rule("fields_shown", "gold", lambda trial, _: trial.unshown),
    Rule("each_service_fails", "gold", lambda trial, _: trial.never_failing),
    Rule("readme", "gold", lambda trial, _: () if trial.readme else ["README.md is missing"]),
    Rule("finished", "gold", _left_to_change),
    Rule("encrypted", "gold", _encrypted),
)
