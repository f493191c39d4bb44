"""Properties of the kit that hold for any input."""

import contextlib
import json
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from adapters.kit import months, strict_json, strict_xml
from adapters.kit.converters import CONVERTERS, ConverterError
from adapters.kit.mapping import MappingError, compiled
from adapters.kit.names import folded
from adapters.kit.nic import new_form

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
MONTH = st.dates(date(1950, 1, 1), date(2090, 12, 31)).map(lambda day: day.isoformat()[:7])


@given(JSON, st.booleans())
def test_whatever_is_good_json_comes_through_unchanged(value: object, escape: bool) -> None:
    assert strict_json.loads(json.dumps(value, ensure_ascii=escape).encode("utf-8", "surrogatepass")) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_never_crash_a_loader(data: bytes) -> None:
    for read in (strict_json.loads, strict_xml.parse):
        with contextlib.suppress(strict_json.StrictError):
            read(data)


@given(st.text("<>/!?[]&;ab \"'=x:-", max_size=60))
def test_any_markup_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(strict_json.StrictError):
        assert strict_xml.parse(text.encode()).getroottree().docinfo.doctype == ""


@given(JSON)
def test_every_converter_converts_or_refuses(value: object) -> None:
    for converter in CONVERTERS.values():
        try:
            json.dumps(converter(value))
        except ConverterError:
            continue


@given(st.integers(-(10**15), 10**15))
def test_cents_keep_money_exact(amount: int) -> None:
    text = CONVERTERS["cents"](amount)
    assert Decimal(str(text)) * 100 == amount
    assert CONVERTERS["decimal"](text) == text


@given(JSON)
def test_any_answer_maps_or_is_refused_and_only_declared_fields_come_out(raw: object) -> None:
    mapper = compiled(
        {
            "a": {"from": "/a", "optional": "yes"},
            "b": {"from": "/b/0", "with": "text", "optional": "null"},
            "c": {"from": "/c", "each": {"d": {"from": "/d"}}, "optional": "yes"},
        }
    )
    with contextlib.suppress(MappingError):
        assert mapper(raw).keys() <= {"a", "b", "c"}


@given(MONTH, st.integers(1, 48))
def test_months_are_whole_and_end_where_they_should(last: str, count: int) -> None:
    window = months.until(last, count)
    assert len(window) == len(set(window)) == count
    assert window[-1] == last == max(window)
    assert months.number(window[-1]) - months.number(window[0]) == count - 1
    assert months.last_day(last).isoformat()[:7] == last


@given(st.dates(date(1950, 1, 1), date(2090, 12, 31)), st.integers(0, 24))
def test_the_closed_month_is_that_many_months_back(day: date, lag: int) -> None:
    assert months.number(day.isoformat()[:7]) - months.number(months.closed(day, lag)) == lag


@given(st.text())
def test_folding_is_stable_and_ignores_case_and_spacing(name: str) -> None:
    assert folded(folded(name)) == folded(name)
    assert folded(f"  {name}  ") == folded(name)


@given(st.from_regex(r"\A[0-9]{9}[VXvx]\Z"))
def test_the_new_form_of_a_number_is_stable(number: str) -> None:
    assert len(new_form(number)) == 12
    assert new_form(new_form(number)) == new_form(number)
