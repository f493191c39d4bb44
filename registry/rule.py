"""Who is on the list of beneficiaries with productive potential: the whole rule, as pure functions of facts.

Every member record flagged as not employed gets exactly one outcome, the first of `OUTCOMES` that applies at the
list date T, with a sorted set of reasons:

    duplicate          another flagged record of the same person has a lower id and carries the outcome
    held               a death that only name and date connect to the person, or a contribution after its month
    deceased           a death on or before T, known by number to national ID or civil registration
    age                outside 18 to 59 completed years at T by every source that answered
    pensioner          an old-age pension in payment in T's month
    no_capacity        a certificate valid at T says so; disability alone never excludes
    student            a full-time enrolment open at T
    already_enrolled   enrolled in employment support at T, or in public works
    active             the fund or the tax office shows work in the last six months each has closed
    to_verify          potentially unemployed, but something is missing, ambiguous or in conflict
    listed             potentially unemployed

The first eight carry their own word only, `active` every active source, the last two every reason that holds. No
answer is never evidence: it neither excludes a person nor shows that the person is without work. Facts carry no
identifier; every threshold is a `Limits` member.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

Known = Literal["held", "none", "unknown"]
State = Literal["ACTIVE", "INACTIVE", "NONE", "AMBIGUOUS", "CONFLICT", "UNAVAILABLE"]

NATIONAL_ID, CIVIL, PENSION, TAX = "national_id", "civil_registration", "pension", "tax"
EDUCATION, ESS = "education", "ess"

READ = frozenset({"answered", "no_data"})
HEARD = READ | {"unknown_person", "ambiguous"}  # the source spoke, if only to say that it does not know
UNAVAILABLE: Mapping[str, str] = {
    "no_link": "no_link",
    "source_stale": "source_stale",
    "refused_by_rules": "refused",
    "refused_by_source": "refused",
    "not_available": "refused",
}
"""Outcome code of the gateway -> what the reason begins with; every other code is `source_down`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds, with the rule page's defaults."""

    youngest: int = 18  # completed years
    oldest: int = 59
    window_months: int = 6
    stale_after_months: int = 2  # before T's month
    ready_level: int = 3  # ISCED 2011


@dataclass(frozen=True, slots=True)
class Said:
    """What one source said about one person.

    Attributes:
        outcome: code of the gateway's outcome table.
        content: the claim's members, or the record's fields.
        as_of: the last day the source is complete for; None without an answer.
        complete: nothing that was asked for was withheld.
    """

    outcome: str
    content: Mapping[str, Any] = field(default_factory=dict)
    as_of: date | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Certificate:
    """A medical finding, valid on both days and between."""

    finding: str  # no_capacity | partial_capacity
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True)
class Facts:
    """What the registry's own record and the sources say about one flagged record.

    `said` is by source. A number that is not held means that its source is not asked, linked or not.
    """

    birth_date: date
    said: Mapping[str, Said] = field(default_factory=dict)
    duplicate: bool = False
    tax_number: Known = "unknown"
    learner_number: Known = "unknown"
    certificate: Certificate | None = None
    public_works: bool = False
    may_be_pushed: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """`verify` names the sources whose answer the counsellor has to find out at outreach."""

    outcome: str
    reasons: tuple[str, ...]
    verify: tuple[str, ...] = ()


def judged(facts: Facts, day: date, limits: Limits | None = None) -> Judgement:
    """The outcome of one flagged record at the list date `day`."""
    case = Case(facts, day, limits or Limits())
    out = next((outcome for outcome, applies in OUT.items() if applies(case)), None)
    if out is not None:
        return Judgement(out, (out,))
    if work := set(signs_of_work(case)):
        return Judgement("active", tuple(sorted(work)))
    doubts = set(doubts_about(case))
    reasons = {reason for reason, _ in doubts} | set(remarks_on(case))
    verify = tuple(sorted({source for _, source in doubts}))
    return Judgement("to_verify" if doubts else "listed", tuple(sorted(reasons)), verify)


