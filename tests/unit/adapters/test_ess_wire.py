"""Canonical records to DCI Members and back, and ESS's own events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from adapters.ess.wire import FINDING, REFERRAL, UPDATE, Kind, from_wire, parse_notify, split, to_wire
from adapters.kit.contract import AgencyAnswerMalformed, AgencyRejectedMessage, Identifier, Subject

KAMALA = Subject(identifiers=(Identifier("NIC", "199012304567"),))
REFERRED: dict[str, Any] = {
    "member_id": "SR-1",
    "person": {
        "names": [
            {"language": "eng", "script": "Latn", "value": "Kamala Devi Perera"},
            {"language": "sin", "script": "Sinh", "value": "කමලා පෙරේරා"},
        ],
        "sex": "female",
        "birth_date": "1990-05-02",
        "phone": "+94771234567",
        "language": "sin",
    },
    "location": {"gn_division": "LK-1103005", "ds_division": "LK-1103", "district": "LK-11"},
    "readiness": "needs_training",
    "verify": ["tax"],
    "highest_level": 2,
    "evidence": [
        {
            "service": "pension.contributions",
            "exchange_id": "0190d7d0-0000-7000-8000-000000000001",
            "as_of": "2026-09-30",
        }
    ],
    "channel": "voice",
}
UPDATED = {"member_id": "SR-1", "event": "moved", "date": "2026-11-03", "note_code": "address"}
FOUND = {
    "member_id": "SR-1",
    "checks": [{"source": "tax", "finding": "confirmed_no_work"}],
    "found_on": "2026-11-03",
    "officer_role": "counsellor",
}

names = st.lists(
    st.fixed_dictionaries(
        {"language": st.sampled_from(["eng", "sin", "tam"]), "script": st.sampled_from(["Latn", "Sinh", "Taml"]),
         "value": st.text(min_size=1, max_size=40)}
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip
optional_person = st.fixed_dictionaries(
    {}, optional={"phone": st.just("+94771234567"), "language": st.sampled_from(["sin", "tam", "eng"])}
)
referrals = st.builds(
    lambda spelt, more, rest: (
        REFERRED | {"person": {"names": spelt, "sex": "female", "birth_date": "1990-05-02"} | more} | rest
    ),
    names,
    optional_person,
    st.fixed_dictionaries({"verify": st.sampled_from([[], ["tax"], ["education", "tax"]])}),
)


@given(referrals)
def test_a_referral_comes_back_from_the_wire_as_it_went(record: dict[str, Any]) -> None:
    assert from_wire(REFERRAL, to_wire("ess.referral", record, KAMALA)) == (record, KAMALA)


@pytest.mark.parametrize(("service", "kind", "record"), [("update", UPDATE, UPDATED), ("finding", FINDING, FOUND)])
def test_updates_and_findings_come_back_too(service: str, kind: Kind, record: dict[str, Any]) -> None:
    assert from_wire(kind, to_wire(f"ess.{service}", record, KAMALA)) == (record, KAMALA)


def test_the_member_uses_dci_fields_and_codes_where_dci_has_them() -> None:
    member = to_wire("ess.referral", REFERRED, KAMALA)
    assert member == {
        "@type": "spdci:Member",
        "member_identifier": [
            {"@type": "Identifier", "identifier_type": "UIN", "identifier_value": "199012304567"},
            {"@type": "Identifier", "identifier_type": "SR", "identifier_value": "SR-1"},
        ],
        "demographic_info": {
            "@type": "ESSPerson",
            "name": {"given_name": "Kamala Devi", "surname": "Perera"},
            "sex": "female",
            "birth_date": "1990-05-02",
            "phone_number": ["+94771234567"],
            "address": [
                {
                    "country_code": "LK",
                    "region_code": "LK-11",
                    "sub_region_code": "LK-1103",
                    "locality": "LK-1103005",
                }
            ],
        },
        "employment_status": "2",
        "education_level": "2",
        "language_code": ["sin"],
        "additional_attributes": [
            {"names": REFERRED["person"]["names"]},
            {"channel": "voice"},
            {"evidence": REFERRED["evidence"]},
            {"location": REFERRED["location"]},
            {"readiness": "needs_training"},
            {"verify": ["tax"]},
        ],
    }


def test_without_a_national_number_only_the_member_id_is_sent() -> None:
    member: Any = to_wire("ess.update", UPDATED, None)
    assert [each["identifier_type"] for each in member["member_identifier"]] == ["SR"]
    assert from_wire(UPDATE, member) == (UPDATED, Subject())


def test_a_name_without_a_family_part_is_a_given_name() -> None:
    assert split([{"language": "tam", "script": "Taml", "value": "கமலா"}]) == {"given_name": "கமலா"}


def test_only_push_services_go_on_the_wire() -> None:
    with pytest.raises(AgencyRejectedMessage):
        to_wire("ess.enrolment", {"member_id": "SR-1"}, None)


def notify(record_type: str, attributes: list[dict[str, object]], **member: object) -> dict[str, Any]:
    listed = [{"identifier_type": "SR", "identifier_value": "SR-1"}]
    event = {
        "reference_id": "r-1",
        "timestamp": "2026-11-03T08:00:00.000Z",
        "data": {
            "reg_type": "ns:org:RegistryType:ESS",
            "reg_event_type": "enrolment_status_change",
            "reg_record_type": record_type,
            "reg_records": {"member_identifier": listed, "additional_attributes": attributes} | member,
        },
    }
    header = {"message_id": "m", "message_ts": "2026-11-03T08:00:00.000Z", "action": "notify", "status": "succ"}
    envelope = {"signature": "...", "header": header, "message": {"transaction_id": "t", "notify_event": [event]}}
    schemas.validator("dci/ess.json#/operations/~1registry~1notify/request").validate(envelope)
    return envelope


def test_what_became_of_a_person_is_read_as_an_enrolment_event() -> None:
    attributes: list[dict[str, object]] = [{"state": "rejected"}, {"date": "2026-11-03"}, {"reason": "duplicate"}]
    (event,) = parse_notify(notify("Member", attributes))
    assert (event.id, event.name) == ("r-1", "enrolment")
    assert event.record == {"member_id": "SR-1", "state": "rejected", "date": "2026-11-03", "reason": "duplicate"}


def test_progress_and_findings_are_told_apart_by_their_record_type() -> None:
    progress = [{"event": "placed"}, {"date": "2026-11-03"}]
    assert parse_notify(notify("ProgrammeUpdate", progress))[0].name == "progress"
    checks = [{"source": "tax", "finding": "working"}]
    found = [{"checks": checks}, {"found_on": "2026-11-03"}, {"officer_role": "counsellor"}]
    assert parse_notify(notify("Finding", found))[0].record["checks"] == checks


def test_name_value_pairs_are_read_and_what_we_have_no_place_for_is_left_out() -> None:
    attributes: list[dict[str, object]] = [
        {"name": "state", "value": "enrolled"},
        {"date": "2026-11-03"},
        {"household_income": 12},
    ]
    (event,) = parse_notify(notify("Member", attributes))
    assert event.record == {"member_id": "SR-1", "state": "enrolled", "date": "2026-11-03"}


@pytest.mark.parametrize(
    "envelope",
    [
        notify("Member", [{"date": "2026-11-03"}]),
        notify("Member", [{"state": "vanished"}, {"date": "2026-11-03"}]),
        notify("Member", [{"state": "enrolled"}, {"date": "3 November"}]),
        notify("Member", [{"state": "enrolled"}, {"date": "2026-11-03"}], member_identifier=[]),
        notify("Member", [{"state": "enrolled"}, {"date": "2026-11-03"}], member_identifier="SR-1"),
        notify("Household", [{"state": "enrolled"}, {"date": "2026-11-03"}]),
    ],
)
def test_an_event_that_does_not_fit_is_refused_without_showing_it(envelope: dict[str, Any]) -> None:
    with pytest.raises(AgencyAnswerMalformed) as raised:
        parse_notify(envelope)
    assert "SR-1" not in raised.value.detail
    assert "vanished" not in raised.value.detail
