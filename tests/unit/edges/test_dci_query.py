"""DCI's query dialects, read into one tree, and from there to people, conditions, order and pages."""

import json
import re
from typing import Any

import pytest

from gateway.edges.dci.answering import Answered, Kept
from gateway.edges.dci.names import Names
from gateway.edges.dci.operations import INTERFACES
from gateway.edges.dci.paging import read_order
from gateway.edges.dci.people import MOST_PEOPLE, wanted
from gateway.edges.dci.query import AllOf, AnyOf, Comparison, Not, QueryRefused, read_query
from gateway.profile import load_profile
from gateway.trust.policy import DciPolicy

PROFILE = load_profile("lk")
NIC, OTHER = "199012304567", "198012304567"
PLAIN = Names(DciPolicy())


def expression(query: object) -> dict[str, Any]:
    return {"query_type": "expression", "query": {"type": "x", "value": {"expression": {"query": query}}}}


def simple(name: str, operator: str, value: object) -> dict[str, Any]:
    return {"attribute_name": name, "operator": operator, "attribute_value": value}


def named(criteria: dict[str, Any], names: Names = PLAIN) -> list[tuple[str | None, int]]:
    """Each person's number, and how many alternatives there are for the record."""
    people = wanted(read_query(criteria), PROFILE, names)
    return [(each.subject.identifier("NIC"), len(each.conditions)) for each in people]


EQUAL = Comparison("NIC", "eq", NIC)


@pytest.mark.parametrize(
    ("criteria", "tree"),
    [
        ({"query_type": "idtype-value", "query": {"type": "NIC", "value": NIC}}, EQUAL),
        (expression({"NIC": {"$eq": NIC}}), EQUAL),
        (expression({"NIC": NIC}), EQUAL),
        ({"query_type": "expression", "query": {"NIC": {"eq": NIC}}}, EQUAL),
        ({"query": {"NIC": {"eq": NIC}}}, EQUAL),
        ({"query_type": "predicate", "query": [{"expression1": simple("NIC", "eq", NIC)}]}, EQUAL),
        (expression({"a": {"$gte": 1, "$lt": 5}}), AllOf((Comparison("a", "ge", 1), Comparison("a", "lt", 5)))),
        (expression({"$or": [{"a": 1}, {"b": True}]}), AnyOf((Comparison("a", "eq", 1), Comparison("b", "eq", True)))),
        (expression({"$not": {"a": {"$in": [1, 2]}}}), Not(Comparison("a", "in", (1, 2)))),
    ],
)
def test_each_dialect_is_read_into_the_same_tree(criteria: dict[str, Any], tree: object) -> None:
    assert read_query(criteria) == tree


def test_entries_of_a_predicate_all_hold_in_the_order_of_their_numbers() -> None:
    entries = [
        {"seq_num": 2, "expression1": simple("b", "gt", 1), "condition": "not", "expression2": simple("c", "eq", 2)},
        {
            "seq_num": 1,
            "expression1": simple("a", "in", "x, y"),
            "condition": "or",
            "expression2": simple("d", "le", 3),
        },
    ]
    first = AnyOf((Comparison("a", "in", ("x", "y")), Comparison("d", "le", 3)))
    second = AllOf((Comparison("b", "gt", 1), Not(Comparison("c", "eq", 2))))
    assert read_query({"query_type": "predicate", "query": entries}) == AllOf((first, second))


@pytest.mark.parametrize(
    "criteria",
    [
        {"query_type": "graphql", "query": {}},
        {"query_type": "expression", "query": {"value": {"expression": "{person}"}}},
        {"query_type": "idtype-value", "query": {}},
        {"query_type": "predicate", "query": []},
        {"query_type": "predicate", "query": [{"expression1": simple("a", "like", "x")}]},
        {"query_type": "predicate", "query": [{"expression1": simple("a", "eq", {"x": 1})}]},
        expression({}),
        expression({"$where": "1"}),
        expression({"a": {"$elemMatch": {"b": 1}}}),
        expression({"a": {"$eq": None}}),
        expression({"a": {"$eq": "x" * 201}}),
        expression({"a": {"$in": []}}),
        expression({f"a{n}": n for n in range(51)}),
        expression({"$and": [{"$and": [{"$and": [{"$and": [{"$and": [{"$and": [{"$and": [{"$and": [{}]}]}]}]}]}]}]}]}),
    ],
)
def test_what_is_no_query_of_ours_is_refused_without_repeating_it(criteria: dict[str, Any]) -> None:
    with pytest.raises(QueryRefused) as refused:
        read_query(criteria)
    assert refused.value.code == "rjct.search_criteria.invalid"
    assert not re.search(r"where|person\}", str(refused.value))