def settled(facts: Facts, day: date, limits: Limits | None = None) -> bool:
    """Whether an outcome before `student` applies already, so that nobody else needs to be asked about the person."""
    case = Case(facts, day, limits or Limits())
    return any(applies(case) for outcome, applies in OUT.items() if OUTCOMES.index(outcome) < OUTCOMES.index("student"))


def duplicates(people: Iterable[tuple[str, str]]) -> set[str]:
    """Member ids whose person is carried by a lower one. `people` are (member id, national number in normal form)."""
    carriers: dict[str, str] = {}
    return {member for member, number in sorted(people) if carriers.setdefault(number, member) != member}


@dataclass(frozen=True, slots=True)
class Case:
    """Facts at a day, under limits: what every part of the rule looks at."""

    facts: Facts
    day: date
    limits: Limits

    def missing(self, source: str) -> str:
        """Why a source is unavailable (`no_link_tax`), or empty if it spoke."""
        said = self.facts.said.get(source)
        if said is None:
            return f"source_down_{source}"
        if said.outcome not in HEARD:
            return f"{UNAVAILABLE.get(said.outcome, 'source_down')}_{source}"
        if said.as_of is not None and _months(self.day) - _months(said.as_of) > self.limits.stale_after_months:
            return f"source_stale_{source}"
        return "" if said.complete else f"refused_{source}"

    def heard(self, source: str) -> str:
        """The outcome of a source that spoke, else empty."""
        return "" if self.missing(source) else self.facts.said[source].outcome

    def read(self, source: str) -> Mapping[str, Any]:
        """What a source released; a part that was withheld does not take the rest away. Empty if it is too old."""
        said = self.facts.said.get(source)
        if said is None or said.outcome not in READ or self.missing(source).startswith("source_stale"):
            return {}
        return said.content

    def day_of(self, source: str, member: str) -> date | None:
        """A date in what a source released."""
        value = self.read(source).get(member)
        return date.fromisoformat(value) if value else None

    def in_age(self, birth: date) -> bool:
        """Within the bounds in completed years."""
        years = self.day.year - birth.year - ((self.day.month, self.day.day) < (birth.month, birth.day))
        return self.limits.youngest <= years <= self.limits.oldest


# --- 2 to 8: what takes a person out ----------------------------------------------------------------


def _duplicate(case: Case) -> bool:
    return case.facts.duplicate


def _held(case: Case) -> bool:
    civil = case.day_of(CIVIL, "death_date")
    if civil is not None and civil <= case.day and not _by_number(case):
        return True
    death, paid = death_of(case), _last_contribution(case)
    return death is not None and paid is not None and paid > _months(death)


def _deceased(case: Case) -> bool:
    return death_of(case) is not None


def _age(case: Case) -> bool:
    return not any(case.in_age(birth) for birth in _births(case))


def _pensioner(case: Case) -> bool:
    return case.read(PENSION).get("old_age_pension") is True


def _no_capacity(case: Case) -> bool:
    found = case.facts.certificate
    return found is not None and found.finding == "no_capacity" and found.valid_from <= case.day <= found.valid_until


def _student(case: Case) -> bool:
    return case.read(EDUCATION).get("full_time_student") is True


def _already_enrolled(case: Case) -> bool:
    return case.facts.public_works or case.read(ESS).get("enrolled") is True


OUT: Mapping[str, Callable[[Case], bool]] = {
    "duplicate": _duplicate,
    "held": _held,
    "deceased": _deceased,
    "age": _age,
    "pensioner": _pensioner,
    "no_capacity": _no_capacity,
    "student": _student,
    "already_enrolled": _already_enrolled,
}
OUTCOMES = (*OUT, "active", "to_verify", "listed")


def death_of(case: Case) -> date | None:
    """The earliest death on or before the day that a register connects to the person by number."""
    civil = case.day_of(CIVIL, "death_date") if _by_number(case) else None
    deaths = [each for each in (civil, case.day_of(NATIONAL_ID, "death_date")) if each and each <= case.day]
    return min(deaths, default=None)


def _by_number(case: Case) -> bool:
    return case.read(CIVIL).get("death_matched_by") == "identifier"


