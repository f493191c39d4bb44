"""One synthetic person, and what each register believes about them.

The registers need not agree: that is what the planted flaws are. Every agency of the sandbox
reads only its own record. All people are invented; money is whole cents (Sri Lankan rupees).
Months are `YYYY-MM` strings, days are `date`.
"""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name in one language: `eng`/Latn, `sin`/Sinh or `tam`/Taml."""

    language: str
    script: str
    given: str
    family: str

    @property
    def full(self) -> str:
        return f"{self.given} {self.family}"


@dataclass(frozen=True, slots=True)
class NationalIdRecord:
    nic: str  # always the new 12-digit form
    birth_date: date
    names: tuple[Spelling, ...]
    sex: str  # male | female
    death_date: date | None = None
    deactivated: bool = False


@dataclass(frozen=True, slots=True)
class CivilRecord:
    """Birth registration, and the death registration if there is one."""

    birth_registration: str
    nic: str | None  # None: the birth was registered before the number was known
    birth_date: date
    names: tuple[Spelling, ...]
    sex: str
    birth_place: str  # district code
    death_date: date | None = None
    death_registration: str | None = None
    death_has_nic: bool = True  # False: only name and birth date connect the death to the person


@dataclass(frozen=True, slots=True)
class TaxEmployment:
    start: date
    end: date | None
    employer: str
    paye_reference: str
    payments: tuple[tuple[date, int], ...]  # day, taxable pay in cents


@dataclass(frozen=True, slots=True)
class SelfEmployment:
    tax_year: str  # "2025-26"
    start: date
    end: date | None
    turnover: int  # cents, that tax year


@dataclass(frozen=True, slots=True)
class TaxRecord:
    tin: str  # fits the published nino pattern: two letters, six digits, one of A-D
    first_name: str
    last_name: str
    birth_date: date
    employments: tuple[TaxEmployment, ...] = ()
    self_employments: tuple[SelfEmployment, ...] = ()


@dataclass(frozen=True, slots=True)
class Contribution:
    month: str
    total: int  # cents; negative is a reversal
    employer: int
    member: int
    earnings: int
    zone: str  # one letter
    employer_number: str  # six digits


@dataclass(frozen=True, slots=True)
class PensionInPayment:
    kind: str  # old_age | survivor | lump_sum
    start: str  # month
    end: str | None
    amount: int  # cents a month


@dataclass(frozen=True, slots=True)
class PensionRecord:
    nic: str  # as the fund holds it: old or new form
    member_number: str  # six digits
    surname: str
    initials: str
    closed_month: str  # last month closed for this member; earlier than the others' when stale
    contributions: tuple[Contribution, ...] = ()
    pensions: tuple[PensionInPayment, ...] = ()


@dataclass(frozen=True, slots=True)
class Enrolment:
    level: int  # ISCED 2011
    mode: str  # full_time | part_time | distance
    start: date
    end: date | None
    end_reason: str | None = None  # completed | left


@dataclass(frozen=True, slots=True)
class Qualification:
    level: int  # ISCED 2011
    technical: bool
    awarded: date


@dataclass(frozen=True, slots=True)
class EducationRecord:
    learner_number: str  # eleven digits
    enrolments: tuple[Enrolment, ...] = ()
    qualifications: tuple[Qualification, ...] = ()


@dataclass(frozen=True, slots=True)
class EssRecord:
    status: str  # Active | Inactive | ... (DCI enrolled_status)
    since: date


@dataclass(frozen=True, slots=True)
class CapacityCertificate:
    finding: str  # no_capacity | partial_capacity
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """What the person agreed to at registration. Purposes and services are the codes of the `lk` profile."""

    purposes: tuple[str, ...]
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SrRecord:
    """A member record of the social registry. Number states: held, none (declared), unknown."""

    member_id: str
    household_id: str
    head: bool
    nic: str  # as the registry holds it: old or new form
    names: tuple[Spelling, ...]
    sex: str
    birth_date: date
    employment_status: int  # DCI: 1 employed, 2 not employed, 3 unknown
    language: str  # sin | tam | eng
    phone: str | None  # E.164
    gn_division: str
    channel: str = "sms"  # preferred: sms | whatsapp | voice
    tin: str | None = None
    tin_state: str = "unknown"
    learner_number: str | None = None
    learner_state: str = "unknown"
    disabled: bool = False
    certificate: CapacityCertificate | None = None
    public_works: bool = False
    address: str = ""  # Latin script, down to the GN division
    consents: tuple[ConsentGiven, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """What is really so. Nobody may judge by it; the demo reports precision and recall against it."""

    working: bool  # informal work included
    alive: bool = True
    job_ready: bool = False
    studying: bool = False  # full time
    able: bool = True  # False: no work capacity
    pensioner: bool = False  # draws an old-age pension
    enrolled: bool = False  # already in employment support or public works
    activity: str = ""  # of the census: employed | unemployed | economically_not_active; empty below 15
    schooling: str = ""  # of the census's attainment columns; empty below 5
    flaws: tuple[str, ...] = ()  # names of the flaws planted in this person's records


@dataclass(frozen=True, slots=True)
class Person:
    index: int  # unique in the population; not a running number
    household: str  # people of one household share it
    nic: str  # new form
    names: tuple[Spelling, ...]
    sex: str
    birth_date: date
    gn_division: str  # LK-1103005
    ds_division: str  # LK-1103
    district: str  # LK-11
    world: World
    national_id: NationalIdRecord | None = None
    civil: CivilRecord | None = None
    tax: TaxRecord | None = None
    pension: PensionRecord | None = None
    education: EducationRecord | None = None
    ess: EssRecord | None = None
    registrations: tuple[SrRecord, ...] = field(default=())  # none, one, or two (a duplicate)
