import hashlib
import hmac
import json
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import schemas
from adapters.civil_registration.adapter import CivilRegistration
from adapters.civil_registration.webhook import challenge_answer, parse_event, signature_of
from adapters.kit import manifest
from adapters.kit.base import Kit
from adapters.kit.contract import Hook, HookRefused, Identifier, Name, TakesHooks
from adapters.kit.egress import Dialler
from adapters.kit.throwaway import placeholders

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SECRET = "sha secret of the client"
HEADERS = {"content-type": "application/json; charset=utf-8"}
BUNDLE = {
    "resourceType": "Bundle",
    "type": "document",
    "entry": [
        {"resource": {"resourceType": "Task", "lastModified": "2026-11-01T08:30:00.000Z"}},
        {"resource": {"resourceType": "Patient", "name": [{"use": "en", "family": ["Perera"], "given": ["Mother"]}]}},
        {
            "resource": {
                "resourceType": "Patient",
                "identifier": [
                    {"type": "DEATH_REGISTRATION_NUMBER", "value": "2026DABC123"},
                    {"type": {"coding": [{"code": "NATIONAL_ID"}]}, "value": "198534000123"},
                ],
                "name": [
                    {"use": "en", "family": ["Perera"], "given": ["Nimal", "Kumara"]},
                    {"use": "si", "family": "පෙරේරා", "given": ["නිමල්"]},
                ],
                "birthDate": "1985-12-05",
                "deceasedDateTime": "2026-10-30T00:00:00Z",
            }
        },
    ],
}


def escaped(value: object) -> bytes:
    """As the sender signs it: compact, non-ASCII escaped."""
    return json.dumps(value, separators=(",", ":")).encode()


def delivery(bundle: dict[str, Any] = BUNDLE, *, raw: bool = True, **more: Any) -> bytes:
    """A whole delivery, its non-ASCII letters as they are (`raw`) or escaped."""
    body = {
        "payload": {
            "id": "delivery-1",
            "timestamp": "2026-11-01T08:30:01.000Z",
            "event": {"hub": {"topic": "DEATH_REGISTERED"}, "context": [bundle]},
        },
        "url": "https://gateway.example/hooks/civil_registration",
        "hmac": "sha256=" + hmac.new(SECRET.encode(), escaped(bundle), hashlib.sha256).hexdigest(),
    }
    body["payload"].update(more)
    return json.dumps(body, separators=(",", ":"), ensure_ascii=not raw).encode()


@pytest.mark.parametrize("raw", [True, False])
def test_a_death_is_read_from_a_bundle_that_strict_readers_reject(raw: bool) -> None:
    event = parse_event(HEADERS, delivery(raw=raw), SECRET, NOW)
    assert (event.event, event.on, event.registration) == ("death", date(2026, 10, 30), "2026DABC123")
    assert event.subject.identifiers == (Identifier("NIC", "198534000123"),)
    assert event.subject.names == (Name("eng", "Latn", "Nimal Kumara Perera"), Name("sin", "Sinh", "නිමල් පෙරේරා"))
    assert event.subject.birth_date == date(1985, 12, 5)
    assert schemas.validator("canonical/vital-event.v1.json").is_valid(event.record())


def test_a_birth_is_the_child_and_not_the_mother() -> None:
    child = {
        "resourceType": "Patient",
        "identifier": [{"type": "BIRTH_REGISTRATION_NUMBER", "value": "2026B1"}],
        "name": [{"family": "Perera", "given": "Asha"}],
        "birthDate": "2026-10-20",
    }
    bundle = {**BUNDLE, "entry": [BUNDLE["entry"][0], BUNDLE["entry"][1], {"resource": child}]}
    body = delivery(bundle, event={"hub": {"topic": "BIRTH_REGISTERED"}, "context": [bundle]})
    event = parse_event(HEADERS, body, SECRET, NOW)
    assert (event.event, event.on, event.registration) == ("birth", date(2026, 10, 20), "2026B1")
    assert event.subject.identifiers == ()


def test_the_digest_of_the_signed_bytes_knows_a_replay_whatever_is_changed_around_it() -> None:
    first = parse_event(HEADERS, delivery(), SECRET, NOW)
    again = parse_event(HEADERS, delivery(id="delivery-2", timestamp="2026-11-02T08:00:00Z"), SECRET, NOW)
    assert first.digest == again.digest == hashlib.sha256(escaped(BUNDLE)).hexdigest()
    assert first.delivery != again.delivery


def code(body: bytes, secret: str = SECRET, now: datetime = NOW, headers: dict[str, str] = HEADERS) -> str:
    with pytest.raises(HookRefused) as caught:
        parse_event(headers, body, secret, now)
    assert "198534000123" not in str(caught.value)
    return caught.value.code


def test_an_altered_bundle_another_secret_and_none_are_refused() -> None:
    altered = deepcopy(BUNDLE)
    altered["entry"][2]["resource"]["deceasedDateTime"] = "2026-10-29T00:00:00Z"
    forged = json.loads(delivery())
    forged["payload"]["event"]["context"][0] = altered
    assert code(json.dumps(forged, separators=(",", ":")).encode()) == "signature"
    assert code(delivery(), secret="another") == "signature"
    assert code(delivery(), secret="") == "signature"


