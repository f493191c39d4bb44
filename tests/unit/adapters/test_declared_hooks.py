"""Calls that a manifest's `[webhook]` declares: only what the agency signed, now, is taken, and whole or not at all."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.kit import declared_hook, manifest
from adapters.kit.base import NotConfigured
from adapters.kit.conformance import checks
from adapters.kit.contract import (
    AgencyHasNoSuchPerson,
    AnswersLater,
    Hook,
    Hooked,
    HookRefused,
    Identifier,
    RawAnswer,
)
from adapters.kit.egress import Dialler
from adapters.kit.manifest import ManifestError
from adapters.kit.opening import open_adapter
from adapters.kit.transports.hooked import HookedRest

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SECRET = "a secret of the fund"
NIC = "199012304567"
HEAD = """
contract = 1
id = "fund"
name = "Fund"
owner = "integration@fund.example"
summary = "An invented fund that calls us."
[transport]
kind = "rest"
base_url = "setting:FUND_URL"
"""
HOOK = """
[webhook]
signature = "X-Fund-Signature"
secret = "secret:FUND_HOOK_SECRET"
prefix = "sha256="
time = "X-Fund-Time"
challenge = "challenge"
id = "/id"
[webhook.event.died]
when = "/type=DEATH"
tells = "vital-event"
about = { NIC = "/member/nic" }
"""
ANSWERED = '[webhook.answer.enrolment]\nwhen = "/type=ANSWER"\nreference = "/ref"\n'
SERVICE = """
[service.enrolment]
summary = "Enrolled now."
actions = ["read"]
id_types = ["NIC"]
sends = ["NIC"]
fields = ["enrolled"]
record_schema = "canonical/enrolment.v1.json"
sensitivity = "personal"
path = "/questions"
"""
NOW_ASKED = 'request = { nic = "identifier:NIC" }\n'
LATER = (
    'immediate = false\nrequest = { nic = "identifier:NIC", ref = "reference" }\n'
    'means = { "/nobody=true" = "unknown_person" }\n'
)
MAPPING = (
    '[enrolment]\nenrolled = { from = "/active" }\n'
    '[died]\nevent = { from = "/what" }\ndate = { from = "/on", with = "date_iso" }\n'
)
DEATH = {"id": "e-1", "type": "DEATH", "what": "death", "on": "2026-10-30", "member": {"nic": NIC}}
PLAIN = HOOK.replace('time = "X-Fund-Time"\n', 'at = "/at"\n')


def fund(home: Path, hook: str = HOOK, service: str = NOW_ASKED) -> Path:
    folder = home / "fund"
    folder.mkdir()
    (folder / "manifest.toml").write_text(HEAD + hook + SERVICE + service, "utf-8")
    (folder / "mapping.toml").write_text(MAPPING, "utf-8")
    return folder


def opened(folder: Path, secret: str = SECRET) -> HookedRest:
    settings = {"FUND_URL": "http://127.0.0.1:1", "FUND_HOOK_SECRET": secret}
    made = open_adapter(folder, settings.__getitem__, Dialler({"127.0.0.1:1"}))
    assert isinstance(made, HookedRest)
    return made


def call(told: Any, *, secret: str = SECRET, at: datetime = NOW, headers: Mapping[str, str] | None = None) -> Hook:
    """A call as the fund makes it: `told` is the body, or its bytes."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    time = str(int(at.timestamp()))
    declared = declared_hook.webhook({"signature": "x", "secret": "secret:X", "prefix": "sha256=", "time": "t"})
    mac = declared_hook.signature_of(declared, secret, time, body)
    own = {"content-type": "application/json", "x-fund-time": time, "x-fund-signature": mac, **(headers or {})}
    return Hook("POST", "https://gateway.example/hooks/fund", own, {}, body, NOW)


def code_of(adapter: HookedRest, hook: Hook) -> str:
    with pytest.raises(HookRefused) as refused:
        adapter.hook(hook)
    assert NIC not in refused.value.detail
    assert "Kamal" not in refused.value.detail
    return refused.value.code


def test_a_signed_call_tells_an_event_about_its_person(tmp_path: Path) -> None:
    said = opened(fund(tmp_path)).hook(call(DEATH))
    (told,) = said.events
    assert (told.id, told.name, told.record) == (
        "fund:died:e-1",
        "vital-event",
        {"event": "death", "date": "2026-10-30"},
    )
    assert told.subject.identifiers == (Identifier("NIC", NIC),)
    assert said.content == {"taken": 1, "passed_over": 0}


def test_the_signature_is_the_one_that_the_published_vector_has() -> None:
    """RFC 4231 section 4.3 (key `Jefe`), in both notations."""
    key, data = "Jefe", b"what do ya want for nothing?"
    made = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    table = {"signature": "X", "secret": "secret:X", "at": "/at"}
    assert declared_hook.signature_of(declared_hook.webhook(table), key, "", data) == made
    encoded = declared_hook.webhook(table | {"encoding": "base64", "prefix": "v1,"})
    assert declared_hook.signature_of(encoded, key, "", data) == "v1,W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="


