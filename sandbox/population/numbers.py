"""The numbers people are known by. Each is a permutation of the person's own number: unique, and any can be made alone.

The space of a NIC number is small: people registered and born before 2000 hold numbers that were issued in the
old form (`yydddnnncV`), all others numbers of the new one. Check digit 9 is kept for the numbers that flaws make.
"""

from datetime import date, timedelta
from itertools import product

from ..nic import number as nic_number
from .spread import LARGEST_HOUSEHOLD, shuffled

DAYS = 365  # nobody is born on 29 February, which makes every birth date valid in every year
OLD_SERIALS = 1000 * 9
NEW_SERIALS = 9000 * 9
OTHERS_FROM = 4_000_000  # people who are not registered are numbered from here
LAST_OLD_YEAR = 1999

# Letters as the United Kingdom issues them (its tax number is the one the published contract has).
_FIRST = "ABCEGHJKLMNOPRSTWXYZ"
_SECOND = "ABCEGHJKLMNPRSTWXYZ"
_NEVER = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})
_PREFIXES = tuple(pair for pair in ("".join(both) for both in product(_FIRST, _SECOND)) if pair not in _NEVER)


class Numbers:
    """The numbers of all people under one seed."""

    def __init__(self, seed: int) -> None:
        self._key = (seed * 2_654_435_761 + 97) & 0xFFFF_FFFF

    def birth(self, number: int, age: int, sex: str, day: date) -> tuple[date, str]:
        """Birth date and NIC number (new form) of a person who is `age` on `day`."""
        registered = number < OTHERS_FROM
        new = shuffled(number, DAYS * NEW_SERIALS, self._key)
        if not registered:
            return _born(new, NEW_SERIALS, 1000, age, sex, day)
        old = shuffled(number, DAYS * OLD_SERIALS, self._key)
        issued = _born(old, OLD_SERIALS, 0, age, sex, day)
        if issued[0].year <= LAST_OLD_YEAR:
            return issued
        return _born(new, NEW_SERIALS, 1000, age, sex, day)

    def tin(self, number: int) -> str:
        """A tax number: two letters, six digits, one of A to D."""
        value = shuffled(number, len(_PREFIXES) * 1_000_000, self._key)
        return f"{_PREFIXES[value // 1_000_000]}{value % 1_000_000:06d}{'ABCD'[number % 4]}"

    def learner(self, number: int) -> str:
        """A learner number: eleven digits."""
        return str(10**10 + shuffled(number, 10**10, self._key))

    def phone(self, number: int) -> str:
        """E.164. No operator has been given numbers that start with +9479, so these ring nowhere."""
        return f"+9479{shuffled(number, 10**7, self._key):07d}"


def person_number(household: int, position: int, *, registered: bool) -> int:
    """The number of a person, unique in the population."""
    return household * LARGEST_HOUSEHOLD + position + (0 if registered else OTHERS_FROM)


def planted_nic(birth_date: date, sex: str, block: int, kind: int) -> str:
    """A number for a person whom a flaw makes; `kind` (0 to 3) tells the ones of a block apart."""
    return nic_number(birth_date, sex, f"{(block * 4 + kind) % 10_000:04d}9")


def _born(value: int, serials: int, first: int, age: int, sex: str, day: date) -> tuple[date, str]:
    place, serial = divmod(value, serials)
    birthday = date(2001, 1, 1) + timedelta(days=place)
    later_this_year = (birthday.month, birthday.day) > (day.month, day.day)
    birth_date = birthday.replace(year=day.year - age - later_this_year)
    return birth_date, nic_number(birth_date, sex, f"{first + serial // 9:04d}{serial % 9}")
