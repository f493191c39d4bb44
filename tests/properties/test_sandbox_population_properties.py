"""Whatever the seed and the list date: the same people in any order, and numbers that mean what they say."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import nic
from sandbox.months import years_between
from sandbox.population.numbers import OTHERS_FROM, Numbers
from sandbox.population.spread import shuffled
from sandbox.population.stream import Blocks

SEEDS = st.integers(0, 2**32 - 1)
DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))
BIRTHS = st.dates(date(1900, 1, 1), date(1999, 12, 31)).filter(lambda day: (day.month, day.day) != (2, 29))


@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, day=DAYS, block=st.integers(0, 2500))
def test_a_block_is_the_same_whenever_it_is_made(seed: int, day: date, block: int) -> None:
    blocks = Blocks(seed, day)
    first = list(blocks.people(block))
    list(blocks.people(block + 1))
    assert list(blocks.people(block)) == first == list(Blocks(seed, day).people(block))


@given(born=BIRTHS, female=st.booleans(), serial=st.integers(0, 9999))
def test_a_number_survives_both_forms(born: date, female: bool, serial: int) -> None:
    number = nic.number(born, "female" if female else "male", f"0{serial:04d}")
    assert nic.normal(nic.old_form(number)) == number
    assert nic.birth_date(number) == born


@given(seed=SEEDS, number=st.integers(0, 3_070_000), others=st.booleans(), age=st.integers(0, 97), day=DAYS)
def test_a_person_has_the_age_that_was_drawn(seed: int, number: int, others: bool, age: int, day: date) -> None:
    born, issued = Numbers(seed).birth(number + OTHERS_FROM * others, age, "female", day)
    assert years_between(born, day) == age
    assert nic.birth_date(issued) == born


@given(size=st.integers(1, 10**10), key=st.integers(0, 2**32 - 1), data=st.data())
def test_different_people_get_different_numbers(size: int, key: int, data: st.DataObject) -> None:
    one, other = (data.draw(st.integers(0, size - 1)) for _ in range(2))
    assert 0 <= shuffled(one, size, key) < size
    assert (shuffled(one, size, key) == shuffled(other, size, key)) == (one == other)
