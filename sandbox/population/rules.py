"""The written rules by which a household becomes people. Nothing is fitted.

1. A household lives in a DS division in proportion to the division's people over its mean household size, and in
   any of its GN divisions alike.
2. Its size follows the division's table; "10 or more" is 10, 11 or 12.
3. Its head is 20 or older, by `HEADSHIP` times the division's age table.
4. In 70 of 100 households of two or more, the second member is the head's spouse: usually of the head's age band,
   else the next younger or older, never below 20.
5. All other members follow *what is left* of the division's age table after heads and spouses. So the ages of all
   people together are the census's, whatever rules 3 and 4 say.
6. Inside a band every age is alike; "90 and above" ends at 97.
7. The head of a couple is a man in 95 of 100, any other head in 40; the spouse is of the other sex; everybody else
   follows what is left of the division's sex table.
8. Schooling: nobody below 5; 5 to 10 primary; 11 to 15 secondary; 16 to 18 half secondary, half ordinary level;
   from 19 what is left of the division's table, where a degree below 23 is an advanced level still.
9. Activity: nobody below 15; `YOUNG`, `SIXTIES` and `OLD` for 15 to 19, 60 to 69 and 70 or more; from 20 to 59 what
   is left of the division's table, with men in work `MEN_PER_WOMAN` times as often as women.
10. A household has one community, drawn by district (`names.COMMUNITIES`), and its members bear one family name.
11. Who is in formal work, self-employed, informally at work or had a job before: `lives.py`.
12. Who is in the social registry and what it says: every sixth household, `registration.py`.
"""

from dataclasses import dataclass
from itertools import accumulate

from .census import ADULT_BAND, AGE_BANDS, SCHOOLINGS, SIZES, Division, Shares

HEADSHIP = (0.0, 0.0, 0.45, 1.0, 1.0, 1.0, 1.05, 1.0, 0.8, 0.5)
TEN_OR_MORE = ((10, 0.6), (11, 0.25), (12, 0.15))
COUPLE = 0.70
SAME_BAND, YOUNGER, OLDER = 0.72, 0.20, 0.08
MALE_HEAD_OF_COUPLE, MALE_HEAD_ALONE = 0.95, 0.40
MEN_PER_WOMAN = 2.1
YOUNG = (0.12, 0.05, 0.83)  # as ACTIVITIES
SIXTIES = (0.36, 0.01, 0.63)
OLD = (0.12, 0.0, 0.88)

PRIMARY_AGES, SECONDARY_AGES, UPPER_AGES = range(5, 11), range(11, 16), range(16, 19)
UPPER_SCHOOLING = (0.0, 0.5, 0.5, 0.0, 0.0, 0.0)  # as SCHOOLINGS


@dataclass(frozen=True, slots=True)
class Rules:
    """One division's tables, cumulative, ready to be drawn from; see `drawn`."""

    head_age: Shares
    spouse_age: tuple[Shares, ...]  # by the head's age band
    other_age: Shares
    other_male: float
    adult_schooling: Shares
    active_men: Shares  # 20 to 59, over ACTIVITIES
    active_women: Shares


def drawn(cumulative: Shares, at: float) -> int:
    """The index of the entry into which a number from 0 up to 1 falls."""
    for index, upper in enumerate(cumulative):
        if at < upper:
            return index
    return len(cumulative) - 1


def rules(division: Division) -> Rules:
    """The rules 3 to 9 for one division."""
    table = division.marginals
    mean = mean_size(table.size)
    couples = COUPLE * (1 - table.size[0])  # a household
    heads = _normal(tuple(weight * share for weight, share in zip(HEADSHIP, table.age, strict=True)))
    spouse = tuple(_spouse(band) for band in range(len(AGE_BANDS)))
    spouses = tuple(
        sum(heads[head] * spouse[head][band] for head in range(len(heads))) for band in range(len(AGE_BANDS))
    )
    parts = ((1 / mean, heads), (couples / mean, spouses))
    others = _left(table.age, parts)
    male_head = couples * MALE_HEAD_OF_COUPLE + (1 - couples) * MALE_HEAD_ALONE
    male_spouse = 1 - MALE_HEAD_OF_COUPLE
    other_male = _left(table.sex, ((1 / mean, _both(male_head)), (couples / mean, _both(male_spouse))))[0]
    working_age = tuple(sum(ages[2:6]) for ages in (heads, spouses, others))
    at_work = (working_age[0] / mean, working_age[1] * couples / mean, working_age[2] * (1 - (1 + couples) / mean))
    men = sum(w * m for w, m in zip(at_work, (male_head, male_spouse, other_male), strict=True)) / sum(at_work)
    active_men, active_women = _activity(table.activity, table.age, men)
    return Rules(
        head_age=_cumulative(heads),
        spouse_age=tuple(_cumulative(ages) for ages in spouse),
        other_age=_cumulative(others),
        other_male=other_male,
        adult_schooling=_cumulative(_adult_schooling(table.schooling, table.age)),
        active_men=_cumulative(active_men),
        active_women=_cumulative(active_women),
    )


