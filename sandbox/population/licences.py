"""What the traffic register has written down: who may drive what, from a stream of its own.

It draws from nothing that other registers draw from, so it changes none of them. Shares are assumptions: about a third
of the adults hold a licence, far more men than women; few are suspended, withdrawn, or have lapsed with age.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from ..months import years_between
from ..person import Person
from .spread import mixed

STREAM = 64
ADULT = 18
HOLDS = {"male": 0.48, "female": 0.14}
CATEGORIES = ((0.45, "A, B1"), (0.80, "A, B"), (0.95, "B"), (1.0, "A, B, C1"))
HEAVY = 0.06  # of holders: a heavy vehicle as well, three years later
SUSPENDED, WITHDRAWN = 0.02, 0.03  # below these
LAPSED_AGE = 80


@dataclass(frozen=True, slots=True)
class Entitlement:
    categories: str  # as the register writes them: "A, B"
    state: str  # valid | suspended | withdrawn | lapsed
    granted: date
    taken_from: date | None = None
    taken_until: date | None = None


@dataclass(frozen=True, slots=True)
class DrivingRecord:
    nic: str  # new form
    entitlements: tuple[Entitlement, ...]


def driving_record(person: Person, seed: int, day: date) -> DrivingRecord | None:
    """What the register holds about somebody on the list date; None without a licence, and for the dead."""
    random = Random(mixed(seed, STREAM, person.index))
    age = years_between(person.birth_date, day)
    if age < ADULT or not person.world.alive or random.random() >= HOLDS[person.sex]:
        return None
    first = _granted(person.birth_date, age, random)
    drawn = random.random()
    categories = next(text for below, text in CATEGORIES if drawn < below)
    held = [Entitlement(categories, "valid", first)]
    heavy = first + timedelta(days=3 * 365)
    if random.random() < HEAVY and heavy < day:
        held.append(Entitlement("C", "valid", heavy))
    taken = random.random()
    return DrivingRecord(person.nic, tuple(_now(each, age, taken, day) for each in held))


def _granted(born: date, age: int, random: Random) -> date:
    """On a day between the eighteenth birthday and the last one."""
    years = random.randrange(age - ADULT + 1)
    return date(born.year + ADULT + years, born.month, min(born.day, 28))


def _now(held: Entitlement, age: int, taken: float, day: date) -> Entitlement:
    if age >= LAPSED_AGE:
        return Entitlement(held.categories, "lapsed", held.granted)
    start = max(held.granted, day - timedelta(days=60))
    if taken < SUSPENDED:
        return Entitlement(held.categories, "suspended", held.granted, start, day + timedelta(days=120))
    if taken < WITHDRAWN:
        return Entitlement(held.categories, "withdrawn", held.granted, start)
    return held
