"""What a flaw may use and touch: one person's records, and one other person of the same block."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from ..months import day_in, month_of, month_text
from ..person import CivilRecord, ConsentGiven, Person, SrRecord
from .numbers import Numbers
from .people import death_registration, with_pension, with_tax
from .work import EMPLOYERS, Work, contribution, employment

WAGE = 4_500_000  # cents a month


@dataclass(slots=True)
class Scene:
    """The stage for one flaw: the list date, the block's number, chance, and a person whom only agencies know.

    `other` may be replaced by the flaw (twins, look-alikes); `elsewhere` is a household of the block for a second
    registration.
    """

    day: date
    block: int
    numbers: Numbers
    random: Random
    other: Person
    elsewhere: int

    @property
    def closed(self) -> int:
        """The last month that agencies have closed."""
        return month_of(self.day) - 1

    def months_ago(self, months: int) -> date:
        """The tenth of a month before the list date's."""
        return day_in(month_of(self.day) - months, 10)


def registered(whom: Person, record: SrRecord) -> Person:
    """The person with another first member record."""
    return replace(whom, registrations=(record, *whom.registrations[1:]))


def dead(whom: Person) -> Person:
    return replace(whom, world=replace(whom.world, alive=False, working=False))


def dead_for_national_id(whom: Person, death: date) -> Person:
    assert whom.national_id
    return replace(dead(whom), national_id=replace(whom.national_id, death_date=death))


def dead_for_civil_registration(whom: Person, death: date, *, with_nic: bool = True) -> Person:
    return replace(dead(whom), civil=_with_death(whom, death, with_nic=with_nic))


def contributing(whom: Person, scene: Scene, first: int, last: int) -> Person:
    """Contributions in these months and no other, and no pay at the tax office."""
    months = range(first, last + 1)
    record = replace(
        with_pension(whom, month_text(scene.closed)),
        contributions=tuple(contribution(month, WAGE, EMPLOYERS[whom.index % len(EMPLOYERS)]) for month in months),
    )
    return replace(whom, pension=record)


def working(whom: Person) -> Person:
    return replace(whom, world=replace(whom.world, working=True))


def taxed(whom: Person, scene: Scene, first: int, last: int, *, open_job: bool) -> Person:
    """One job paid in these months, and the tax number known to the social registry."""
    job = Work("formal", first - 12, None if open_job else last, WAGE, EMPLOYERS[whom.index % len(EMPLOYERS)])
    held = employment(job, last, last - first + 1)
    return knows_tin(replace(whom, tax=replace(with_tax(whom, scene.numbers), employments=(held,))))


def knows_tin(whom: Person) -> Person:
    assert whom.tax
    return registered(whom, replace(whom.registrations[0], tin=whom.tax.tin, tin_state="held"))


def born(whom: Person, birth_date: date, nic: str) -> Person:
    """The person as if born on another day: every register says so, under another NIC number."""
    return replace(
        whom,
        nic=nic,
        birth_date=birth_date,
        national_id=whom.national_id and replace(whom.national_id, nic=nic, birth_date=birth_date),
        civil=whom.civil and replace(whom.civil, nic=whom.civil.nic and nic, birth_date=birth_date),
        tax=whom.tax and replace(whom.tax, birth_date=birth_date),
        pension=whom.pension and replace(whom.pension, nic=nic),
        registrations=tuple(replace(each, nic=nic, birth_date=birth_date) for each in whom.registrations),
    )


def named_as(whom: Person, like: Person) -> Person:
    """The person under another one's name, in every register."""
    english = like.names[0]
    return replace(
        whom,
        names=like.names,
        national_id=whom.national_id and replace(whom.national_id, names=like.names),
        civil=whom.civil and replace(whom.civil, names=like.names),
        tax=whom.tax and replace(whom.tax, first_name=english.given, last_name=english.family),
        pension=whom.pension and replace(whom.pension, surname=english.family.upper(), initials=english.given[0]),
    )


def without_consent(whom: Person, *services: str) -> Person:
    """Consents without these services; a consent without any service is not given at all."""
    record = whom.registrations[0]
    kept = (
        ConsentGiven(each.purposes, tuple(service for service in each.services if service not in services))
        for each in record.consents
    )
    return registered(whom, replace(record, consents=tuple(each for each in kept if each.services)))


def years_earlier(day: date, years: int) -> date:
    """The same day in an earlier year; 28 February for 29 February."""
    if (day.month, day.day) == (2, 29):
        day -= timedelta(days=1)
    return day.replace(year=day.year - years)


def _with_death(whom: Person, death: date, *, with_nic: bool) -> CivilRecord:
    record = whom.civil or CivilRecord(
        f"B-{whom.district[3:]}-{whom.birth_date.year}-{whom.index:08d}",
        whom.nic,
        whom.birth_date,
        whom.names,
        whom.sex,
        whom.district,
    )
    return replace(
        record,
        nic=whom.nic if with_nic else record.nic,
        death_date=death,
        death_registration=death_registration(whom.district, death, whom.index),
        death_has_nic=with_nic,
    )
