"""Where each household of a stream lives, and how many live in it (rules 1 and 2 of `rules.py`).

Households take districts in turn, along one rotation of the circle by the golden ratio. So the place of a household
in the queue of its district can be counted without walking there, and even draws by that place make every district,
however small, look like its own census tables.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from random import Random

from .census import Division, census
from .rules import household_sizes, mean_size
from .spread import mixed

CIRCLE = 1 << 64
GOLDEN = 0x9E37_79B9_7F4A_7C15  # the golden ratio's fraction of the circle, odd


@dataclass(frozen=True, slots=True)
class Place:
    """A household's number in the stream, its district and its place among the households of that district."""

    household: int
    district: int
    rank: int


@dataclass(frozen=True, slots=True)
class District:
    """The kinds of household of one district, smallest first, so that one draw gives even sizes."""

    kinds: tuple[tuple[int, int], ...]  # people, index of the DS division
    cumulative: tuple[float, ...]

    def kind(self, at: float) -> tuple[int, int]:
        """Size and division for a number from 0 up to 1."""
        return self.kinds[min(bisect_right(self.cumulative, at), len(self.kinds) - 1)]


def places(seed: int, stream: int, first: int, count: int) -> Iterator[Place]:
    """The places of `count` households from number `first` on."""
    start = Random(mixed(seed, stream, 0)).getrandbits(64)
    edges = _edges()
    seen = _seen(first, start, edges)
    for household in range(first, first + count):
        district = bisect_right(edges, (household * GOLDEN + start) % CIRCLE)
        yield Place(household, district, seen[district])
        seen[district] += 1


@cache
def districts() -> tuple[District, ...]:
    """By code, as everywhere."""
    return tuple(_district(code) for code in _codes())


def _district(code: str) -> District:
    inside = [(index, division) for index, division in enumerate(census().divisions) if division.district == code]
    weighed = sorted(
        ((people, index), _households(division) * share)
        for index, division in inside
        for people, share in enumerate(household_sizes(division.marginals.size), start=1)
    )
    whole = sum(weight for _, weight in weighed)
    return District(tuple(kind for kind, _ in weighed), tuple(accumulate(weight / whole for _, weight in weighed)))


@cache
def _edges() -> tuple[int, ...]:
    """Where on the circle each district ends; the last one ends where the first begins."""
    weights = dict.fromkeys(_codes(), 0.0)
    for division in census().divisions:
        weights[division.district] += _households(division)
    whole = sum(weights.values())
    return tuple(int(upper / whole * CIRCLE) for upper in accumulate(weights.values()))[:-1]


def _codes() -> list[str]:
    return sorted(census().districts)


def _households(division: Division) -> float:
    """Share of the country's households (rule 1)."""
    return division.people / mean_size(division.marginals.size)


def _seen(count: int, start: int, edges: tuple[int, ...]) -> list[int]:
    """How many of the first `count` households each district has.

    `floor(x / m) - floor((x - t) / m)` is 1 where `x mod m` is below `t`, else 0; summed over x = start + i * GOLDEN.
    """
    turns = floor_sum(count, CIRCLE, GOLDEN, start)
    below = [turns - floor_sum(count, CIRCLE, GOLDEN, start - edge + CIRCLE) + count for edge in edges]
    return [upper - lower for lower, upper in pairwise([0, *below, count])]


def floor_sum(count: int, divisor: int, step: int, start: int) -> int:
    """The sum of `(step * i + start) // divisor` over i below `count`, by Euclid's algorithm. Nothing negative."""
    total = 0
    while True:
        total += (count - 1) * count // 2 * (step // divisor) + count * (start // divisor)
        step, start = step % divisor, start % divisor
        last = step * count + start
        if last < divisor:
            return total
        count, start = divmod(last, divisor)
        divisor, step = step, divisor