def _births(case: Case) -> list[date]:
    """Every source's own: national ID only of a confirmed person."""
    confirmed = case.read(NATIONAL_ID).get("confirmed") is True
    others = (case.day_of(NATIONAL_ID, "birth_date") if confirmed else None, case.day_of(CIVIL, "birth_date"))
    return [case.facts.birth_date, *(each for each in others if each)]


def _last_contribution(case: Case) -> int | None:
    """The last month with a net contribution, counted in months."""
    told = case.read(PENSION)
    if told.get("months_since_last_contribution") is None:
        return None
    year, month = told["closed_month"].split("-")
    return int(year) * 12 + int(month) - 1 - int(told["months_since_last_contribution"])


# --- 9 to 11: work, and what is not known of it -----------------------------------------------------


def pension_state(case: Case) -> State:
    """The fund has no such member: NONE. It knows the member and no contribution in the window: INACTIVE."""
    if case.read(PENSION).get("active") is True:
        return "ACTIVE"
    heard: Mapping[str, State] = {"": "UNAVAILABLE", "unknown_person": "NONE", "ambiguous": "AMBIGUOUS"}
    return heard.get(case.heard(PENSION), "INACTIVE")


def tax_state(case: Case) -> State:
    """Declared to have no tax number: NONE. Number not known, or one that matches nobody: AMBIGUOUS."""
    if case.facts.tax_number != "held":
        return "NONE" if case.facts.tax_number == "none" else "AMBIGUOUS"
    told = case.read(TAX)
    if told.get("paid") is True or told.get("self_employed") is True:
        return "ACTIVE"
    if told.get("open_employment_without_pay") is True:
        return "CONFLICT"
    heard: Mapping[str, State] = {"": "UNAVAILABLE", "unknown_person": "AMBIGUOUS", "ambiguous": "AMBIGUOUS"}
    return heard.get(case.heard(TAX), "INACTIVE")


def signs_of_work(case: Case) -> Iterator[str]:
    """Every active source; one is enough, even if the other is missing."""
    if pension_state(case) == "ACTIVE":
        yield "pension_active"
    if tax_state(case) == "ACTIVE":
        told = case.read(TAX)
        yield from (word for word, key in (("tax_active", "paid"), ("self_employed", "self_employed")) if told.get(key))


def doubts_about(case: Case) -> Iterator[tuple[str, str]]:
    """Every (reason to verify, source it is about)."""
    asked = {NATIONAL_ID, CIVIL, PENSION, ESS}
    asked |= {TAX} if case.facts.tax_number == "held" else set()
    asked |= {EDUCATION} if case.facts.learner_number == "held" else set()
    for source in asked:
        if missing := case.missing(source):
            yield missing, source
    for source in asked - {NATIONAL_ID, TAX}:
        if case.heard(source) == "ambiguous":
            yield "ambiguous_match", source
    if case.heard(NATIONAL_ID) and case.read(NATIONAL_ID).get("confirmed") is not True:
        yield "identity_unconfirmed", NATIONAL_ID
    if not all(case.in_age(birth) for birth in _births(case)):
        yield "birth_date_conflict", NATIONAL_ID
    if tax_state(case) == "AMBIGUOUS":
        yield "ambiguous_match", TAX
    if tax_state(case) == "CONFLICT":
        yield "employment_without_pay", TAX


# --- 12 and 13: what a line carries beside ----------------------------------------------------------


def remarks_on(case: Case) -> Iterator[str]:
    """Readiness, and what else holds without a doubt."""
    yield readiness(case)
    if pension_state(case) == tax_state(case) == "NONE":
        yield "never_contributed"
    if not case.facts.may_be_pushed:
        yield "no_basis_for_push"


def readiness(case: Case) -> str:
    """No record is not "no schooling": without an answer the counsellor finds out at outreach."""
    told = case.read(EDUCATION)
    if case.facts.learner_number != "held" or case.heard(EDUCATION) != "answered" or not told:
        return "assess_at_outreach"
    ready = told.get("technical_qualification") is True or (told.get("highest_level") or 0) >= case.limits.ready_level
    return "labour_ready" if ready else "needs_training"


def _months(day: date) -> int:
    return day.year * 12 + day.month - 1
