"""The whole population, block by block, in bounded memory.

A block is 102 registered households and five times as many others. It is made from the seed, its number and the list
date alone, so any block can be made again without the ones before it; two blocks are in memory at no time.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from random import Random

from ..person import Person
from .census import SEXES
from .flaws import HOUSEHOLDS, PLANTED_IN, Flaw, carriers
from .households import OTHERS, REGISTERED, Households, Outline
from .numbers import Numbers
from .people import person
from .scene import Scene
from .spread import mixed

OTHERS_PER_REGISTERED = 5
MOST_PEOPLE = 1_000_000  # then the old NIC numbers run out
FLAWS_STREAM = 3
DEFAULT_DATE = date(2026, 10, 31)

Household = tuple[list[Outline], Random]


def population(people: int, seed: int, day: date = DEFAULT_DATE) -> Iterator[Person]:
    """`people` registered people, and five times as many whom only agencies know, in a fixed order.

    Raises:
        ValueError: fewer than 1 or more than 1,000,000 people, or a negative seed.
    """
    if not 1 <= people <= MOST_PEOPLE:
        raise ValueError(f"people: give a number from 1 to {MOST_PEOPLE}")
    if seed < 0:
        raise ValueError("seed: give a number from 0")
    return _cut(people, Blocks(seed, day))


def _cut(people: int, blocks: "Blocks") -> Iterator[Person]:
    left = {True: people, False: people * OTHERS_PER_REGISTERED}
    number = 0
    while any(left.values()):
        for each in blocks.people(number):
            registered = bool(each.registrations)
            if left[registered]:
                left[registered] -= 1
                yield each
        number += 1


class Blocks:
    """The blocks under one seed and list date."""

    def __init__(self, seed: int, day: date) -> None:
        self._seed, self._day = seed, day
        self._numbers = Numbers(seed)
        self._registered = Households(seed, REGISTERED, day)
        self._others = Households(seed, OTHERS, day)

    def people(self, number: int) -> Iterator[Person]:
        """Registered people household by household, then the others."""
        many = HOUSEHOLDS * OTHERS_PER_REGISTERED
        block = _Block(
            day=self._day,
            number=number,
            numbers=self._numbers,
            random=Random(mixed(self._seed, FLAWS_STREAM, number)),
            registered=list(self._registered.span(number * HOUSEHOLDS, HOUSEHOLDS)),
            others=list(self._others.span(number * many, many)),
        )
        return block.people()


class _Block:
    def __init__(
        self,
        *,
        day: date,
        number: int,
        numbers: Numbers,
        random: Random,
        registered: list[Household],
        others: list[Household],
    ) -> None:
        self._day, self._number, self._numbers, self._random = day, number, numbers, random
        self._registered, self._others = registered, others
        self._replaced: dict[int, Person] = {}  # twins and look-alikes; complete when all registered people are made
        # The first adults among the others, so that a short last block has them too.
        adults = [outline for members, _ in others for outline in members if 20 <= outline.age < 60]
        self._stand_ins = {sex: iter([outline for outline in adults if outline.sex == sex]) for sex in SEXES}

    def people(self) -> Iterator[Person]:
        outlines = [outline for members, _ in self._registered[:PLANTED_IN] for outline in members]
        flaws = carriers(outlines, self._random)
        for members, random in self._registered:
            for outline in members:
                flaw = flaws.get(outline.number)
                whom = person(outline, self._numbers, self._day, random, plain=flaw is not None)
                yield self._planted(whom, outline, flaw) if flaw else whom
        for members, random in self._others:
            for outline in members:
                whom = person(outline, self._numbers, self._day, random)
                yield self._replaced.get(outline.number, whom)

    def _planted(self, whom: Person, outline: Outline, flaw: Flaw) -> Person:
        """The carrier; a flaw that needs somebody else takes an adult of the same sex from the others."""
        other = next(self._stand_ins[outline.sex])
        neighbour = (outline.household + self._random.choice((-1, 1))) % HOUSEHOLDS
        scene = Scene(
            day=self._day,
            block=self._number,
            numbers=self._numbers,
            random=self._random,
            other=person(other, self._numbers, self._day, Random(other.number)),
            elsewhere=self._registered[neighbour][0][0].household,
        )
        untouched = scene.other
        changed = flaw.change(whom, scene)
        if scene.other is not untouched:
            self._replaced[scene.other.index] = scene.other
        return replace(changed, world=replace(changed.world, flaws=(flaw.name,)))
