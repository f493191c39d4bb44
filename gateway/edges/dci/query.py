"""DCI's query dialects, read into one tree: comparisons, joined by `AllOf`, `AnyOf` and `Not`.

| dialect | example |
| --- | --- |
| `idtype-value` | `{"type": "UIN", "value": "..."}` |
| `expression` | `{"type": ..., "value": {"expression": {"query": {"$and": [{"poverty_score": {"$lt": 5}}]}}}}` |
| `predicate` | `[{"seq_num": 1, "expression1": {...}, "condition": "and", "expression2": {...}}]` |
| of EnrolledRequest | `{"person_identifier": {"eq": "..."}}` |

Nothing published says how the entries of a predicate belong together: here all of them hold, in the order of `seq_num`;
`not` is "the first and not the second". A GraphQL query is refused, whichever dialect it comes in.

Source: SPDCI OpenAPI 1.0.0 `SearchRequest`, `ExpPredicate`; the operators of `expression` are those of its examples.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEEPEST, MOST, LONGEST = 8, 50, 200  # levels, comparisons, characters of an attribute or a value
OPERATORS: Mapping[str, str] = {
    **{name: name for name in ("eq", "lt", "gt", "le", "ge", "in")},
    "lte": "le",
    "gte": "ge",
}
NO_GRAPHQL = "GraphQL queries are not taken; use idtype-value, expression or predicate"


class QueryRefused(Exception):
    """This query cannot be put here; the text says what can, and repeats nothing of it.

    `code` is DCI's: of the criteria, the sort or the pagination.
    """

    def __init__(self, text: str, code: str = "rjct.search_criteria.invalid") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operator` is one of eq, lt, gt, le, ge, in; the value a text, a number, a boolean, or a tuple of them for in."""

    attribute: str
    operator: str
    value: object


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Query"


Query = Comparison | AllOf | AnyOf | Not


def purpose_of(criteria: Mapping[str, Any], agreed: str = "") -> str:
    """The purpose's code, or the one agreed with the sender; what it says of consent beside it is a claim, never proof.

    Raises:
        QueryRefused: there is none.
    """
    for member in ("authorize", "consent"):
        stated = criteria.get(member)
        purpose = stated.get("purpose") if isinstance(stated, Mapping) else None
        if isinstance(purpose, Mapping) and isinstance(purpose.get("code"), str):
            return str(purpose["code"])
    if agreed:
        return agreed
    raise QueryRefused("name the purpose in authorize.purpose.code or consent.purpose.code")


def read_query(criteria: Mapping[str, Any]) -> Query:
    """The tree of `query_type` and `query`; without a `query_type`, of EnrolledRequest's own dialect.

    Raises:
        QueryRefused: another dialect or operator, or too much of it.
    """
    kind, query = criteria.get("query_type", ""), criteria.get("query")
    if kind == "graphql":
        raise QueryRefused(NO_GRAPHQL)
    if kind == "predicate":
        tree = _predicate(query)
    elif isinstance(query, Mapping) and kind == "idtype-value" and "value" in query:
        tree = Comparison(_name(query.get("type")), "eq", _value(query["value"]))
    elif isinstance(query, Mapping) and kind == "expression" and "value" in query:
        tree = _condition(_expression(query), DEEPEST)
    elif isinstance(query, Mapping) and query:
        tree = _condition(query, DEEPEST)
    else:
        raise QueryRefused("query has the form of its query_type: idtype-value, expression or predicate")
    if sum(1 for _ in comparisons(tree)) > MOST:
        raise QueryRefused(f"a query has at most {MOST} comparisons")
    return tree


def comparisons(query: Query) -> Iterator[Comparison]:
    """All of them, in their order."""
    if isinstance(query, Comparison):
        yield query
    elif isinstance(query, Not):
        yield from comparisons(query.part)
    else:
        for part in query.parts:
            yield from comparisons(part)


