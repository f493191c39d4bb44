"""Signs of drift are shapes, never values; few odd answers raise nothing."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.registration.drift import FEWEST, NEWEST, Drift, known, shapes

ANSWER = {"office": "LK-11", "offers": [{"code": "A", "title": "x"}, {"code": "B"}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def test_shapes_are_paths_of_members() -> None:
    assert set(shapes(ANSWER)) == {("office",), ("offers",), ("offers", "[]", "code"), ("offers", "[]", "title")}


@given(JSON)
def test_an_answer_like_a_sample_is_never_strange(answer: object) -> None:
    found = known([answer])
    assert found is None or not found.strange(answer)


def test_a_member_of_the_schema_is_known_without_a_sample() -> None:
    schema = {
        "properties": {
            "offers": {"items": {"$ref": "#/$defs/offer"}},
            "notes": {"additionalProperties": {"type": "string"}},
        },
        "$defs": {"offer": {"properties": {"code": {}}}},
    }
    found = known([], [schema])
    assert found is not None
    assert not found.strange({"offers": [{"code": 1}], "notes": {"anything": "goes"}})
    assert found.strange({"offers": [{"code": 1, "new": 2}]})
    assert found.strange({"extra": 1})


def test_nothing_known_is_nothing_strange() -> None:
    drift = Drift(known([]))
    assert not any(drift.see({"any": "thing"}) for _ in range(FEWEST * 2))
    assert not drift.alarming


def test_the_alarm_wants_many_answers_and_more_than_one_in_twenty_odd() -> None:
    few = Drift(known([ANSWER]))
    for _ in range(FEWEST - 1):
        few.see_broken()
    assert not few.alarming
    few.see_broken()
    assert few.alarming
    mostly = Drift(known([ANSWER]))
    for number in range(100):
        mostly.see(ANSWER | ({"new": 1} if number % 20 == 0 else {}))
    assert not mostly.alarming
    mostly.see_broken()
    assert mostly.alarming


def test_old_answers_are_forgotten() -> None:
    drift = Drift(known([ANSWER]))
    for _ in range(FEWEST):
        drift.see_broken()
    for _ in range(NEWEST):
        drift.see(ANSWER)
    assert not drift.alarming
