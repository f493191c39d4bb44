"""What a DCI registry tells, understood by what its folder declares."""

from pathlib import Path
from typing import Any

import pytest

import schemas
from adapters.kit import manifest as manifests
from adapters.kit.callback import RECORD_TYPES
from adapters.kit.contract import AgencyAnswerMalformed, Identifier, Subject
from adapters.kit.declared_events import declared_event, events_told
from adapters.kit.manifest import ManifestError
from adapters.kit.mapping import compiled

DEATH = declared_event(
    "vital-event", {"types": ["Death"], "identifiers": "/reg_records/identifier", "numbers": {"UIN": "NIC"}}
)
ENROLMENT = declared_event(
    "enrolment", {"record_types": ["Member"], "identifiers": "/reg_records/identifier", "numbers": {"UIN": "NIC"}}
)
MAPPING = {
    "vital-event": compiled({"event": {"from": "/reg_event_type"}, "date": {"from": "/reg_records/day"}}),
    "enrolment": compiled(
        {
            "member_id": {"from": "/reg_records/no"},
            "state": {"from": "/reg_records/state"},
            "date": {"from": "/reg_records/day"},
        }
    ),
}
NUMBERS = [
    {"identifier_type": "PHONE", "identifier_value": "0"},
    {"identifier_type": "UIN", "identifier_value": "1990"},
]
HEAD = """
contract = 1
id = "fund"
name = "Fund"
owner = "integration@fund.example"
summary = "An invented registry."
[transport]
kind = "{kind}"
base_url = "setting:FUND_URL"
[service.{service}]
summary = "Enrolled now."
actions = ["read"]
id_types = ["NIC"]
sends = ["NIC"]
fields = ["enrolled"]
record_schema = "canonical/enrolment.v1.json"
sensitivity = "personal"
[event.{event}]
types = ["enrolment"]
identifiers = "/reg_records/identifier"
numbers = {{ UIN = "NIC" }}
"""


def notify(**data: Any) -> dict[str, Any]:
    records = {"identifier": NUMBERS, "day": "2026-10-31", "no": "M-1", "state": "enrolled"} | data.pop("records", {})
    return {"message": {"notify_event": [{"reference_id": "r1", "data": {"reg_records": records} | data}]}}


def test_an_item_is_the_first_event_that_its_types_name_however_they_are_spelt() -> None:
    envelope = notify(reg_event_type="ns:spdci:death", reg_record_type="Member")
    (told,) = events_told(envelope, (DEATH, ENROLMENT), MAPPING | {"vital-event": lambda _: VITAL}, RECORD_TYPES)
    assert (told.id, told.name, told.record) == ("r1", "vital-event", VITAL)
    (other,) = events_told(notify(reg_record_type="spdci:Member"), (DEATH, ENROLMENT), MAPPING, RECORD_TYPES)
    assert (other.name, other.record) == ("enrolment", {"member_id": "M-1", "state": "enrolled", "date": "2026-10-31"})
    assert told.subject == other.subject == Subject((Identifier("NIC", "1990"),))


VITAL: dict[str, object] = {"event": "death", "date": "2026-10-31"}


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (notify(reg_event_type="marriage"), "reg_event_type"),
        (notify(reg_record_type="Member", records={"identifier": NUMBERS[:1]}), "identifiers"),
        (notify(reg_record_type="Member", records={"identifier": "1990"}), "identifiers"),
        (notify(reg_record_type="Member", records={"state": "no such state"}), "record"),
        (notify(reg_record_type="Member", records={"no": {"deep": 1}}), "record"),
    ],
    ids=["no such event", "no number of ours", "numbers of another form", "no such state", "another type"],
)
def test_what_is_not_declared_or_does_not_fit_is_refused_without_a_value(envelope: dict[str, Any], code: str) -> None:
    with pytest.raises(AgencyAnswerMalformed) as refused:
        events_told(envelope, (DEATH, ENROLMENT), MAPPING, RECORD_TYPES)
    assert refused.value.code == code
    assert "1990" not in refused.value.detail


def test_a_missing_member_is_told_by_its_place() -> None:
    envelope = notify(reg_record_type="Member")
    del envelope["message"]["notify_event"][0]["data"]["reg_records"]["state"]
    with pytest.raises(AgencyAnswerMalformed, match="/reg_records/state"):
        events_told(envelope, (ENROLMENT,), MAPPING, RECORD_TYPES)


def test_every_event_that_can_be_declared_has_a_record() -> None:
    shape: Any = schemas.load("own/manifest.v1.json")
    declarable = set(shape["properties"]["event"]["propertyNames"]["enum"])
    assert declarable <= RECORD_TYPES.keys()


@pytest.mark.parametrize(
    ("kind", "service", "event", "told"),
    [
        ("rest", "records", "enrolment", "declared for DCI registries only"),
        ("dci", "enrolment", "enrolment", "rename the service"),
        ("dci", "records", "wedding", "breaks schemas/own/manifest.v1.json"),
    ],
)
def test_a_manifest_that_cannot_mean_it_says_so(tmp_path: Path, kind: str, service: str, event: str, told: str) -> None:
    folder = tmp_path / "fund"
    folder.mkdir()
    (folder / "manifest.toml").write_text(HEAD.format(kind=kind, service=service, event=event), "utf-8")
    with pytest.raises(ManifestError, match=told):
        manifests.load(folder)
