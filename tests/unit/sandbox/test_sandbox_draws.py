"""Even draws, unique numbers, and households in any order."""

from itertools import islice
from random import Random

import pytest

from sandbox.population.homes import districts, floor_sum, places
from sandbox.population.rules import drawn
from sandbox.population.spread import Spread, shuffled


@pytest.mark.parametrize("first", [1, 777, 250_000])
def test_a_household_s_place_is_found_without_walking_there(first: int) -> None:
    walked = {place.household: place for place in islice(places(7, 1, 0, first + 20), first, None)}
    assert {place.household: place for place in places(7, 1, first, 20)} == walked


def test_places_in_a_district_s_queue_have_no_gap() -> None:
    ranks: dict[int, list[int]] = {}
    for place in places(3, 2, 0, 5000):
        ranks.setdefault(place.district, []).append(place.rank)
    assert sorted(ranks) == list(range(len(districts())))
    assert all(queue == list(range(len(queue))) for queue in ranks.values())


def test_floor_sum_is_the_sum_of_floors() -> None:
    random = Random(1)
    for _ in range(300):
        count, divisor, step, start = (
            random.randrange(60),
            random.randrange(1, 50),
            random.randrange(99),
            random.randrange(99),
        )
        assert floor_sum(count, divisor, step, start) == sum((step * i + start) // divisor for i in range(count))


@pytest.mark.parametrize("size", [1, 2, 365, 1000, 4097])
@pytest.mark.parametrize("key", [0, 1, 0xDEAD_BEEF])
def test_shuffling_gives_every_number_once(size: int, key: int) -> None:
    assert sorted(shuffled(number, size, key) for number in range(size)) == list(range(size))


def test_draws_are_even() -> None:
    spread = Spread(7, 1, 0)
    for position in range(4):
        tenths = [int(10 * spread.member("age", rank, position)) for rank in range(1000)]
        assert all(90 <= tenths.count(tenth) <= 110 for tenth in range(10))


def test_a_draw_falls_into_its_entry() -> None:
    assert [drawn((0.2, 0.5, 1.0), at) for at in (0.0, 0.19, 0.2, 0.5, 0.99)] == [0, 0, 1, 2, 2]
    assert drawn((0.2, 0.999), 0.9999) == 1  # rounding leaves no gap at the end
