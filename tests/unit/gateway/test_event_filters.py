"""Filters tell only what is surely wanted; frequencies are crontab's, on the country's clock."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edges.dci.filtering import filter_of, native
from gateway.edges.dci.names import Names
from gateway.edges.dci.query import QueryRefused
from gateway.events.cron import Cron, CronRefused, checked_frequency
from gateway.events.filters import attributes, compiled, must_equal
from gateway.events.types import type_of
from gateway.profile import load_profile
from gateway.trust.person import PersonRef
from gateway.trust.policy import DciPolicy

PROFILE = load_profile("lk")
PERSON = PersonRef(PROFILE.raw, b"p" * 32)
NAMES = Names(DciPolicy(names=("attribute:jina=name",)))
FACTS = {
    "event": "death",
    "date": "2026-10-30",
    "months": 7,
    "ended": False,
    "location": {"district": "LK-11"},
    "checks": [{"code": "a"}, {"code": "b"}],
    "name": "x",
    "NIC": "198512300456",
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"event": "death"}, True),
        ({"event": {"$eq": "birth"}}, None),
        ({"date": {"$gte": "2026-10-01", "$lt": "2026-11-01"}}, True),
        ({"months": {"gt": 7}}, False),
        ({"months": {"$in": [6, 7]}}, True),
        ({"months": "7"}, None),
        ({"ended": False}, True),
        ({"ended": 0}, None),
        ({"location.district": "LK-11"}, True),
        ({"checks.code": {"$eq": "b"}}, True),
        ({"absent": "x"}, None),
        ({"$not": {"absent": "x"}}, None),
        ({"$not": {"event": "birth"}}, True),
        ({"$or": [{"absent": "x"}, {"event": "death"}]}, True),
        ({"$and": [{"absent": "x"}, {"event": "death"}]}, None),
        ({"NIC": "850123456V"}, False),
        ({"NIC": "851230456V"}, True),
    ],
)
def test_a_filter_holds_only_for_what_is_surely_so(condition: dict[str, Any], holds: bool | None) -> None:
    wanted = native(condition, PERSON, PROFILE)
    found = compiled(wanted)(FACTS)
    assert (found is True) is (holds is True)


@pytest.mark.parametrize(
    "criteria",
    [
        {
            "filter_type": "expression",
            "filter": {"type": "x", "value": {"expression": {"query": {"NIC": FACTS["NIC"]}}}},
        },
        {"filter_type": "idtype-value", "filter": {"type": "UIN", "value": "851230456V"}},
        {
            "filter": [
                {
                    "seq_num": 1,
                    "expression1": {"attribute_name": "event", "operator": "eq", "attribute_value": "death"},
                    "condition": "and",
                    "expression2": {"attribute_name": "NIC", "operator": "eq", "attribute_value": FACTS["NIC"]},
                }
            ]
        },
        {"filter_type": "expression", "filter": {"type": "x", "value": {"expression": {"query": {"jina": "x"}}}}},
    ],
    ids=["expression", "idtype", "predicate", "partner's word"],
)
def test_each_form_of_dci_is_the_same_filter_and_an_old_number_is_the_new_one(criteria: dict[str, Any]) -> None:
    wanted = filter_of(criteria, PERSON, PROFILE, NAMES)
    assert compiled(wanted)(FACTS) is True
    assert attributes(wanted) <= {"NIC", "event", "name"}
    assert must_equal(wanted) in {("NIC", FACTS["NIC"]), ("event", "death"), ("name", "x")}


@pytest.mark.parametrize("wanted", [None, {}, {"type": "x", "value": {"expression": {"query": {}}}}])
def test_no_conditions_want_everything(wanted: object) -> None:
    assert filter_of({"filter": wanted}, PERSON, PROFILE, NAMES) is None
    assert compiled(None)(FACTS) is True


@pytest.mark.parametrize("kind", ["graphql", "regex"])
def test_graphql_and_what_is_no_dialect_are_refused(kind: str) -> None:
    with pytest.raises(QueryRefused):
        filter_of({"filter_type": kind, "filter": {"type": "x", "value": "{ person }"}}, PERSON, PROFILE, NAMES)


def test_event_types_are_one_word_in_every_spelling() -> None:
    names = ("spdci-common:RegistryEventType:LiveBirth", "live_birth", "LiveBirth", "enrollement_status_change")
    assert [type_of(each) for each in names] == ["live_birth"] * 3 + ["enrolment_status_change"]


@pytest.mark.parametrize("line", ["", "real-time", " Real-Time "])
def test_real_time_has_many_spellings(line: str) -> None:
    assert checked_frequency(line) == "real-time"


@pytest.mark.parametrize(
    "line", ["* * * *", "60 * * * *", "0 0 31 2 *", "*/0 * * * *", "a * * * *", "1-0 * * * *", "x" * 200]
)
def test_what_never_comes_round_is_refused(line: str) -> None:
    with pytest.raises(CronRefused):
        checked_frequency(line)


@pytest.mark.parametrize(
    ("line", "after", "found"),
    [
        ("0 6 * * 1-5", "2026-11-06T06:00", "2026-11-09T06:00"),  # a Friday
        ("*/15 8-9 * * *", "2026-11-06T08:50", "2026-11-06T09:00"),
        ("0 0 29 2 *", "2026-11-06T00:00", "2028-02-29T00:00"),
        ("0 0 1 * mon", "2026-11-03T00:00", "2026-11-09T00:00"),  # either day
        ("5 4 * jan sun", "2026-11-03T00:00", "2027-01-03T04:05"),
    ],
)
def test_the_next_time_is_crontabs(line: str, after: str, found: str) -> None:
    zone = ZoneInfo("Asia/Colombo")
    start = datetime.fromisoformat(after).replace(tzinfo=zone)
    assert Cron.read(line).next_after(start, zone) == datetime.fromisoformat(found).replace(tzinfo=zone)


def test_a_time_that_the_clock_skips_is_left_out() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 28, 12, tzinfo=zone)
    assert Cron.read("30 2 * * *").next_after(start, zone) == datetime(2026, 3, 30, 2, 30, tzinfo=zone)


@given(st.sampled_from([1, 5, 7, 30]), st.integers(0, 23), st.integers(0, 60 * 24 * 40))
def test_the_next_time_is_the_first_minute_that_fits(step: int, hour: int, minutes: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    found = Cron.read(f"*/{step} {hour} * * *").next_after(start, UTC)
    looked = start + timedelta(minutes=1)
    while not (looked.minute % step == 0 and looked.hour == hour):
        looked += timedelta(minutes=1)
    assert found == looked
