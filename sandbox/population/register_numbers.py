"""Numbers of the population register, the second wire of national ID: a permutation of the person's own number.

The published pattern has a place for a date; these numbers fill it and say nothing about the person.
"""

from ..person import Person
from .spread import shuffled

_FIRST, _YEARS, _MONTHS, _DAYS, _TAILS = 6, 100, 12, 28, 10_000
SIZE = _FIRST * _YEARS * _MONTHS * _DAYS * _TAILS


def register_number(person: Person, seed: int) -> str:
    """Eleven digits, unique in the population, the same for the same seed."""
    value = shuffled(person.index, SIZE, (seed * 2_246_822_519 + 66) & 0xFFFF_FFFF)
    value, tail = divmod(value, _TAILS)
    value, day = divmod(value, _DAYS)
    value, month = divmod(value, _MONTHS)
    first, year = divmod(value, _YEARS)
    return f"{first + 1}{year:02d}{month + 1:02d}{day + 1:02d}{tail:04d}"