def test_each_alternative_names_a_person_and_the_rest_are_conditions_on_the_record() -> None:
    assert named(expression({"$or": [{"NIC": NIC}, {"UIN": OTHER, "age": {"$lt": 60}}]})) == [(NIC, 1), (OTHER, 1)]
    assert named(expression({"$and": [{"NIC": {"$in": [NIC, OTHER]}}, {"$or": [{"a": 1}, {"b": 2}]}]})) == [
        (NIC, 2),
        (OTHER, 2),
    ]
    renamed = Names(DciPolicy(names=("attribute:state=status", "id_type:national=NIC")))
    (person,) = wanted(read_query(expression({"national": NIC, "state": "Active"})), PROFILE, renamed)
    assert (person.subject.identifier("NIC"), person.attributes) == (NIC, {"status"})


@pytest.mark.parametrize(
    "query",
    [
        {"poverty_score": {"$lt": 5}},
        {"$or": [{"NIC": NIC}, {"age": 5}]},
        {"NIC": {"$gt": NIC}},
        {"$not": {"NIC": NIC}},
        {"$and": [{"NIC": NIC}, {"NIC": OTHER}]},
        {"NIC": 199012304567},
        {"NIC": NIC, "birth_date": "yesterday"},
        {"NIC": NIC, "a b": 1},
    ],
)
def test_nobody_is_found_by_what_they_are_like(query: dict[str, Any]) -> None:
    with pytest.raises(QueryRefused):
        named(expression(query))


def test_an_item_names_only_so_many_people() -> None:
    many = [f"1990{n:08d}" for n in range(MOST_PEOPLE)]
    assert len(named(expression({"NIC": {"$in": many}}))) == MOST_PEOPLE
    with pytest.raises(QueryRefused, match="at most"):
        named(expression({"$or": [{"NIC": {"$in": many}}, {"NIC": OTHER}]}))
    wide = [{"$or": [{f"a{n}": 1}, {f"b{n}": 1}]} for n in range(9)]
    with pytest.raises(QueryRefused, match="too many alternatives"):
        named(expression({"$and": [{"NIC": NIC}, *wide]}))


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ({"status": "Active"}, True),
        ({"status": {"$in": ["x", "Active"]}}, True),
        ({"$not": {"status": "Active"}}, False),
        ({"months": {"$gt": 3}}, True),
        ({"months": {"$gt": "3"}}, False),
        ({"enrolled": True}, True),
        ({"enrolled": {"$gt": False}}, False),
        ({"jobs.title": "Driver"}, True),
        ({"absent": {"$lt": 9}}, False),
        ({"$not": {"absent": 1}}, False),
        ({"since": {"$gte": "2026-01-01"}}, True),
        ({"$not": {"$or": [{"months": 5}, {"status": "x"}]}}, False),
        ({"$not": {"$and": [{"months": 5}, {"status": "x"}]}}, True),
    ],
)
def test_a_condition_compares_like_with_like_and_what_is_absent_fits_nothing(
    condition: dict[str, Any], *, fits: bool
) -> None:
    record = {"status": "Active", "months": 5, "enrolled": True, "since": "2026-02-01", "none": None}
    record["jobs"] = [{"title": "Cook"}, {"title": "Driver"}]
    (person,) = wanted(read_query(expression({"$and": [{"NIC": NIC}, condition]})), PROFILE, PLAIN)
    assert person.fits(record) is fits


def test_records_are_sorted_by_several_keys_and_what_has_no_value_comes_last() -> None:
    rows: list[dict[str, Any]] = [{"a": 2, "b": "x"}, {"b": "y"}, {"a": 1, "b": "z"}, {"a": 2, "b": "a"}]
    sort = [{"attribute_name": "a", "sort_order": "desc"}, {"attribute_name": "b"}]
    order = read_order({"sort": sort, "pagination": {"page_size": 3, "page_number": 1}}, one=False)
    assert order.sorted(rows, lambda each: each) == [rows[3], rows[0], rows[2], rows[1]]
    assert read_order({"pagination": {"page_size": 50}}, one=True).told == {"page_size": 1, "page_number": 1}


@pytest.mark.parametrize(("number", "places"), [(1, [3, 0, 2]), (2, [1]), (3, [])])
def test_a_page_is_that_part_of_what_was_found_and_its_total_is_all_of_it(number: int, places: list[int]) -> None:
    found = [Kept(place, {"n": place}, {}) for place in (3, 0, 2, 1)]
    kept = (*found, Kept(4, None, {"receipt": "r"}))
    end = Answered("r1", "eng", "succ", kept=kept, page={"page_size": 3, "page_number": number})
    shown = Answered.read(json.loads(json.dumps(end.document()))).wire(INTERFACES["SR"])
    assert [each["n"] for each in shown["data"]["reg_records"]] == places
    assert shown["pagination"] == {"page_size": 3, "page_number": number, "total_count": 4}


@pytest.mark.parametrize("page", [{"page_size": 0}, {"page_size": 101}, {"page_size": 1.5}, {"page_size": True}, {}])
def test_a_page_has_limits(page: dict[str, Any]) -> None:
    with pytest.raises(QueryRefused) as refused:
        read_order({"pagination": page | {"page_number": 1}}, one=False)
    assert refused.value.code == "rjct.pagination.invalid"
