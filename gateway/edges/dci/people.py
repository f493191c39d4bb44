"""From a query's tree to whom it names: each alternative of the query is one person, and conditions on their record.

Nobody is found by what they are like: an alternative names a person by a number, and the conditions only say whether
that person's record is wanted. What may be asked about is in the agreement: identifiers and matching attributes as far
as its grant `sends` them, conditions and sorting by the fields it releases. So a condition tells no more than the
record does.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

from ...model import Identifier, Name, Subject
from ...profile import Profile
from .names import Names
from .query import AnyOf, Comparison, Not, Query, QueryRefused

NATIONAL = frozenset({"UIN", "NID", "person_identifier", "national_id"})  # words of DCI and its peers for the number
BIRTH = frozenset({"birth_date", "birthdate", "date_of_birth"})
MOST_PEOPLE = 50  # that one item may name
PATH = re.compile(r"[a-z][a-z0-9_]{0,63}(?:\.[a-z][a-z0-9_]{0,63}){0,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Condition:
    """On a record: the comparison holds for one of the values at its attribute, or for none of them if negated."""

    comparison: Comparison
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """One person, and the alternatives of which one must hold for the record; an empty alternative always does."""

    subject: Subject
    conditions: tuple[tuple[Condition, ...], ...]

    @property
    def attributes(self) -> frozenset[str]:
        """The fields that the conditions look at."""
        return frozenset(each.comparison.attribute.partition(".")[0] for branch in self.conditions for each in branch)

    def fits(self, record: Mapping[str, Any]) -> bool:
        """Whether the record is wanted. What is absent fits no comparison."""
        return any(all(_holds(each, record) for each in branch) for branch in self.conditions)


def wanted(query: Query, profile: Profile, names: Names) -> list[Wanted]:
    """Everybody that the query names, each once, in its order.

    Raises:
        QueryRefused: somebody is not named by a number, or there are too many.
    """
    found: dict[Subject, list[tuple[Condition, ...]]] = {}
    for branch in _branches(query, negated=False):
        subject, conditions = _person(branch, profile, names)
        found.setdefault(subject, []).append(conditions)
    if len(found) > MOST_PEOPLE:
        raise QueryRefused(f"one item names at most {MOST_PEOPLE} people", "rjct.search.too_many_records_found")
    return [Wanted(subject, tuple(branches)) for subject, branches in found.items()]


def _branches(query: Query, *, negated: bool) -> list[tuple[Condition, ...]]:
    """The disjunctive normal form. Raises QueryRefused when it grows too large."""
    if isinstance(query, Not):
        return _branches(query.part, negated=not negated)
    if isinstance(query, Comparison):
        return _alternatives(query, negated=negated)
    each = [_branches(part, negated=negated) for part in query.parts]
    if isinstance(query, AnyOf) is not negated:  # De Morgan: a negated All is an Any
        branches = [branch for part in each for branch in part]
    else:
        size = 1
        for part in each:
            size *= len(part)
            _check_size(size)
        branches = [tuple(condition for branch in chosen for condition in branch) for chosen in product(*each)]
    _check_size(len(branches))
    return branches


def _check_size(branches: int) -> None:
    if branches > 4 * MOST_PEOPLE:
        raise QueryRefused("the query has too many alternatives; name fewer people in an item")


def _alternatives(comparison: Comparison, *, negated: bool) -> list[tuple[Condition, ...]]:
    """`in` is one alternative for each value: so each person of a list is one."""
    if comparison.operator != "in" or not isinstance(comparison.value, tuple):
        return [(Condition(comparison, negated),)]
    each = [Condition(Comparison(comparison.attribute, "eq", value), negated) for value in comparison.value]
    return [tuple(each)] if negated else [(one,) for one in each]


def _person(branch: Iterable[Condition], profile: Profile, names: Names) -> tuple[Subject, tuple[Condition, ...]]:
    identifiers: dict[str, str] = {}
    matching: dict[str, str] = {}
    conditions = []
    for each in branch:
        attribute, value = names.ours("attribute", each.comparison.attribute), each.comparison.value
        kind = names.ours("id_type", attribute)
        kind = profile.person_key if kind in NATIONAL else kind
        equal = each.comparison.operator == "eq" and not each.negated
        if kind in profile.patterns:
            _add(identifiers, kind, value, equal=equal)
        elif equal and (attribute in BIRTH or attribute == "name"):
            _add(matching, "name" if attribute == "name" else "birth_date", value, equal=True)
        else:
            conditions.append(_condition(each, attribute, profile))
    if not identifiers:
        raise QueryRefused("each alternative names a person by an identifier")
    named = (Name("eng", "Latn", matching["name"]),) if "name" in matching else ()
    born = _day(matching["birth_date"]) if "birth_date" in matching else None
    return Subject(tuple(Identifier(*each) for each in identifiers.items()), named, born), tuple(conditions)


def _add(found: dict[str, str], kind: str, value: object, *, equal: bool) -> None:
    if not equal or not isinstance(value, str) or found.get(kind, value) != value:
        raise QueryRefused("a person is named by equal identifiers, one of each type, as texts")
    found[kind] = value


def _condition(condition: Condition, attribute: str, profile: Profile) -> Condition:
    attribute = "birth_date" if attribute in BIRTH else attribute
    if not PATH.fullmatch(attribute):
        types = ", ".join(profile.patterns)
        raise QueryRefused(f"attributes are {types}, birth_date, name, and the service's fields")
    comparison = condition.comparison
    return Condition(Comparison(attribute, comparison.operator, comparison.value), condition.negated)


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise QueryRefused("birth_date is YYYY-MM-DD") from None


def _holds(condition: Condition, record: Mapping[str, Any]) -> bool:
    comparison = condition.comparison
    found = list(values_at(record, comparison.attribute))
    if not found:
        return False
    return any(_compares(each, comparison) for each in found) is not condition.negated


def values_at(record: object, path: str) -> Iterator[object]:
    """The plain values at a path of members; a list stands for each of its items."""
    if isinstance(record, Sequence) and not isinstance(record, str):
        for each in record:
            yield from values_at(each, path)
    elif not path:
        if isinstance(record, str | int | float | bool):
            yield record
    elif isinstance(record, Mapping):
        member, _, rest = path.partition(".")
        if member in record:
            yield from values_at(record[member], rest)


def _compares(found: object, comparison: Comparison) -> bool:
    wanted_value: Any = comparison.value
    left: Any = found
    if isinstance(left, bool) or isinstance(wanted_value, bool):
        return comparison.operator == "eq" and left is wanted_value
    if isinstance(left, str) is not isinstance(wanted_value, str):
        return False
    order = (left > wanted_value) - (left < wanted_value)
    found_so: Mapping[str, bool] = {
        "eq": order == 0,
        "lt": order < 0,
        "gt": order > 0,
        "le": order <= 0,
        "ge": order >= 0,
    }
    return found_so[comparison.operator]
