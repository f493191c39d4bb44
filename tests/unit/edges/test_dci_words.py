"""Tolerance, names, interfaces and the published profile: tables that code and documents share."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import schemas
from gateway.edges.dci.failure import DciError
from gateway.edges.dci.names import Names, notified_by
from gateway.edges.dci.operations import INTERFACES, OPERATIONS, operation_at, reply_schema, request_schema
from gateway.edges.dci.tolerance import COERCIONS, coerced
from gateway.edges.dci.upload import file_of
from gateway.trust.errors import RegistrationRefused
from gateway.trust.policy import DciPolicy, Policy, compared
from tests.dci_recorded import Recorded

ROOT = Path(__file__).parents[3]
PROFILE = ROOT / "docs/profiles/dci-tax-pension-education"


@pytest.mark.parametrize("interface", INTERFACES.values(), ids=list(INTERFACES))
def test_every_path_has_a_request_and_an_answer_in_every_file_that_has_it(interface: Any) -> None:
    for path, each in OPERATIONS.items():
        if each.interface in {"", interface.name}:
            assert schemas.validator(request_schema(interface, path))
            assert schemas.validator(reply_schema(interface, path))


@pytest.mark.parametrize("interface", INTERFACES.values(), ids=list(INTERFACES))
def test_the_event_types_of_an_interface_are_those_of_its_file(interface: Any) -> None:
    operations: Any = schemas.load(interface.schema)["operations"]
    message = operations["/registry/notify"]["request"]["properties"]["message"]["oneOf"][0]
    told = message["properties"]["notify_event"]["items"]["properties"]["data"]["properties"]
    assert interface.event_types == frozenset(told["reg_event_type"].get("enum", ()))


@pytest.mark.parametrize(
    ("name", "word", "told"),
    [
        ("ESS", "enrolment_status_change", "enrolment_status_change"),
        ("IBR", "enrolment_status_change", "enrollement_status_change"),
        ("FR", "enrolment_status_change", None),
        ("ESS", "death", None),
        ("CRVS", "death", "death"),
    ],
)
def test_a_notification_names_its_event_in_the_words_of_the_interface_or_not_at_all(
    name: str, word: str, told: str | None
) -> None:
    events = [{"reference_id": "r", "data": {"reg_event_type": word, "reg_records": {}}}]
    (event,) = notified_by(INTERFACES[name], {"message": {"notify_event": events}})["message"]["notify_event"]
    assert event["data"] == {"reg_records": {}} | ({"reg_event_type": told} if told else {})


def test_the_longest_path_that_fits_is_meant() -> None:
    found = operation_at("/dci/registry/sync/txn/status")
    assert found is not None
    assert found.path == "sync/txn/status"
    assert operation_at("/dci/registry/nothing") is None


@pytest.mark.parametrize(
    ("sent", "right", "name"),
    [
        ({"header": {"total_count": "12"}}, {"header": {"total_count": 12}}, "number-as-text"),
        ({"header": {"meta": ""}}, {"header": {}}, "empty-object"),
        ({"header": {"receiver_id": None}}, {"header": {}}, "null-member"),
        ({"header": {"status": "success"}}, {"header": {"status": "succ"}}, "status-word"),
        ({"header": {"version": "1.0"}}, {"header": {"version": "1.0.0"}}, "version"),
        ({"header": {"is_msg_encrypted": "False"}}, {"header": {"is_msg_encrypted": False}}, "flag-as-text"),
        ({"header": {"action": "search"}}, {"header": {"action": "on-search"}}, "reply-action"),
        ({"message": {"transaction_id": 5}}, {"message": {"transaction_id": "5"}}, "id-as-number"),
        (
            {"message": {"timesstamp": "2026-01-01T00:00:00Z"}},
            {"message": {"timestamp": "2026-01-01T00:00:00Z"}},
            "misspelt-member",
        ),
        (
            {"message": {"timestamp": "2026-01-01T00:00:00"}},
            {"message": {"timestamp": "2026-01-01T00:00:00Z"}},
            "time-without-zone",
        ),
        ({"message": {"x": [{"locale": "en"}]}}, {"message": {"x": [{}]}}, "locale"),
        (
            {"message": {"search_response": [{"data": {"reg_records": {"a": None}}}]}},
            {"message": {"search_response": [{"data": {"reg_records": [{"a": None}]}}]}},
            "records-wrapped",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_coercion_puts_right_what_its_name_says(sent: dict[str, Any], right: dict[str, Any], name: str) -> None:
    assert name in COERCIONS
    assert coerced(sent, "on-search") == (right, (name,))


def test_a_good_message_needs_none_and_what_cannot_be_meant_stays() -> None:
    good = {"header": {"total_count": 1, "meta": {}}, "message": {"transaction_id": "t", "x": [{"locale": "eng"}]}}
    assert coerced(good, "search") == (good, ())
    odd = {"header": {"total_count": "many", "message_ts": "yesterday"}, "message": {"notify_event": [1, None]}}
    assert coerced(odd, "notify") == (odd, ())


def test_names_are_changed_both_ways_where_types_stand_and_nowhere_else() -> None:
    names = Names(DciPolicy(names=("reg_type:a:b=c:d", "event_type:LiveBirth=live_birth", "id_type:UIN=NIC")))
    theirs = {"message": {"search_request": [{"search_criteria": {"reg_type": "a:b", "query": {"type": "UIN"}}}]}}
    ours = {"message": {"search_request": [{"search_criteria": {"reg_type": "c:d", "query": {"type": "NIC"}}}]}}
    assert names.inwards(theirs) == ours
    assert names.outwards(ours) == theirs
    event = {
        "message": {"notify_event": [{"data": {"reg_event_type": "live_birth", "reg_records": {"reg_type": "c:d"}}}]}
    }
    (told,) = names.outwards(event)["message"]["notify_event"]
    assert told["data"] == {"reg_event_type": "LiveBirth", "reg_records": {"reg_type": "c:d"}}


def test_a_policy_says_how_a_partner_speaks_and_tolerance_counts_as_weaker() -> None:
    policy = Policy.read({"dci": {"tolerant": True, "prefix": "/sr/registry", "names": ["id_type:UIN=NIC"]}})
    assert Policy.read(policy.document()) == policy
    assert compared(Policy(), policy).lowered == ("dci.tolerant no -> yes",)
    for wrong in ({"interface": "XX"}, {"prefix": "sr"}, {"names": ["UIN=NIC"]}, {"purpose": "A B"}):
        with pytest.raises(RegistrationRefused, match="dci"):
            Policy.read({"dci": wrong})


@pytest.mark.parametrize(
    "body", [b"", b"--x\r\n\r\n--x--", b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n1\r\n--x--\r\n']
)
def test_a_form_that_is_no_upload_is_refused(body: bytes) -> None:
    with pytest.raises(DciError):
        file_of("multipart/form-data; boundary=x", body, OPERATIONS["search"])


def test_the_page_of_tolerance_lists_what_the_code_does() -> None:
    page = (ROOT / "docs/profiles/dci-tolerance.md").read_text("utf-8")
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", page, re.MULTILINE)) == dict(COERCIONS)


def test_the_source_page_has_a_row_for_each_fix() -> None:
    page = (ROOT / "schemas/dci/SOURCE.md").read_text("utf-8")
    for interface in INTERFACES.values():
        name = interface.schema.removeprefix("dci/")
        fixes: Any = schemas.load(interface.schema)["fixes"]
        assert page.count(f"| `{name}` |") == 1 + len(fixes) - 1  # its origin, and its own fixes; one is of all


def test_the_published_profile_has_the_members_of_the_canonical_records() -> None:
    listed = (PROFILE / "schemas.yaml").read_text("utf-8")
    rows = re.findall(r"- (\w+\.jsonld) +# schemas/(canonical/\S+)", listed)
    assert len(rows) == 3
    for name, canonical in rows:
        members = {
            each["@id"].removeprefix("sandhi:") for each in json.loads((PROFILE / name).read_text())["rdfs:property"]
        }
        properties: Any = schemas.load(canonical)["properties"]
        assert members == set(properties)


def test_the_recorder_of_the_run_holds_each_message_against_its_own_file_and_tells_no_value() -> None:
    recorded = Recorded()
    failure = DciError(403, "err.request.forbidden", "No.").response("/dci/registry/search").body
    recorded.answered("search", bytes(failure), "")  # a refusal fits every file
    assert recorded.faults == []
    recorded.answered("search", b'{"message": {"ack_status": "199012304567"}}', "SR")
    header = {"action": "notify"}
    told = {"header": header, "message": {"notify_event": "199012304567"}}
    recorded.sent("http://partner.example/events", told, "")
    assert recorded.faults[0].startswith("answer of search breaks dci/social.json: ")
    assert {each.partition(":")[0] for each in recorded.faults[1:]} == {
        f"request of notify breaks {each.schema}" for each in INTERFACES.values()
    }
    assert "199012304567" not in str(recorded.faults)


def test_the_recorder_takes_another_interface_s_event_for_a_fault() -> None:
    item = {"reference_id": "r1", "timestamp": "2026-10-31T10:00:00Z"}
    data = {"reg_record_type": "Member", "reg_event_type": "enrolment", "reg_records": {"@type": "Member"}}
    header = {
        "message_id": "1",
        "message_ts": item["timestamp"],
        "action": "notify",
        "status": "succ",
        "total_count": 1,
    }
    header |= {"sender_id": "a", "receiver_id": "b"}
    told = {"header": header, "message": {"transaction_id": "t", "notify_event": [item | {"data": data}]}}
    faults = {}
    for interface in ("ESS", "DR"):
        recorded = Recorded()
        recorded.sent("http://partner.example/registry/notify", told, interface)
        faults[interface] = recorded.faults
    assert faults["ESS"] == []
    assert faults["DR"] != []
