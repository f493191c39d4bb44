"""How many subschemas may judge one value: what makes a JSON Schema expensive.

`anyOf` of two references to an `anyOf` of two references... doubles the work with every level, without any pattern.
What a validator does with the worst document can be counted beforehand: from the root we follow which subschemas judge
the same value, and which of them judge each of its members, again and again until nothing new appears. Every set that
we meet this way is the work on one value; none may hold more than 200 subschemas, each as often as it is reached.

Members with different names are different values, so a tree that refers to itself under `left` and `right` costs
nothing; `allOf` of two references to the schema itself under one name grows, and is refused.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .refused import ProgramRefused

MOST = 200
MOST_STEPS = 200_000  # of this count itself

Schema = Any  # what a subschema may be: an object, true or false
Resolve = Callable[[str], Schema]
Reached = Counter[int]  # subschema, by id() -> how often it judges one value

_LISTS = ("allOf", "anyOf", "oneOf")
_ONES = ("not", "if", "then", "else")
_ANY_ENTRY = ("items", "additionalItems", "unevaluatedItems", "contains")
_ANY_MEMBER = ("additionalProperties", "unevaluatedProperties")
_OTHER, _ENTRY, _KEY = "other member", "entry", "key"  # beside ("member", name) and ("at", index)
_ENTRIES_OF_ENUM = 100  # so many cost about as much as a subschema


def check(root: Schema, resolve: Resolve) -> None:
    """Raise unless every value of every document is judged by at most 200 subschemas.

    Raises:
        ProgramRefused: `branches`, or `recursion` for a schema that refers to itself without going deeper.
    """
    _Count(resolve).walk(root)


class _Count:
    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._kept: dict[int, Schema] = {0: False, 1: True}
        self._same: dict[int, Reached] = {}
        self._at_work: set[int] = set()
        self._steps = 0

    def walk(self, root: Schema) -> None:
        """From the root to everything that can be reached, one set of subschemas after the other."""
        waiting = [self._judging(Counter({self._id(root): 1}))]
        seen: set[frozenset[tuple[int, int]]] = set()
        while waiting:
            reached = waiting.pop()
            key = frozenset(reached.items())
            if key in seen:
                continue
            seen.add(key)
            waiting += [self._judging(each) for each in self._members(reached)]

    def _judging(self, reached: Reached) -> Reached:
        """With everything that judges the same value."""
        found: Reached = Counter()
        for number, times in reached.items():
            for other, more in self._closure(number).items():
                found[other] += times * more
                self._spend()
        self._check(found)
        return found

    def _closure(self, number: int) -> Reached:
        if number in self._same:
            return self._same[number]
        if number in self._at_work:
            raise ProgramRefused("recursion", "a schema refers to itself without going deeper into the value")
        self._at_work.add(number)
        if len(self._at_work) > MOST:
            raise _too_many()
        found: Reached = Counter({number: 1})
        for schema in _in_place(self._kept[number], self._resolve):
            found.update(self._closure(self._id(schema)))
            self._check(found)
        self._at_work.discard(number)
        self._same[number] = found
        return found

    def _members(self, reached: Reached) -> Iterator[Reached]:
        """For each member a value can have, the subschemas that its own value is handed to."""
        named: dict[object, Reached] = {}
        shared: dict[str, list[tuple[Schema, int, frozenset[object]]]] = {_OTHER: [], _ENTRY: [], _KEY: []}
        for number, times in reached.items():
            schema = self._kept[number]
            for label, child in _named(schema):
                named.setdefault(label, Counter())[self._id(child)] += times
                self._spend()
            for kind, child, without in _shared(schema):
                shared[kind].append((child, times, without))
        for label in (*named, _OTHER, _ENTRY, _KEY):
            found = named.get(label, Counter())
            for child, times, without in shared[_kind(label)]:
                self._spend()
                if label not in without:
                    found[self._id(child)] += times
            if found:
                yield found

    def _id(self, schema: Schema) -> int:
        if isinstance(schema, bool):
            return int(schema)  # no object has such an id; there is nothing below it
        self._kept[id(schema)] = schema
        return id(schema)

    def _check(self, reached: Reached) -> None:
        self._spend(len(reached))
        if reached.total() + sum(_weight(self._kept[each]) for each in reached) > MOST:
            raise _too_many()

    def _spend(self, steps: int = 1) -> None:
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise ProgramRefused("branches", "the schema has too many ways through it; say it simpler")


def _too_many() -> ProgramRefused:
    return ProgramRefused("branches", f"one value would be judged by more than {MOST} subschemas; say it simpler")


def _weight(schema: Schema) -> int:
    entries = schema.get("enum") if isinstance(schema, Mapping) else None
    return len(entries) // _ENTRIES_OF_ENUM if isinstance(entries, list) else 0


def _in_place(schema: Schema, resolve: Resolve) -> Iterator[Schema]:
    """The subschemas that judge the same value."""
    if not isinstance(schema, Mapping):
        return
    if isinstance(reference := schema.get("$ref"), str):
        yield resolve(reference)
    for name in _LISTS:
        yield from _schemas(schema.get(name))
    yield from (schema[name] for name in _ONES if _is_schema(schema.get(name)))
    for name in ("dependentSchemas", "dependencies"):
        yield from _schemas(_values(schema.get(name)))


def _named(schema: Schema) -> Iterator[tuple[object, Schema]]:
    """The subschemas for one member or one entry each."""
    if not isinstance(schema, Mapping):
        return
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        yield from ((("member", name), each) for name, each in properties.items() if _is_schema(each))
    for name in ("prefixItems", "items"):
        yield from ((("at", place), each) for place, each in enumerate(_schemas(schema.get(name))))


def _shared(schema: Schema) -> Iterator[tuple[str, Schema, frozenset[object]]]:
    """Those for any member or entry: which kind, and which members they leave out."""
    if not isinstance(schema, Mapping):
        return
    named = frozenset(label for label, _ in _named(schema))
    yield from ((_OTHER, schema[name], named) for name in _ANY_MEMBER if _is_schema(schema.get(name)))
    yield from ((_OTHER, each, frozenset[object]()) for each in _schemas(_values(schema.get("patternProperties"))))
    yield from ((_ENTRY, schema[name], frozenset[object]()) for name in _ANY_ENTRY if _is_schema(schema.get(name)))
    if _is_schema(schema.get("propertyNames")):
        yield _KEY, schema["propertyNames"], frozenset()


def _kind(label: object) -> str:
    if isinstance(label, tuple):
        return _OTHER if label[0] == "member" else _ENTRY
    return str(label)


def _values(found: object) -> object:
    return list(found.values()) if isinstance(found, Mapping) else None


def _schemas(found: object) -> list[Schema]:
    return [each for each in found if _is_schema(each)] if isinstance(found, list) else []


def _is_schema(found: object) -> bool:
    return isinstance(found, Mapping | bool)