@pytest.mark.parametrize("claimed", [None, 5, "", "sha1=0123", "sha256=" + "0" * 64, "sha256=é"])
def test_a_delivery_without_a_good_hmac_is_refused(claimed: object) -> None:
    body = json.loads(delivery())
    body["hmac"] = claimed
    assert code(json.dumps(body).encode()) in {"unsigned", "signature"}
    body.pop("hmac")
    assert code(json.dumps(body).encode()) == "unsigned"


def test_spaces_around_the_signed_part_do_not_matter_and_inside_it_do() -> None:
    compact = escaped(BUNDLE).decode()
    tail = f'"hmac" : "{signature_of(escaped(BUNDLE), SECRET)}"'
    event = '{ "hub" : {"topic":"DEATH_REGISTERED"} , "context" : [ %s ] }'
    body = '{ "payload" : { "timestamp" : "2026-11-01T08:30:01Z" , "event" : %s } , %s }'
    assert parse_event(HEADERS, (body % (event % compact, tail)).encode(), SECRET, NOW).event == "death"
    assert code((body % (event % json.dumps(BUNDLE), tail)).encode()) == "signature"


def test_old_future_and_undated_deliveries_are_refused() -> None:
    assert code(delivery(), now=NOW + timedelta(days=8)) == "stale"
    assert code(delivery(), now=NOW - timedelta(days=3)) == "stale"
    assert code(delivery(timestamp="1700000000000")) == "stale"
    undated = {**BUNDLE, "entry": BUNDLE["entry"][1:]}
    assert code(delivery(undated, timestamp=None)) == "stale"
    dated = {**undated, "meta": {"lastUpdated": "2026-11-01T08:30:00+05:30"}}
    assert parse_event(HEADERS, delivery(dated, timestamp=None), SECRET, NOW).event == "death"


@pytest.mark.parametrize("odd", ["999999999999999", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_no_calendar_has_is_no_time_and_never_a_crash(odd: str) -> None:
    undated = {**BUNDLE, "entry": BUNDLE["entry"][1:]}
    assert code(delivery(undated, timestamp=odd)) == "stale"
    assert code(delivery({**undated, "meta": {"lastUpdated": odd}}, timestamp=None)) == "stale"


def test_other_topics_and_events_without_a_day_are_not_taken() -> None:
    assert code(delivery(event={"hub": {"topic": "MARRIAGE_REGISTERED"}, "context": [BUNDLE]})) == "topic"
    assert code(delivery(event={"hub": [], "context": [BUNDLE]})) == "topic"
    nobody = {**BUNDLE, "entry": BUNDLE["entry"][:1]}
    assert code(delivery(nobody)) == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b'{"payload": 1}',
        b'{"payload": {"event": {"context": {}}}}',
        b'{"payload": {"event": {"context": []}}}',
        b'{"payload": {"event": {"context": ["bundle"]}}}',
        b'{"payload": {"event": {}}, "payload": {}}',
        b'{"payload": {"event": null}}',
        b"\xff",
    ],
)
def test_odd_bodies_are_malformed_and_never_a_crash(body: bytes) -> None:
    assert code(body) == "malformed"


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "x",
        [None],
        [{"resource": None}],
        [{"resource": {"resourceType": "Patient", "identifier": "x", "name": "x"}}],
    ],
)
def test_odd_bundles_are_passed_over_until_a_day_is_missing(entry: object) -> None:
    assert code(delivery({**BUNDLE, "entry": entry})) in {"malformed", "stale"}


def test_another_content_type_is_refused() -> None:
    assert code(delivery(), headers={"content-type": "text/plain"}) == "malformed"


def test_the_subscription_challenge_is_answered_for_our_topics_only() -> None:
    query = {"mode": "subscribe", "topic": "DEATH_REGISTERED", "challenge": "abc"}
    assert challenge_answer(query) == {"challenge": "abc"}
    for wrong in ({"mode": "unsubscribe"}, {"topic": "MARRIAGE_REGISTERED"}, {"challenge": ""}):
        with pytest.raises(HookRefused):
            challenge_answer({**query, **wrong})


def test_the_adapter_takes_hooks_and_tells_events_under_the_digest() -> None:
    folder = Path("adapters/civil_registration")
    settings = dict.fromkeys(manifest.load(folder).settings_needed(), SECRET)
    settings["CIVIL_REGISTRATION_URL"] = "https://crvs.example"
    settings["CIVIL_REGISTRATION_SIGNING_KEY"] = placeholders()["rsa_key"]
    adapter = CivilRegistration(Kit(folder, manifest.load(folder), {}, settings.__getitem__, Dialler()))
    assert isinstance(adapter, TakesHooks)
    url = "https://gateway.example/hooks/civil_registration"
    (told,) = adapter.hook(Hook("POST", url, HEADERS, {}, delivery(), NOW)).events
    assert (told.id, told.name) == (hashlib.sha256(escaped(BUNDLE)).hexdigest(), "vital-event")
    assert told.record == {"event": "death", "date": "2026-10-30", "registration": "2026DABC123"}
    query = {"mode": "subscribe", "topic": "BIRTH_REGISTERED", "challenge": "abc"}
    assert adapter.hook(Hook("GET", url, {}, query, b"", NOW)).content == {"challenge": "abc"}
