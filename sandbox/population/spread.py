"""Even draws and unique numbers for any person of the population, in any order, without memory.

Even draws: one number from 0 up to 1 per dimension and household. Within a dimension the numbers of successive
households lie more evenly than random ones (a Kronecker sequence on square roots of primes), and those of any two
dimensions together as well.

Unique numbers: `shuffled` is a permutation, so two people never get the same number.
"""

from functools import cache
from math import isqrt, sqrt
from random import Random

HOUSEHOLD_DIMENSIONS = ("kind", "head_age", "head_sex", "couple", "spouse_age")
MEMBER_DIMENSIONS = ("age", "sex", "schooling", "activity")
LARGEST_HOUSEHOLD = 12
_DIMENSIONS = len(HOUSEHOLD_DIMENSIONS) + LARGEST_HOUSEHOLD * len(MEMBER_DIMENSIONS)


class Spread:
    """The even draws of the households of one district, in one stream (registered people or others) under one seed."""

    def __init__(self, seed: int, stream: int, district: int) -> None:
        random = Random(mixed(seed, 16 + stream, district))
        self._starts = tuple(random.random() for _ in range(_DIMENSIONS))
        self._steps = tuple(sqrt(prime) % 1 for prime in _primes(_DIMENSIONS + 2)[2:])  # 2 and 3 clash with others

    def household(self, name: str, rank: int) -> float:
        return self._at(HOUSEHOLD_DIMENSIONS.index(name), rank)

    def member(self, name: str, rank: int, position: int) -> float:
        first = len(HOUSEHOLD_DIMENSIONS) + position * len(MEMBER_DIMENSIONS)
        return self._at(first + MEMBER_DIMENSIONS.index(name), rank)

    def _at(self, dimension: int, rank: int) -> float:
        return (self._starts[dimension] + rank * self._steps[dimension]) % 1.0


def mixed(seed: int, stream: int, index: int) -> int:
    """One seed of many: distinct for distinct arguments (`stream` below 256, `index` below 2**40)."""
    return (seed << 48) | (stream << 40) | index


def shuffled(number: int, size: int, key: int) -> int:
    """Another number below `size`, by a permutation that depends on the key.

    Rivest's polynomial x(2x+1) permutes the numbers of a power of two (RC6, section 2); results beyond `size` go
    through once more. `number` must be below `size`.
    """
    bits = (size - 1).bit_length()
    mask, half = (1 << bits) - 1, bits // 2
    while True:
        number = (number * (2 * number + 1) + key) & mask
        number = ((number >> half) | (number << (bits - half))) & mask
        number = (number * (2 * number + 1) ^ (key >> 7)) & mask
        if number < size:
            return number


@cache
def _primes(count: int) -> tuple[int, ...]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found if prime <= isqrt(candidate)):
            found.append(candidate)
        candidate += 1
    return tuple(found)
