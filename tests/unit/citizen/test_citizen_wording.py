"""Whatever may happen to an exchange has words for the person it was about."""

from uuid import UUID

import pytest

from gateway import errors
from gateway.citizen.citizens import BURST, Pace
from gateway.citizen.finding import Place
from gateway.citizen.wording import OUTCOMES, listed


def codes(kind: type[errors.ExchangeError]) -> set[str]:
    return {kind.code}.union(*(codes(each) for each in kind.__subclasses__()))


def test_every_outcome_has_words() -> None:
    assert codes(errors.ExchangeError) - {"no_evidence"} <= OUTCOMES.keys()  # no evidence is no outcome


def test_field_names_are_read_like_a_sentence() -> None:
    assert listed(["claim:contribution_status"]) == "contribution status"
    assert listed(["a", "b_c", "d"]) == "a, b c and d"


def test_a_place_comes_back_as_it_was_and_nothing_else_is_one() -> None:
    place = Place(UUID("01a19656-4e68-7ed3-86f9-51688cd1e12a"), 7)
    assert Place.read(str(place)) == place
    for text in ("", "x", str(place.entry), f"{place.entry}.", f"{place.entry}.-1", f"{place.entry}.{'9' * 30}"):
        with pytest.raises(ValueError, match=r"place|badly formed"):
            Place.read(text)


def test_a_burst_is_let_through_and_then_one_in_its_time() -> None:
    pace = Pace(60)
    assert [pace.wait("a", 0.0) for _ in range(BURST)] == [0.0] * BURST
    assert pace.wait("a", 0.0) == pytest.approx(1.0)
    assert pace.wait("b", 0.0) == 0.0
    assert pace.wait("a", 1.0) == 0.0
    assert Pace(0).wait("a", 0.0) == 0.0
