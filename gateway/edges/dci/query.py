"""DCI's query dialects, as far as they name one person: into the subject of an `Ask`.

`idtype-value` gives one identifier. `expression` gives a conjunction of equalities over an allow-list: identifier
types of the country, `birth_date`, `name`. Everything else is refused with the code for criteria.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from ...model import Identifier, Name, Subject
from ...profile import Profile

ALIASES = frozenset({"UIN", "NID"})  # DCI's and OpenCRVS's words for the national number


class QueryRefused(Exception):
    """This query cannot be put here; the text says what can."""


def subject_of(criteria: Mapping[str, Any], profile: Profile) -> Subject:
    """The person that the criteria name.

    Raises:
        QueryRefused: another dialect, operator or attribute.
    """
    kind, query = criteria["query_type"], criteria["query"]
    if kind == "idtype-value" and isinstance(query, Mapping):
        return _subject({str(query.get("type")): query.get("value")}, profile)
    if kind == "expression" and isinstance(query, Mapping):
        return _subject(dict(_equalities(_expression(query))), profile)
    raise QueryRefused("query_type is idtype-value or expression here")


def _expression(query: Mapping[str, Any]) -> Any:
    value = query.get("value")
    expression = value.get("expression") if isinstance(value, Mapping) else None
    if not isinstance(expression, Mapping) or not isinstance(expression.get("query"), Mapping):
        raise QueryRefused("value.expression.query is an object of conditions; GraphQL is not taken")
    return expression["query"]


def _equalities(condition: Any) -> Iterator[tuple[str, object]]:
    if not isinstance(condition, Mapping) or not condition:
        raise QueryRefused("a condition is an object")
    for name, wanted in condition.items():
        if name == "$and" and isinstance(wanted, list):
            for each in wanted:
                yield from _equalities(each)
        elif isinstance(wanted, Mapping) and set(wanted) == {"$eq"} and not name.startswith("$"):
            yield name, wanted["$eq"]
        else:
            raise QueryRefused("conditions are $eq, joined by $and")


def _subject(found: Mapping[str, object], profile: Profile) -> Subject:
    identifiers: list[Identifier] = []
    names: tuple[Name, ...] = ()
    born = None
    for name, value in found.items():
        if not isinstance(value, str) or not value:
            raise QueryRefused("values are texts")
        kind = profile.person_key if name in ALIASES else name
        if kind in profile.patterns:
            identifiers.append(Identifier(kind, value))
        elif name == "birth_date":
            born = _day(value)
        elif name == "name":
            names = (Name("eng", "Latn", value),)
        else:
            raise QueryRefused(f"attributes are {', '.join(profile.patterns)}, birth_date and name")
    if not identifiers:
        raise QueryRefused("name at least one identifier")
    return Subject(tuple(identifiers), names, born)


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise QueryRefused("birth_date is YYYY-MM-DD") from None