def _expression(query: Mapping[str, Any]) -> Mapping[str, Any]:
    value = query["value"]
    expression = value.get("expression", value) if isinstance(value, Mapping) else value
    if isinstance(expression, str):
        raise QueryRefused(NO_GRAPHQL)
    found = expression.get("query", expression) if isinstance(expression, Mapping) else None
    if not isinstance(found, Mapping):
        raise QueryRefused("value.expression.query is an object of conditions")
    return found


def _condition(condition: object, deeper: int) -> Query:
    if not isinstance(condition, Mapping) or not condition or deeper == 0:
        raise QueryRefused(f"a condition is an object with a member at least, in at most {DEEPEST} levels")
    return _all([_member(str(name), wanted, deeper) for name, wanted in condition.items()])


def _member(name: str, wanted: object, deeper: int) -> Query:
    if name in {"$and", "$or"} and isinstance(wanted, list) and wanted:
        parts = tuple(_condition(each, deeper - 1) for each in wanted)
        return _all(parts) if name == "$and" else AnyOf(parts)
    if name == "$not":
        return Not(_condition(wanted, deeper - 1))
    if name.startswith("$"):
        raise QueryRefused("conditions are joined by $and, $or and $not, each over a list or an object")
    if not isinstance(wanted, Mapping):
        return Comparison(_name(name), "eq", _value(wanted))
    return _all([_compared(name, operator, value) for operator, value in wanted.items()])


def _compared(name: str, operator: object, value: object) -> Comparison:
    known = OPERATORS.get(str(operator).removeprefix("$"))
    if known is None:
        raise QueryRefused("the operators are eq, lt, lte, gt, gte and in; $elemMatch and patterns are not taken")
    if known != "in":
        return Comparison(_name(name), known, _value(value))
    if not isinstance(value, list) or not 1 <= len(value) <= MOST:
        raise QueryRefused(f"`in` takes a list of 1 to {MOST} values")
    return Comparison(_name(name), "in", tuple(_value(each) for each in value))


def _predicate(entries: object) -> Query:
    if isinstance(entries, Mapping):
        entries = [entries]
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST:
        raise QueryRefused(f"a predicate is a list of 1 to {MOST} entries")
    ordered = sorted(enumerate(entries), key=lambda each: (_sequence(each[1]), each[0]))
    return _all([_entry(each) for _, each in ordered])


def _sequence(entry: object) -> float:
    number = entry.get("seq_num", 0) if isinstance(entry, Mapping) else 0
    return number if isinstance(number, int | float) else 0


def _entry(entry: object) -> Query:
    if not isinstance(entry, Mapping):
        raise QueryRefused("an entry of a predicate has expression1, and condition with expression2")
    first, condition = _simple(entry.get("expression1")), entry.get("condition")
    if "expression2" not in entry:
        return Not(first) if condition == "not" else first
    second = _simple(entry["expression2"])
    if condition == "or":
        return AnyOf((first, second))
    if condition == "not":
        return AllOf((first, Not(second)))
    if condition not in {"and", None}:
        raise QueryRefused("condition is and, or or not")
    return AllOf((first, second))


def _simple(expression: object) -> Comparison:
    if not isinstance(expression, Mapping):
        raise QueryRefused("an expression has attribute_name, operator and attribute_value")
    value = expression.get("attribute_value")
    if expression.get("operator") == "in" and isinstance(value, str):
        value = [each.strip() for each in value.split(",")]
    return _compared(str(expression.get("attribute_name", "")), expression.get("operator"), value)


def _all(parts: Sequence[Query]) -> Query:
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST:
        raise QueryRefused(f"an attribute is a text of 1 to {LONGEST} characters")
    return name


def _value(value: object) -> object:
    if isinstance(value, str) and not 0 < len(value) <= LONGEST:
        raise QueryRefused(f"a value has 1 to {LONGEST} characters")
    if not isinstance(value, str | int | float | bool):
        raise QueryRefused("a value is a text, a number, true or false")
    return value
