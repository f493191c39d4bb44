"""Who lives where with whom: every household's members by rules 1 to 10 (`rules.py`), before any register writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import accumulate
from random import Random

from ..person import Spelling
from . import names
from .census import ACTIVITIES, AGE_BANDS, SCHOOLINGS, SEXES, Division, census
from .homes import Place, districts, places
from .numbers import Numbers, person_number
from .rules import (
    COUPLE,
    MALE_HEAD_ALONE,
    MALE_HEAD_OF_COUPLE,
    OLD,
    PRIMARY_AGES,
    SECONDARY_AGES,
    SIXTIES,
    UPPER_AGES,
    UPPER_SCHOOLING,
    YOUNG,
    Rules,
    drawn,
    rules,
)
from .spread import Spread, mixed

REGISTERED, OTHERS = 1, 2  # the two streams of households
GRADUATE_AGE = 23
UPPER = tuple(accumulate(UPPER_SCHOOLING))
BY_AGE = ((20, tuple(accumulate(YOUNG))), (70, tuple(accumulate(SIXTIES))), (200, tuple(accumulate(OLD))))


@dataclass(frozen=True, slots=True)
class Outline:
    """What is so about one person, before work and registers.

    `schooling` and `activity` are columns of the census tables; empty where the person is too young for the table.
    """

    number: int
    household: int
    position: int  # 0 is the head
    registered: bool
    division: Division
    gn_division: str
    community: str
    sex: str
    age: int
    birth_date: date
    nic: str
    names: tuple[Spelling, ...]
    schooling: str
    activity: str


class Households:
    """The households of one stream under one seed, each by its index and in any order."""

    def __init__(self, seed: int, stream: int, day: date) -> None:
        self._seed, self._stream, self._day = seed, stream, day
        self._spreads = tuple(Spread(seed, stream, district) for district in range(len(districts())))
        self._numbers = Numbers(seed)

    def span(self, first: int, count: int) -> Iterator[tuple[list[Outline], Random]]:
        """`count` households from number `first` on: members, head first, and the household's own source of chance.

        Whoever writes the household's records goes on with that source.
        """
        for place in places(self._seed, self._stream, first, count):
            random = Random(mixed(self._seed, self._stream, place.household + 1))
            yield self._household(place, random), random

    def _household(self, place: Place, random: Random) -> list[Outline]:
        spread = self._spreads[place.district]
        size, index = districts()[place.district].kind(spread.household("kind", place.rank))
        division = census().divisions[index]
        group = names.community(division.district, random.random())
        home = _Home(
            household=place.household,
            rank=place.rank,
            spread=spread,
            division=division,
            by=_rules(index),
            gn_division=random.choice(division.gn_divisions),
            community=group,
            family=names.family(group, random),
        )
        members = enumerate(_ages_and_sexes(home, size))
        return [self._outline(home, position, age, sex=sex, random=random) for position, (age, sex) in members]

    def _outline(self, home: "_Home", position: int, age: int, *, sex: str, random: Random) -> Outline:
        number = person_number(home.household, position, registered=self._stream == REGISTERED)
        birth_date, nic = self._numbers.birth(number, age, sex, self._day)
        return Outline(
            number=number,
            household=home.household,
            position=position,
            registered=self._stream == REGISTERED,
            division=home.division,
            gn_division=home.gn_division,
            community=home.community,
            sex=sex,
            age=age,
            birth_date=birth_date,
            nic=nic,
            names=names.spellings(names.given(home.community, sex, random), home.family),
            schooling=_schooling(home.by, age, home.spread.member("schooling", home.rank, position)),
            activity=_activity(home.by, age, sex, home.spread.member("activity", home.rank, position)),
        )


@dataclass(frozen=True, slots=True)
class _Home:
    """What the members of one household share."""

    household: int
    rank: int
    spread: Spread
    division: Division
    by: Rules
    gn_division: str
    community: str
    family: names.Row


def _ages_and_sexes(home: _Home, size: int) -> list[tuple[int, str]]:
    """Rules 3 to 7."""
    spread, rank, by = home.spread, home.rank, home.by
    couple = size > 1 and spread.household("couple", rank) < COUPLE
    head_band, head_age = _age(by.head_age, spread.household("head_age", rank))
    male = spread.household("head_sex", rank) < (MALE_HEAD_OF_COUPLE if couple else MALE_HEAD_ALONE)
    members = [(head_age, SEXES[not male])]
    if couple:
        _, age = _age(by.spouse_age[head_band], spread.household("spouse_age", rank))
        members.append((age, SEXES[male]))
    for position in range(len(members), size):
        _, age = _age(by.other_age, spread.member("age", rank, position))
        members.append((age, SEXES[spread.member("sex", rank, position) >= by.other_male]))
    return members


def _age(cumulative: tuple[float, ...], at: float) -> tuple[int, int]:
    """Band and age: where in its band the draw falls tells the year."""
    band = drawn(cumulative, at)
    below = cumulative[band - 1] if band else 0.0
    width = cumulative[band] - below
    first, end = AGE_BANDS[band]
    within = (at - below) / width if width else 0.0
    return band, min(first + int(within * (end - first)), end - 1)


def _schooling(by: Rules, age: int, at: float) -> str:
    if age < PRIMARY_AGES.start:
        return ""
    if age in PRIMARY_AGES:
        return "primary"
    if age in SECONDARY_AGES:
        return "secondary"
    if age in UPPER_AGES:
        return SCHOOLINGS[drawn(UPPER, at)]
    schooling = SCHOOLINGS[drawn(by.adult_schooling, at)]
    too_young = schooling == "degree_and_above" and age < GRADUATE_AGE
    return "gce_advanced_level" if too_young else schooling


def _activity(by: Rules, age: int, sex: str, at: float) -> str:
    if age < 15:
        return ""
    if 20 <= age < 60:
        return ACTIVITIES[drawn(by.active_men if sex == "male" else by.active_women, at)]
    return ACTIVITIES[drawn(next(table for below, table in BY_AGE if age < below), at)]


@cache
def _rules(index: int) -> Rules:
    return rules(census().divisions[index])
