"""What is remembered between requests never says anything else than `decide` does, whenever it is asked."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from consent import Facts, Request, decide
from consent.decide_many import Alike
from tests.properties.test_consent_properties import NOW, cases, somebody_else

MOMENTS = st.integers(-40, 40).map(lambda days: NOW + timedelta(days=days))


@settings(max_examples=200)
@given(st.lists(cases, min_size=1, max_size=3), st.lists(MOMENTS, min_size=1, max_size=3), st.integers(1, 4))
def test_a_decision_is_the_same_whatever_was_decided_before(
    some: list[tuple[Request, Facts]], moments: list[datetime], most: int
) -> None:
    some = [somebody_else(*case, name) for case in some for name in ("", "x")]
    alike = Alike(most=most)  # so few that templates are dropped on the way
    for now in [*moments, *moments]:
        assert [alike(*case, now) for case in some] == [decide(*case, now) for case in some]
