"""What of a provider's events a subscriber wants: a condition over the event's record and the numbers beside it.

A filter is plain JSON: a comparison `{"attribute", "operator", "value"}`, or `{"all": [...]}`, `{"any": [...]}`,
`{"not": ...}` of them; the edges make it of DCI's forms (`edges.dci.filtering`) and of the native one. An attribute is
a path (`location.district`); in a list, one element that fits is enough.

What is missing, or of another kind than what it is compared with, is neither true nor false, and neither is its
negation: an event is told only if the filter is surely true. So a filter never learns what its owner may not know from
an event's *absence* of a field; and what it looks at must be granted to the subscriber (`attributes`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Filter = Mapping[str, Any]
Facts = Mapping[str, Any]
Test = Callable[[Facts], bool | None]
ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": lambda found, wanted: bool(found < wanted),
    "le": lambda found, wanted: bool(found <= wanted),
    "gt": lambda found, wanted: bool(found > wanted),
    "ge": lambda found, wanted: bool(found >= wanted),
}


def compiled(wanted: Filter | None) -> Test:
    """The filter as a function of an event's facts; None wants everything."""
    if wanted is None:
        return lambda _facts: True
    if "all" in wanted:
        return _all([compiled(each) for each in wanted["all"]])
    if "any" in wanted:
        return _any([compiled(each) for each in wanted["any"]])
    if "not" in wanted:
        inner = compiled(wanted["not"])
        return lambda facts: None if (held := inner(facts)) is None else not held
    return _comparison(str(wanted["attribute"]).split("."), wanted["operator"], wanted["value"])


def attributes(wanted: Filter | None) -> frozenset[str]:
    """The members of the record, or types of numbers, that it looks at: the first part of each path."""
    return frozenset(str(each["attribute"]).partition(".")[0] for each in _comparisons(wanted))


def must_equal(wanted: Filter | None) -> tuple[str, object] | None:
    """An (attribute, value) without which it is never true, for finding filters by an event; None where none is."""
    parts = wanted["all"] if wanted is not None and "all" in wanted else [wanted]
    for each in parts:
        if each is not None and each.get("operator") == "eq" and "." not in str(each["attribute"]):
            return str(each["attribute"]), each["value"]
    return None


def _comparisons(wanted: Filter | None) -> Iterator[Filter]:
    if wanted is None:
        return
    if "attribute" in wanted:
        yield wanted
        return
    for part in (*wanted.get("all", ()), *wanted.get("any", ()), *filter(None, [wanted.get("not")])):
        yield from _comparisons(part)


def _all(parts: Sequence[Test]) -> Test:
    def test(facts: Facts) -> bool | None:
        unknown = False
        for part in parts:
            held = part(facts)
            if held is False:
                return False
            unknown = unknown or held is None
        return None if unknown else True

    return test


def _any(parts: Sequence[Test]) -> Test:
    def test(facts: Facts) -> bool | None:
        unknown = False
        for part in parts:
            held = part(facts)
            if held:
                return True
            unknown = unknown or held is None
        return None if unknown else False

    return test


def _comparison(path: Sequence[str], operator: str, wanted: object) -> Test:
    among = list(wanted) if operator == "in" and isinstance(wanted, list | tuple) else [wanted]

    def test(facts: Facts) -> bool | None:
        held = [each for found in _values(facts, path) if (each := _compared(found, operator, among)) is not None]
        return any(held) if held else None

    return test


def _compared(found: object, operator: str, among: Sequence[object]) -> bool | None:
    same = [each for each in among if _kind(each) == _kind(found)]
    if not same:
        return None
    return ORDERS[operator](found, same[0]) if operator in ORDERS else found in same


def _kind(value: object) -> object:
    """Numbers are one kind; a boolean is no number; objects compare with nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return bool if isinstance(value, bool) else object()
    return str if isinstance(value, str) else float


def _values(value: Any, path: Sequence[str]) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _values(each, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