def _bad(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (DEATH | changes).items() if value is not None}


HOSTILE: dict[str, tuple[Hook, str]] = {
    "another's secret": (call(DEATH, secret="another secret of ours"), "signature"),
    "no signature": (call(DEATH, headers={"x-fund-signature": ""}), "unsigned"),
    "signature without its prefix": (call(DEATH, headers={"x-fund-signature": "0" * 64}), "signature"),
    "signature of other letters": (call(DEATH, headers={"x-fund-signature": "sha256=\u00e9"}), "unsigned"),
    "time changed on the way": (call(DEATH, headers={"x-fund-time": str(int(NOW.timestamp()) + 1)}), "signature"),
    "no time": (call(DEATH, headers={"x-fund-time": ""}), "stale"),
    "time in words": (call(DEATH, headers={"x-fund-time": "now"}), "stale"),
    "time beyond all clocks": (call(DEATH, headers={"x-fund-time": "9" * 40}), "stale"),
    "played again later": (call(DEATH, at=NOW - timedelta(seconds=301)), "stale"),
    "from the future": (call(DEATH, at=NOW + timedelta(seconds=301)), "stale"),
    "not JSON": (call(b"{"), "malformed"),
    "two meanings": (call(b'{"type": "DEATH", "type": "BIRTH"}'), "malformed"),
    "not JSON by its type": (call(DEATH, headers={"content-type": "text/plain"}), "malformed"),
    "a list": (call([DEATH]), "malformed"),
    "deep": (call(b'{"a":' * 5000 + b"1" + b"}" * 5000), "malformed"),
    "nobody": (call(_bad(member={})), "malformed"),
    "a person who is a list": (call(_bad(member={"nic": [NIC]})), "malformed"),
    "a number without end": (call(_bad(member={"nic": "1" * 300})), "malformed"),
    "no id": (call(_bad(id=None)), "malformed"),
    "an id that is an object": (call(_bad(id={"a": 1})), "malformed"),
    "a day that is none": (call(_bad(on="Kamal Perera")), "malformed"),
    "an event that we do not know": (call(_bad(what="marriage")), "malformed"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_the_agency_did_not_say_now_and_in_its_own_words_is_not_taken(tmp_path: Path, what: str) -> None:
    hook, code = HOSTILE[what]
    assert code_of(opened(fund(tmp_path)), hook) == code


def test_a_kind_of_call_that_is_not_declared_is_passed_over_and_counted(tmp_path: Path) -> None:
    assert opened(fund(tmp_path)).hook(call(_bad(type="MARRIAGE"))) == Hooked(content={"taken": 0, "passed_over": 1})


def test_a_list_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    adapter = opened(fund(tmp_path, HOOK.replace("id =", 'each = "/events"\nid =')))
    both = adapter.hook(call({"events": [DEATH, _bad(id="e-2")]}))
    assert [each.id for each in both.events] == ["fund:died:e-1", "fund:died:e-2"]
    assert code_of(adapter, call({"events": [DEATH, _bad(id="e-2", on="never")]})) == "malformed"
    assert code_of(adapter, call({"events": [DEATH] * 101})) == "malformed"
    assert code_of(adapter, call({"events": ["Kamal"]})) == "malformed"


def test_without_a_header_the_time_stands_in_what_was_signed(tmp_path: Path) -> None:
    adapter = opened(fund(tmp_path, PLAIN.replace('id = "/id"\n', "")))
    declared = adapter.kit.manifest.webhook
    assert declared is not None

    def told(at: str) -> Hook:
        body = json.dumps(DEATH | {"at": at}).encode()
        mac = declared_hook.signature_of(declared, SECRET, "", body)
        headers = {"content-type": "application/json", "x-fund-signature": mac}
        return Hook("POST", "https://gateway.example/hooks/fund", headers, {}, body, NOW)

    first, again = (adapter.hook(told("2026-11-01T09:00:00Z")).events[0].id for _ in range(2))
    assert first == again  # the digest of what was told, so that it is known when it comes twice
    assert first != adapter.hook(told("2026-11-01T09:00:01Z")).events[0].id
    assert code_of(adapter, told("2026-10-25T09:00:00Z")) == "stale"
    assert code_of(adapter, told("2026-11-01T09:00:00")) == "stale"  # of no time zone


@pytest.mark.parametrize("said", ["", "<script>", "a" * 201, "\u0e01", "a b"])
def test_a_challenge_is_repeated_only_if_it_is_a_plain_word(tmp_path: Path, said: str) -> None:
    adapter = opened(fund(tmp_path))
    asked = Hook("GET", "https://gateway.example/hooks/fund", {}, {"challenge": "Abc-1_2"}, b"", NOW)
    assert adapter.hook(asked).content == {"challenge": "Abc-1_2"}
    assert code_of(adapter, Hook("GET", "", {}, {"challenge": said}, b"", NOW)) == "challenge"
    assert code_of(adapter, Hook("PUT", "", {}, {}, b"", NOW)) == "method"


def test_a_secret_that_can_be_guessed_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="16 characters"):
        opened(fund(tmp_path), "short")


@pytest.mark.parametrize(
    ("hook", "service", "words"),
    [
        (HOOK.replace('time = "X-Fund-Time"\n', ""), NOW_ASKED, "played again"),
        (HOOK.replace("id =", 'signed = "{body}"\nid ='), NOW_ASKED, "changed on the way"),
        (HOOK.partition("[webhook.event")[0], NOW_ASKED, "nothing is told"),
        (HOOK.replace("event.died", "event.enrolment"), NOW_ASKED, "cannot tell apart"),
        (HOOK + ANSWERED, NOW_ASKED, "immediate = false"),
        (HOOK, LATER, "how its answer comes"),
        (HOOK + ANSWERED, LATER.replace(', ref = "reference"', ""), 'carry "reference"'),
        (HOOK, LATER.replace("immediate = false\n", ""), "only a service with immediate"),
        (HOOK + ANSWERED.replace("ANSWER", "DEATH"), LATER, "by when"),
        (HOOK.replace('prefix = "sha256="', 'prefix = "a b"'), NOW_ASKED, "/webhook/prefix"),
        (HOOK.replace('"secret:FUND', '"setting:FUND'), NOW_ASKED, "/webhook/secret"),
        (HOOK.replace('tells = "vital-event"', 'tells = "circular"'), NOW_ASKED, "tells"),
        (HOOK.replace("/member/nic", "member.nic"), NOW_ASKED, "about"),
        ('[auth]\nkind = "api_key"\nheader = "x-fund-signature"\nkey = "secret:K"\n' + HOOK, NOW_ASKED, "sign in by"),
    ],
)
def test_a_webhook_that_cannot_be_meant_is_refused_in_words(
    tmp_path: Path, hook: str, service: str, words: str
) -> None:
    with pytest.raises(ManifestError) as refused:
        manifest.load(fund(tmp_path, hook, service))
    assert words in str(refused.value)


def test_a_connector_has_no_webhook_of_ours(tmp_path: Path) -> None:
    folder = fund(tmp_path)
    text = (folder / "manifest.toml").read_text("utf-8").replace('kind = "rest"', 'kind = "rest"\nconnector = true', 1)
    (folder / "manifest.toml").write_text(text, "utf-8")
    with pytest.raises(ManifestError, match="no connector"):
        manifest.load(folder)


def test_an_answer_that_comes_later_names_its_question_and_is_mapped_as_any(tmp_path: Path) -> None:
    adapter = opened(fund(tmp_path, HOOK + ANSWERED, LATER))
    assert isinstance(adapter, AnswersLater)
    (answer,) = adapter.hook(call({"type": "ANSWER", "ref": "r-1", "active": True})).answers
    assert isinstance(answer.told, RawAnswer)
    assert answer.reference == "r-1"
    assert adapter.normalise("fund.enrolment", answer.told) == {"enrolled": True}
    (nobody,) = adapter.hook(call({"type": "ANSWER", "ref": "r-2", "nobody": True})).answers
    assert isinstance(nobody.told, AgencyHasNoSuchPerson)
    assert code_of(adapter, call({"type": "ANSWER", "active": True})) == "malformed"


async def test_each_declared_event_is_shown_by_a_sample(tmp_path: Path) -> None:
    folder = fund(tmp_path)
    (folder / "samples").mkdir()
    settings = 'FUND_URL = "{url}"\nFUND_HOOK_SECRET = "made up for the suite"\n'
    (folder / "samples" / "conformance.toml").write_text(
        f'[settings]\n{settings}[subject]\nidentifiers = {{ NIC = "{NIC}" }}\n', "utf-8"
    )
    told = "A death.\n---------- event died\n{}\n---------- {}\n{}\n"
    (folder / "samples" / "dead.golden").write_text(
        told.format(json.dumps(DEATH), "record", '{"event": "death", "date": "2026-10-30"}'), "utf-8"
    )
    (folder / "samples" / "nobody.golden").write_text(
        told.format(json.dumps(_bad(member={})), "error", "no number of the person at /member/nic"), "utf-8"
    )
    named = {each.name: each for each in checks(folder)}
    for name in ("mapping", "settings", "told_died", "golden_dead", "golden_nobody"):
        await named[name].run()
    (folder / "samples" / "dead.golden").unlink()
    with pytest.raises(Exception, match="no golden sample tells died"):
        await named["told_died"].run()
