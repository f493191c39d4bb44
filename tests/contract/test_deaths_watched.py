"""What the ESS asks to be told of the people it has enrolled, as the gateway reads it."""

from itertools import chain
from typing import Any

import pytest

from gateway.edges.dci.query import comparisons, read_query
from sandbox.agencies.ess.subscribing import MOST_WATCHED, deaths_of


@pytest.mark.parametrize("count", [1, 51, MOST_WATCHED])
def test_one_subscription_watches_everybody_enrolled_because_a_second_would_take_its_place(count: int) -> None:
    numbers = [f"1990{place:08d}" for place in range(count)]
    items: Any = deaths_of(numbers)["subscribe_request"]
    (item,) = items
    criteria = item["subscribe_criteria"]
    read = read_query({"query_type": criteria["filter_type"], "query": criteria["filter"]})
    listed: list[Any] = [each.value for each in comparisons(read)]
    assert sorted(chain.from_iterable(listed)) == numbers
