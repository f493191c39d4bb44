"""Wherever a health register puts a diagnosis, none is in a record, a payload, or the text of an error."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.health.adapter import Health
from adapters.kit import manifest as manifests
from adapters.kit.base import Kit
from adapters.kit.contract import AgencyError, RawAnswer
from adapters.kit.egress import Dialler

FOLDER = Path(__file__).parents[2] / "adapters/health"
SECRET = "N18.4-chronic"
SETTINGS = {"HEALTH_URL": "http://127.0.0.1:1", "HEALTH_CLIENT_ID": "c", "HEALTH_CLIENT_SECRET": "s"}
LEAVES = st.sampled_from([SECRET, f"about {SECRET}", "current", "final", "", 1, True, None])
WORDS = (
    "description content context text code type status docStatus identifier extension note category subject "
    "valuePeriod end coding system value url display"
)
KEYS = st.sampled_from([*WORDS.split(), SECRET])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
KINDS = st.sampled_from(["DocumentReference", "Condition", "Patient", "OperationOutcome"])
MODES = st.sampled_from([{"mode": "match"}, {"mode": "include"}, {"mode": "outcome"}, {}])


@st.composite
def genuine(draw: st.DrawFn) -> dict[str, Any]:
    """A certificate that stands, with whatever else in every place that is not read."""
    coding = {"system": "urn:sandhi:fhir:certificate-category", "code": "CKD", "display": SECRET}
    rest = draw(st.dictionaries(KEYS, VALUES, max_size=6))
    return rest | {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "type": {"text": SECRET, "coding": [{"system": SECRET, "code": SECRET}, coding]},
        "extension": [{"url": SECRET, "valueString": SECRET}],
    }


@pytest.fixture(scope="module")
def adapter() -> Health:
    return Health(Kit(FOLDER, manifests.load(FOLDER), {}, SETTINGS.__getitem__, Dialler({"127.0.0.1:1"})))


def told(adapter: Health, bundle: object) -> tuple[str, str]:
    """The record, and everything that is ever seen of the answer."""
    try:
        payload = adapter.parse("health.certificate", json.dumps(bundle).encode())
        record = json.dumps(adapter.normalise("health.certificate", RawAnswer(payload, date(2026, 10, 31))))
    except AgencyError as error:
        return "", f"{error} {error.code} {error.detail}"
    return record, f"{record} {payload}"


def entry(resource: object, search: object) -> dict[str, object]:
    return {"resource": resource, "search": search}


@given(document=genuine(), others=st.lists(st.tuples(KINDS, VALUES), max_size=3))
def test_a_genuine_certificate_tells_three_things_and_nothing_else(
    adapter: Health, document: dict[str, Any], others: list[tuple[str, object]]
) -> None:
    included = [entry({"resourceType": kind, "code": value}, {"mode": "include"}) for kind, value in others]
    entries = [entry(document, {"mode": "match"}), *included]
    record, seen = told(adapter, {"resourceType": "Bundle", "type": "searchset", "entry": entries, "note": SECRET})
    assert json.loads(record) == {"genuine": True, "category": "kidney", "valid_until": None}
    assert SECRET not in seen


@given(entries=st.lists(st.tuples(KINDS, st.dictionaries(KEYS, VALUES, max_size=8), MODES), max_size=3))
def test_no_answer_at_all_shows_a_diagnosis_in_a_record_or_an_error(
    adapter: Health, entries: list[tuple[str, dict[str, object], dict[str, str]]]
) -> None:
    listed = [entry(content | {"resourceType": kind}, mode) for kind, content, mode in entries]
    record, seen = told(adapter, {"resourceType": "Bundle", "type": "searchset", "entry": listed})
    assert SECRET not in record
    assert record or SECRET not in seen


@given(value=VALUES)
def test_nor_does_what_is_no_bundle(adapter: Health, value: object) -> None:
    assert SECRET not in told(adapter, value)[1]
