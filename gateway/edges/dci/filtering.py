"""The `filter` of `subscribe_criteria`, in any of DCI's dialects, as the filter that subscriptions keep."""

from collections.abc import Mapping
from typing import Any

from ...events.filters import Filter
from ...profile import Profile
from ...trust.person import PersonRef
from ...trust.policy import DciPolicy
from .names import Names
from .people import NATIONAL
from .query import AllOf, AnyOf, Comparison, Query, QueryRefused, read_query

KINDS = frozenset({"idtype-value", "expression", "predicate"})


def filter_of(criteria: Mapping[str, Any], person_ref: PersonRef, profile: Profile, names: Names) -> Filter | None:
    """The condition; None where everything is wanted: no filter, or an expression without conditions.

    Attributes are those of the record, and the country's types of numbers; the partner's words for them are read.

    Raises:
        QueryRefused: GraphQL, another dialect or operator, or too much of it.
    """
    kind, wanted = criteria.get("filter_type") or _kind(criteria.get("filter")), criteria.get("filter")
    if kind not in KINDS:
        raise QueryRefused("filter_type is idtype-value, expression or predicate; GraphQL is not taken")
    if _wants_all(wanted):
        return None
    return _document(read_query({"query_type": kind, "query": wanted}), person_ref, profile, names)


def native(condition: Mapping[str, Any], person_ref: PersonRef, profile: Profile) -> Filter | None:
    """The same of the native interface's `filter`: the conditions of an expression, without what DCI puts around."""
    plain = Names(DciPolicy())
    return _document(read_query({"query": condition}), person_ref, profile, plain) if condition else None


def _kind(wanted: object) -> str:
    """What a filter is whose sender did not say so (`filter_type` is optional)."""
    if isinstance(wanted, list):
        return "predicate"
    named = str(wanted.get("type", "")).rpartition(":")[2] if isinstance(wanted, Mapping) else ""
    return named if named in {"expression", "predicate", "graphql"} else "idtype-value"


def _wants_all(wanted: object) -> bool:
    if not isinstance(wanted, Mapping):
        return not wanted
    value = wanted.get("value", {}) if wanted else {}
    expression = value.get("expression", value) if isinstance(value, Mapping) else value
    conditions = expression.get("query", expression) if isinstance(expression, Mapping) else expression
    return isinstance(conditions, Mapping) and not conditions


def _document(query: Query, person_ref: PersonRef, profile: Profile, names: Names) -> Filter:
    if isinstance(query, Comparison):
        attribute = names.ours("id_type", names.ours("attribute", query.attribute))
        attribute = profile.person_key if attribute in NATIONAL else attribute
        values = list(query.value) if isinstance(query.value, tuple) else [query.value]
        if attribute in profile.patterns:  # the old form of a number is the same number
            values = [person_ref.normal(attribute, str(each)) for each in values]
        value = values if query.operator == "in" else values[0]
        return {"attribute": attribute, "operator": query.operator, "value": value}
    if isinstance(query, AllOf | AnyOf):
        parts = [_document(each, person_ref, profile, names) for each in query.parts]
        return {"all" if isinstance(query, AllOf) else "any": parts}
    return {"not": _document(query.part, person_ref, profile, names)}


__all__ = ["QueryRefused", "filter_of", "native"]