def household_sizes(size: Shares) -> Shares:
    """Shares of the households of 1 to 12 people."""
    return (*size[: len(SIZES) - 1], *(size[-1] * share for _, share in TEN_OR_MORE))


def mean_size(size: Shares) -> float:
    """People a household."""
    return sum(people * share for people, share in enumerate(household_sizes(size), start=1))


def _spouse(head: int) -> Shares:
    """Age of the spouse of a head in this band."""
    shares = [0.0] * len(AGE_BANDS)
    for band, share in ((head, SAME_BAND), (head - 1, YOUNGER), (head + 1, OLDER)):
        shares[min(max(band, ADULT_BAND), len(AGE_BANDS) - 1)] += share
    return tuple(shares)


def _adult_schooling(schooling: Shares, age: Shares) -> Shares:
    """What is left for people of 19 and over. Nobody below 20 is a head or spouse, so a year is a tenth of a band."""
    from_five = 1 - age[0] / 2
    primary = (age[0] / 2 + age[1] / 10) / from_five
    secondary = age[1] * len(SECONDARY_AGES) / 10 / from_five
    upper = age[1] * len(UPPER_AGES) / 10 / from_five
    left = list(
        _left(
            schooling,
            ((primary, _only(0, SCHOOLINGS)), (secondary, _only(1, SCHOOLINGS)), (upper, UPPER_SCHOOLING)),
        )
    )
    too_young = (age[1] / 10 + age[2] * 3 / 10) / (1 - age[0] - age[1] * 9 / 10)  # share of 19 to 22 among them
    degree = left[4] / (1 - too_young)
    left[3], left[4] = left[3] - (degree - left[4]), degree
    return tuple(left)


def _activity(activity: Shares, age: Shares, men: float) -> tuple[Shares, Shares]:
    """What is left for people of 20 to 59, as men's and women's tables; `men` is the share of men among them."""
    from_fifteen = 1 - age[0] - age[1] / 2
    young, sixties, old = age[1] / 2, age[6], sum(age[7:])
    parts = tuple((share / from_fifteen, table) for share, table in ((young, YOUNG), (sixties, SIXTIES), (old, OLD)))
    employed, unemployed, _ = _left(activity, parts)
    women_employed = employed / (men * MEN_PER_WOMAN + 1 - men)
    men_employed = min(women_employed * MEN_PER_WOMAN, 0.97 - unemployed)
    women_employed = (employed - men * men_employed) / (1 - men)
    return (
        (men_employed, unemployed, 1 - men_employed - unemployed),
        (women_employed, unemployed, 1 - women_employed - unemployed),
    )


def _left(total: Shares, parts: tuple[tuple[float, Shares], ...]) -> Shares:
    """The shares of everybody else, when the parts (weight, shares) are taken out of the total."""
    taken = (sum(weight * shares[index] for weight, shares in parts) for index in range(len(total)))
    return _normal(tuple(max(share - gone, 0.0) for share, gone in zip(total, taken, strict=True)))


def _normal(shares: Shares) -> Shares:
    return tuple(share / sum(shares) for share in shares)


def _cumulative(shares: Shares) -> Shares:
    return tuple(accumulate(shares))


def _both(male: float) -> Shares:
    return (male, 1 - male)


def _only(index: int, names: tuple[str, ...]) -> Shares:
    return tuple(float(position == index) for position in range(len(names)))
