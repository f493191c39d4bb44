"""What each source answers about one member record: the facts of the rule page, rows 2, 3, 5, 8, 9, 10 and 12.

An answer is a frozen value, or `Unavailable` with the reason. A source is unavailable when it is not linked, when
the person gave no consent to asking it, when it refuses, and when its own data is stale. Sources are named by their
agency: national_id, civil_registration, tax, pension, education, ess.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from .months import closed_tax_year, month_from, month_of
from .nic import normal
from .person import CivilRecord, EducationRecord, NationalIdRecord, PensionRecord, SrRecord, TaxEmployment, TaxRecord
from .world import Registers

WINDOW = 6  # months, ending with the source's closed month
STALE_AFTER = 2  # months before the list date's month
TAX_LAG = 1  # months behind the list date's month that the tax office has closed

SERVICES = {
    "national_id": "national_id.identity",
    "civil_registration": "civil_registration.vital_events",
    "tax": "tax.employment",
    "pension": "pension.contributions",
    "education": "education.attainment",
    "ess": "ess.enrolment",
}


@dataclass(frozen=True, slots=True)
class Unavailable:
    reason: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Dates only of a confirmed person."""

    confirmed: bool
    birth_date: date | None = None
    death_date: date | None = None


@dataclass(frozen=True, slots=True)
class Vital:
    """`named_death` is a death that only name and birth date connect to the person."""

    birth_date: date | None
    death_date: date | None
    named_death: bool


@dataclass(frozen=True, slots=True)
class Taxed:
    """State: ACTIVE (with reasons), INACTIVE, NONE, AMBIGUOUS or CONFLICT."""

    state: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """State: ACTIVE, INACTIVE or NONE. `last_paid` is the last month with a net contribution."""

    state: str
    last_paid: int | None = None
    old_age_pension: bool = False


@dataclass(frozen=True, slots=True)
class Learner:
    """`known` is false without a record; `highest` is the highest completed ISCED level, 0 for none."""

    known: bool
    highest: int = 0
    technical: bool = False
    full_time: bool = False


@dataclass(frozen=True, slots=True)
class Enrolled:
    active: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """All six about one member record."""

    identity: Identity | Unavailable
    vital: Vital | Unavailable
    tax: Taxed | Unavailable
    pension: Member | Unavailable
    education: Learner | Unavailable
    ess: Enrolled | Unavailable


