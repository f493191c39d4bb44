"""What people do for a living, and what the tax office and the pension fund have written down about it (rule 11).

Employers, wages and dates are invented. All data ends with the month before the list date's month.
"""

from dataclasses import dataclass
from datetime import date
from random import Random

from ..months import closed_tax_year, day_in, month_of, month_text
from ..nic import has_old_form, old_form
from ..person import Contribution, PensionInPayment, PensionRecord, SelfEmployment, TaxEmployment, TaxRecord
from .households import Outline

FORMAL, PUBLIC, SELF_EMPLOYED, INFORMAL, FORMER, NEVER = (
    "formal",
    "public",
    "self_employed",
    "informal",
    "former",
    "never",
)
# Of people in work: in a provident-fund job, in public service, registered as self-employed; the rest is informal.
IN_WORK = ((0.34, FORMAL), (0.46, PUBLIC), (0.54, SELF_EMPLOYED), (1.0, INFORMAL))
FORMER_SHARE = 0.45  # of adults out of work: had a provident-fund job before
WINDOW = 6  # months; who lost a job did so before the window that ends with the closed month
OLD_NUMBER = 0.3  # of fund members with an old NIC number: the fund still holds it in the old form
OLD_AGE_PENSION = ((60, 0.25), (55, 0.12))  # from this age, out of work

TRADES = ("Garments", "Tea Estates", "Logistics", "Ceramics", "Fisheries", "Hotels", "Stores", "Rubber Works")
FIRMS = ("Sudu Kanda", "Nil Oya", "Rathu Gala", "Ran Wewa", "Pachchai Malai", "Vel Aru")


@dataclass(frozen=True, slots=True)
class Employer:
    name: str
    paye_reference: str
    zone: str
    number: str


EMPLOYERS = tuple(
    Employer(f"{firm} {trade}", f"{100 + row}/SL{1_000 + row * 8 + column}", "BCDEGK"[row], f"{410_000 + 97 * place}")
    for row, firm in enumerate(FIRMS)
    for column, trade in enumerate(TRADES)
    for place in (row * len(TRADES) + column,)
)


@dataclass(frozen=True, slots=True)
class Work:
    """One person's work: `start` and `end` are months (`months.month_of`), both worked; no end: still there."""

    kind: str
    start: int = 0
    end: int | None = None
    wage: int = 0  # cents a month
    employer: Employer = EMPLOYERS[0]


def work(outline: Outline, closed: int, random: Random, *, plain: bool) -> Work:
    """Draw a person's work; `closed` is the last month with data. Plain people never have any register show work."""
    if outline.age < 18:
        return Work(NEVER)
    kind = _kind(outline.activity, random, plain=plain)
    if kind in {INFORMAL, NEVER}:
        return Work(kind)
    wage = random.randrange(30_000, 150_000, 500) * 100
    employer = random.choice(EMPLOYERS)
    longest = min((outline.age - 17) * 12 - WINDOW, 180)
    if kind != FORMER:
        return Work(kind, closed - random.randrange(3, max(longest, 4)), None, wage, employer)
    end = closed - WINDOW - (0 if random.random() < 0.2 else random.randrange(1, 48))
    return Work(kind, end - random.randrange(2, 36), end, wage, employer)


def tax_record(outline: Outline, job: Work, tin: str, day: date, months: int) -> TaxRecord | None:
    """What the tax office holds: none for people without formal work. At most `months` months of pay."""
    if job.kind in {INFORMAL, NEVER}:
        return None
    english = outline.names[0]
    record = TaxRecord(tin, english.given, english.family, outline.birth_date)
    if job.kind == SELF_EMPLOYED:
        business = SelfEmployment(closed_tax_year(day), day_in(job.start, 1), None, job.wage * 14)
        return TaxRecord(tin, english.given, english.family, outline.birth_date, (), (business,))
    closed = month_of(day) - 1
    return TaxRecord(
        record.tin, record.first_name, record.last_name, record.birth_date, (employment(job, closed, months),)
    )


def employment(job: Work, closed: int, months: int) -> TaxEmployment:
    """A job as the tax office holds it, paid on every 25th."""
    last = closed if job.end is None else job.end
    first = max(job.start, last - months + 1)
    return TaxEmployment(
        start=day_in(job.start, 1),
        end=None if job.end is None else day_in(job.end, 28),
        employer=job.employer.name,
        paye_reference=job.employer.paye_reference,
        payments=tuple((day_in(month, 25), job.wage) for month in range(first, last + 1)),
    )


def pension_record(
    outline: Outline, job: Work, closed: int, months: int, *, random: Random, plain: bool
) -> PensionRecord | None:
    """What the fund holds: members in or after a provident-fund job, and people who draw an old-age pension."""
    pensions = () if plain else _pensions(outline, job, closed, random)
    if job.kind not in {FORMAL, FORMER} and not pensions:
        return None
    last = closed if job.end is None else job.end
    first = max(job.start, last - months + 1)
    paid = range(first, last + 1) if job.kind in {FORMAL, FORMER} else range(0)
    as_old = has_old_form(outline.nic) and random.random() < OLD_NUMBER and not plain
    english = outline.names[0]
    return PensionRecord(
        nic=old_form(outline.nic) if as_old else outline.nic,
        member_number=f"{outline.number % 1_000_000:06d}",
        surname=english.family.upper(),
        initials=english.given[0],
        closed_month=month_text(closed),
        contributions=tuple(contribution(month, job.wage, job.employer) for month in paid),
        pensions=pensions,
    )


def contribution(month: int, wage: int, employer: Employer) -> Contribution:
    """One month: 12 % of the wage by the employer, 8 % by the member. A negative wage is a reversal."""
    by_employer, by_member = wage * 12 // 100, wage * 8 // 100
    return Contribution(
        month_text(month), by_employer + by_member, by_employer, by_member, wage, employer.zone, employer.number
    )


def _kind(activity: str, random: Random, *, plain: bool) -> str:
    at = random.random()
    if activity == "employed":
        return INFORMAL if plain else next(kind for below, kind in IN_WORK if at < below)
    return FORMER if at < FORMER_SHARE else NEVER


def _pensions(outline: Outline, job: Work, closed: int, random: Random) -> tuple[PensionInPayment, ...]:
    at = random.random()
    share = next((share for age, share in OLD_AGE_PENSION if outline.age >= age), 0.0)
    if at >= share or job.kind not in {FORMER, NEVER}:
        return ()
    start = closed - random.randrange(0, (outline.age - 55) * 12 + 6)
    return (PensionInPayment("old_age", month_text(start), None, random.randrange(8_000, 40_000, 100) * 100),)
