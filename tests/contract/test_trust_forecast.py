"""What ends when, and which agreements stop then: the rules, the API and the command line."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import consent.tables
from consent import State, agreement_of
from consent.model import Agreement
from gateway.cli import keys as keys_command
from gateway.forecast import Known, Line, forecast
from gateway.trust import Member, Policy, System, register
from gateway.trust.jose import Key
from gateway.trust.jwks import checked
from gateway.trust.keys import GatewayKeys, add_to_ring, new_key
from gateway.trust.posture import KeySet, Posture
from gateway.trust.uses import Use
from gateway.wiring import open_services
from tests.registering import Signing
from tests.small_gateway import a_gateway
from tests.trusting import ADMIN, NOW, SR, Pair


def days(number: float) -> datetime:
    return NOW + timedelta(days=number)


def an_agreement(name: str = "A1", **changes: Any) -> Agreement:
    document = {
        "format": "agreement/1",
        "id": name,
        "version": 1,
        "title": "Contribution status",
        "provider": {"member": "LK/GOV/EPF", "systems": ["LK/GOV/EPF/MEMBERS"]},
        "consumer": {"member": "LK/GOV/WBB", "systems": [SR.id]},
        "services": [{"service": "pension.contributions", "actions": ["read"], "fields": ["months"]}],
        "purposes": ["employment-support.eligibility"],
        "legal_bases": [{"kind": "consent", "controllers": ["LK/GOV/WBB"]}],
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2036-01-01T00:00:00Z",
    }
    return agreement_of(document | changes)


def a_key(kid: str, end: datetime | None = None) -> Key:
    more = {"exp": int(end.timestamp())} if end else {}
    return checked({"keys": [Pair(kid=kid).jwk | more]})[0]


def a_posture(*keys: Key, **more: Any) -> Posture:
    values = {"in_force": True, "certificates": {}, "secrets": (), "did": (), "key_set": None} | more
    return Posture(system=values.pop("system", SR), keys=keys, **values)


@pytest.fixture
def own(tmp_path: Path) -> GatewayKeys:
    return GatewayKeys.open(tmp_path / "keys", NOW)


def lines(own: GatewayKeys, *postures: Posture, **more: Any) -> list[Line]:
    known = {"members": {}, "agreements": [an_agreement()], "consents": {}} | more
    return forecast(Known(postures=postures, keys=own, **known), NOW, NOW + timedelta(days=60))


def told(found: list[Line]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.what, each.name, each.stops) for each in found]


def test_the_last_key_of_a_system_stops_its_agreements_and_an_earlier_one_does_not(own: GatewayKeys) -> None:
    found = lines(own, a_posture(a_key("later", days(40)), a_key("sooner", days(20))))
    assert told(found) == [("key", "sooner", ()), ("key", "later", ("A1 v1",))]
    assert [each.at for each in found] == [days(20), days(40)]


@pytest.mark.parametrize(
    "other",
    [
        {"keys": [a_key("lasting")]},
        {"secrets": (days(90),), "system": System(SR.id, SR.client_id, "s", policy=Policy(client_secret=True))},
    ],
    ids=["another key", "a client secret"],
)
def test_another_way_in_keeps_the_agreements_going(own: GatewayKeys, other: dict[str, Any]) -> None:
    posture = a_posture(a_key("short", days(10)), *other.pop("keys", ()), **other)
    assert told(lines(own, posture)) == [("key", "short", ())]


def test_what_is_not_in_force_stops_nothing(own: GatewayKeys) -> None:
    ended = an_agreement("A2", valid_until="2026-10-01T00:00:00Z")
    key = a_key("k", days(10))
    assert lines(own, a_posture(key, in_force=False)) == []
    assert told(lines(own, a_posture(key), agreements=[ended])) == [("key", "k", ())]


def test_a_certificate_stops_only_whoever_is_bound_by_nothing_else(own: GatewayKeys) -> None:
    def used(*methods: str) -> tuple[Use, ...]:
        return tuple(Use(SR.id, method, NOW) for method in ("private_key_jwt", *methods))

    ends = {"c1": days(10), "c2": days(20)}
    found = [
        lines(own, a_posture(a_key("k"), certificates=ends, did=used(*methods)))
        for methods in (("mtls",), ("mtls", "dpop"), ())
    ]
    assert [told(each)[-1] for each in found] == [
        ("certificate", "c2", ("A1 v1",)),
        ("certificate", "c2", ()),
        ("certificate", "c2", ()),
    ]
    unknown = a_posture(a_key("k"), certificates=ends | {"c3": None}, did=used("mtls"))
    assert told(lines(own, unknown))[-1] == ("certificate", "c2", ())


def test_a_secret_stops_a_system_without_a_key_and_a_key_set_that_fails_is_named(own: GatewayKeys) -> None:
    found = lines(own, a_posture(secrets=(days(5), days(9)), key_set=KeySet(NOW, "the answer has status 404")))
    assert told(found) == [
        ("key_set", "jwks_uri", ("A1 v1",)),
        ("client_secret", "", ()),
        ("client_secret", "", ("A1 v1",)),
    ]
    assert found[0].at == NOW + timedelta(hours=24)
    assert lines(own, a_posture(a_key("k"), key_set=KeySet(NOW, ""))) == []


def test_agreements_end_and_are_looked_at_again_and_consents_and_members_keys_end(own: GatewayKeys) -> None:
    ending = an_agreement(valid_until="2026-11-20T00:00:00Z", review_at="2026-11-10T00:00:00Z")
    suspended = replace(an_agreement("A2", valid_until="2026-11-25T00:00:00Z"), state=State.SUSPENDED)
    found = lines(
        own,
        agreements=[ending, suspended],
        consents={"LK/GOV/WBB": (312, days(3))},
        members={"LK/GOV/EPF": (a_key("signs", days(30)),)},
    )
    assert told(found) == [
        ("consents", "312 consents, the first of them", ()),
        ("review", "A1 v1", ()),
        ("agreement", "A1 v1", ("A1 v1",)),
        ("agreement", "A2 v1", ()),
        ("member_key", "signs", ()),
    ]
    assert "A1 v1, A2 v1 rests on their consents" in found[0].do


def test_our_own_keys_are_due_and_no_longer_once_the_next_one_is_made(tmp_path: Path) -> None:
    old = GatewayKeys.open(tmp_path, NOW - timedelta(days=80))
    assert [(each.what, each.name.split()[0], each.do) for each in lines(old)] == [
        ("gateway_key", "token", "sandhi keys rotate token")
    ]
    add_to_ring(tmp_path, "token", new_key("ES256"), NOW + timedelta(days=1))
    assert lines(GatewayKeys.open(tmp_path, NOW)) == []


async def test_the_api_tells_the_same_for_as_many_days_as_asked(tmp_path: Path, database_url: str) -> None:
    async with a_gateway(tmp_path, database_url) as place:
        admin = Signing(place, ADMIN, Pair("EdDSA", "a1"))
        await place.register(ADMIN, admin.pair)
        async with place.db.write() as connection:
            await connection.run_sync(consent.tables.metadata.create_all)
        end = int(days(50).timestamp())
        brief = {"jwks": {"keys": [Pair(kid="brief").jwk | {"exp": end}]}}
        await admin.done("POST", "/v1/systems/LK.GOV.SANDHI.CONSOLE/keys", brief)
        soon, later = [await admin.done("GET", f"/v1/forecast?days={number}") for number in (49, 51)]
        assert (soon["ends"], soon["until"]) == ([], days(49).isoformat())
        assert [(each["owner"], each["name"], each["at"]) for each in later["ends"]] == [
            (ADMIN.id, "brief", days(50).isoformat())
        ]
        assert (await admin.call("GET", "/v1/forecast?days=0")).status_code == 400


def test_the_command_tells_what_ends_or_that_nothing_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(keys_command.app, ["forecast", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert run("--days", "30") == "nothing ends within 30 days\n"
    assert json.loads(run("--json", "--days", "30")) == []
    asyncio.run(registered(datetime.now(UTC)))
    (line,) = json.loads(run("--json", "--days", "30"))
    assert (line["what"], line["owner"], line["name"], line["stops"]) == ("key", SR.id, "brief", [])
    assert "brief" in run()
    assert "sandhi keys rotate token" in run("--days", "100")


async def registered(now: datetime) -> None:
    async with open_services(writing=True) as here, here.db.write() as connection:
        await register.add_member(connection, here.log, Member(SR.member_id, "Board"), now)
        await register.add_system(connection, here.log, SR, now)
        end = int((now + timedelta(days=20)).timestamp())
        keys = checked({"keys": [Pair(kid="brief").jwk | {"exp": end}]})
        await register.add_keys(connection, here.log, SR.id, keys, now)