class Sources:
    """The registers as the social registry may ask them on the list date."""

    def __init__(self, registers: Registers, day: date, without: frozenset[str]) -> None:
        self._registers, self._day, self._without = registers, day, without

    def about(self, record: SrRecord) -> Answers:
        """What every source answers. Who is asked about what beyond need makes no difference to the rule."""
        return Answers(
            identity=self._closed("national_id", record) or self._identity(record),
            vital=self._closed("civil_registration", record) or self._vital(record),
            tax=self._tax(record),
            pension=self._closed("pension", record) or self._pension(record),
            education=self._education(record),
            ess=self._closed("ess", record) or self._ess(record),
        )

    def _closed(self, source: str, record: SrRecord) -> Unavailable | None:
        """Not consented comes before not linked: the rules are asked before any source is."""
        if not any(SERVICES[source] in consent.services for consent in record.consents):
            return Unavailable(f"refused_{source}")
        return Unavailable(f"no_link_{source}") if source in self._without else None

    def _identity(self, record: SrRecord) -> Identity | Unavailable:
        held = self._registers.national_id_by_nic(normal(record.nic))
        if held is None:
            return Identity(confirmed=False)
        if held.deactivated and held.death_date is None:
            return Unavailable("refused_national_id")
        if not _all_names_equal(record, held):
            return Identity(confirmed=False)
        return Identity(True, held.birth_date, _until(held.death_date, self._day))

    def _vital(self, record: SrRecord) -> Vital:
        """By number; a death that the number does not find, by name and birth date among deaths without a number."""
        (found,) = self._registers.civil_by_nic(normal(record.nic)) or (None,)
        born = found.birth_date if found else None
        died = _until(found.death_date, self._day) if found and found.death_has_nic else None
        if died is not None:
            return Vital(born, died, named_death=False)
        namesakes = (
            each
            for each in self._registers.civil_by_birth_date(record.birth_date)
            if _until(each.death_date, self._day) and not _numbered_death(each) and _any_name_equal(record, each)
        )
        return Vital(born, None, named_death=any(namesakes))

    def _tax(self, record: SrRecord) -> Taxed | Unavailable:
        """Only a number that is held leads to a call; a declaration of none, or no knowledge, needs no link."""
        if record.tin_state == "none":
            return Taxed("NONE")
        if record.tin is None:
            return Taxed("AMBIGUOUS")
        closed = self._closed("tax", record)
        if closed:
            return closed
        held = self._registers.tax_by_tin(record.tin)
        if held is None or not _matched(record, held):
            return Taxed("AMBIGUOUS")
        active = tuple(self._taxable(held))
        if active:
            return Taxed("ACTIVE", active)
        unpaid = any(
            job.start <= self._day and _open(job.end, self._day) and not _paid((job,), self._last_taxed)
            for job in held.employments
        )
        return Taxed("CONFLICT" if unpaid else "INACTIVE")

    def _taxable(self, held: TaxRecord) -> Iterator[str]:
        if _paid(held.employments, self._last_taxed):
            yield "tax_active"
        year = closed_tax_year(self._day)
        businesses = (each for each in held.self_employments if each.tax_year == year and each.turnover > 0)
        if any(_open(each.end, self._day) for each in businesses):
            yield "self_employed"

    @property
    def _last_taxed(self) -> int:
        return month_of(self._day) - TAX_LAG

    def _pension(self, record: SrRecord) -> Member | Unavailable:
        held = self._registers.pension_by_nic(normal(record.nic))
        if held is None:
            return Member("NONE")
        closed, now = month_from(held.closed_month), month_of(self._day)
        if closed < now - STALE_AFTER:
            return Unavailable("source_stale_pension")
        paid = [month for month, total in _contributed(held).items() if total > 0 and month <= closed]
        active = any(closed - WINDOW < month for month in paid)
        drawn = any(
            each.kind == "old_age"
            and month_from(each.start) <= now
            and (each.end is None or month_from(each.end) >= now)
            for each in held.pensions
        )
        return Member("ACTIVE" if active else "INACTIVE", max(paid, default=None), drawn)

    def _education(self, record: SrRecord) -> Learner | Unavailable:
        """Without a learner number there is nothing to ask with, whether linked or not."""
        if record.learner_number is None:
            return Learner(known=False)
        closed = self._closed("education", record)
        if closed:
            return closed
        held = self._registers.education_by_learner(record.learner_number)
        return Learner(known=False) if held is None else _learner(held, self._day)

    def _ess(self, record: SrRecord) -> Enrolled:
        held = self._registers.ess_by_nic(normal(record.nic))
        return Enrolled(held is not None and held.status == "Active")


def _learner(held: EducationRecord, day: date) -> Learner:
    completed = (each for each in held.enrolments if each.end_reason == "completed" and not _open(each.end, day))
    earned = [each for each in held.qualifications if each.awarded <= day]
    levels = [each.level for each in completed] + [each.level for each in earned]
    studying = any(each.mode == "full_time" and each.start <= day and _open(each.end, day) for each in held.enrolments)
    return Learner(True, max(levels, default=0), any(each.technical for each in earned), studying)


def _contributed(held: PensionRecord) -> dict[int, int]:
    return _netted((month_from(each.month), each.total) for each in held.contributions)


def _paid(jobs: Iterable[TaxEmployment], last: int) -> bool:
    """Net taxable pay above zero in any month of the window."""
    net = _netted((month_of(day), pay) for job in jobs for day, pay in job.payments)
    return any(pay > 0 and last - WINDOW < month <= last for month, pay in net.items())


def _netted(amounts: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Cents per month, reversals netted."""
    net: dict[int, int] = {}
    for month, cents in amounts:
        net[month] = net.get(month, 0) + cents
    return net


def _matched(record: SrRecord, held: TaxRecord) -> bool:
    """As the tax office matches: birth date, first letter of the first name, first three of the last, number above."""
    latin = next((name for name in record.names if name.script == "Latn"), None)
    if latin is None or record.birth_date != held.birth_date:
        return False
    first, last = _folded(latin.given)[:1], _folded(latin.family)[:3]
    return first == _folded(held.first_name)[:1] and last == _folded(held.last_name)[:3]


def _all_names_equal(record: SrRecord, held: NationalIdRecord) -> bool:
    known = {name.language: _folded(name.full) for name in held.names}
    return all(known.get(name.language) == _folded(name.full) for name in record.names)


def _numbered_death(held: CivilRecord) -> bool:
    return held.death_has_nic and held.nic is not None


def _any_name_equal(record: SrRecord, held: CivilRecord) -> bool:
    known = {(name.language, _folded(name.full)) for name in held.names}
    return any((name.language, _folded(name.full)) in known for name in record.names)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _until(day: date | None, end: date) -> date | None:
    return day if day is not None and day <= end else None


def _open(end: date | None, day: date) -> bool:
    return end is None or end > day
