"""`/v1/members` and `/v1/systems`: every change is one entry in its own transaction, and counts at the next call."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher

from gateway.trust import client_secrets, register
from tests.registering import Signing, a_certificate
from tests.small_gateway import Place, a_gateway
from tests.trusting import ADMIN, ESS, NOW, SR, Pair

ESS_PATH, MEMBER_PATH = "/v1/systems/LK.GOV.DME.ESS", "/v1/members/LK.GOV.DME"
YESTERDAY = NOW - timedelta(days=1)
MEMBER = {"id": "LK/GOV/EPF", "name": "Provident Fund", "contact": "desk@epf.example"}


@pytest.fixture
async def place(tmp_path: Path, database_url: str) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path, database_url) as built:
        yield built


@pytest.fixture
async def admin(place: Place) -> Signing:
    caller = Signing(place, ADMIN, Pair("EdDSA", "a1"))
    await place.register(ADMIN, caller.pair)
    return caller


@pytest.fixture
async def ess(place: Place, admin: Signing) -> Signing:
    caller = Signing(place, ESS, Pair())
    await place.register(ESS, caller.pair)
    place.log.entries.clear()
    return caller


def facts(place: Place, kind: str) -> list[dict[str, Any]]:
    return [dict(entry.facts) for entry in place.log.entries if entry.kind == kind]


async def test_a_member_is_registered_whole_changed_in_parts_and_shown(place: Place, admin: Signing) -> None:
    more = {"security_contact": "+94 11 0000000", "data_protection_contact": "dpo@epf.example", "address": "Colombo 5"}
    await admin.done("POST", "/v1/members", MEMBER | more | {"state": "proposed", "jwks": {"keys": [Pair().jwk]}})
    await admin.done("PATCH", "/v1/members/LK.GOV.EPF", {"address": "Colombo 1", "security_contact": "soc@epf.example"})
    await admin.done("POST", "/v1/members/LK.GOV.EPF/state", {"state": "active"})
    shown = await admin.done("GET", "/v1/members/LK.GOV.EPF")
    assert (shown["state"], shown["address"], shown["contact"]) == ("active", "Colombo 1", "desk@epf.example")
    assert (shown["systems"], [key["kid"] for key in shown["jwks"]["keys"]]) == ([], ["k1"])
    assert facts(place, "member.changed") == [{"member": "LK/GOV/EPF", "changed": ["address", "security_contact"]}]
    assert len(place.log.kinds) == len({entry.id for entry in place.log.entries})


async def test_the_log_learns_what_changed_and_never_a_contact_an_address_or_a_callback(
    place: Place, admin: Signing, ess: Signing
) -> None:
    await admin.done("PATCH", MEMBER_PATH, {"contact": "new@dme.example", "address": "77 Secret Street"})
    moved = {"name": "progress", "callback_url": "https://ess.example/moved", "record_schema": "canonical/x.v1.json"}
    await admin.done("PATCH", ESS_PATH, {"services": [moved]})
    policy = {"jwks_uri": "", "limits": {"per_second": 5}, "bearer": True, "signature": {"window_s": 60}}
    await admin.done("PUT", f"{ESS_PATH}/policy", policy)
    (changed,) = facts(place, "system.changed")
    assert changed["callbacks_moved"] == ["progress"]
    (told,) = facts(place, "system.policy_changed")
    assert told["raised"] == ("signature.window_s 300 -> 60",)
    assert told["lowered"] == ("bearer no -> yes",)
    assert told["changed"] == ("limits.per_second 0.0 -> 5.0",)
    text = json.dumps([dict(entry.facts) for entry in place.log.entries])
    assert not any(word in text for word in ("new@dme", "Secret Street", "https://"))


async def test_a_member_rotates_the_key_it_signs_agreements_with(place: Place, admin: Signing) -> None:
    await admin.done("POST", "/v1/members", MEMBER | {"jwks": {"keys": [Pair(kid="old").jwk]}})
    await admin.done("POST", "/v1/members/LK.GOV.EPF/keys", {"jwks": {"keys": [Pair(kid="new").jwk]}})
    assert {key["kid"] for key in await place.trust.member_keys("LK/GOV/EPF")} == {"old", "new"}
    await admin.done("DELETE", "/v1/members/LK.GOV.EPF/keys/old")
    assert {key["kid"] for key in await place.trust.member_keys("LK/GOV/EPF")} == {"new"}


REFUSED: dict[str, tuple[str, str, Any, int]] = {
    "a member that is not there": ("GET", "/v1/members/LK.GOV.NONE", None, 404),
    "a change of one that is not there": ("PATCH", "/v1/members/LK.GOV.NONE", {"name": "x"}, 404),
    "a change of nothing": ("PATCH", MEMBER_PATH, {}, 409),
    "a name of nothing": ("PATCH", MEMBER_PATH, {"name": " "}, 409),
    "an unknown member": ("PATCH", MEMBER_PATH, {"state": "active"}, 400),
    "a member registered as suspended": ("POST", "/v1/members", MEMBER | {"state": "suspended"}, 400),
    "a system that is not there": ("PUT", "/v1/systems/LK.GOV.DME.NONE/policy", {"bearer": True}, 404),
    "a policy that is the one in force": ("PUT", f"{ESS_PATH}/policy", {}, 409),
    "a policy with a text for a flag": ("PUT", f"{ESS_PATH}/policy", {"bearer": "yes"}, 400),
    "a policy with an unknown member": ("PUT", f"{ESS_PATH}/policy", {"trusted": True}, 400),
    "a system without keys": ("POST", "/v1/systems", {"id": "LK/GOV/DME/X", "name": "x"}, 400),
    "a system retired from the start": (
        "POST",
        "/v1/systems",
        {"id": "LK/GOV/DME/X", "name": "x", "state": "retired", "jwks": {"keys": [Pair().jwk]}},
        400,
    ),
    "published keys where none are fetched": (
        "PUT",
        f"{ESS_PATH}/policy",
        {"jwks_uri": "https://ess.example/jwks.json"},
        400,
    ),
    "a callback that is no address": (
        "PATCH",
        ESS_PATH,
        {"services": [{"name": "a", "callback_url": "file:///etc/passwd", "record_schema": "x"}]},
        400,
    ),
    "a callback that is never dialled": (
        "PATCH",
        ESS_PATH,
        {"services": [{"name": "a", "callback_url": "https://192.168.7.7/a", "record_schema": "x"}]},
        400,
    ),
    "no certificate": ("POST", f"{ESS_PATH}/certificates", {"pem": "-----BEGIN"}, 400),
    "two certificates": ("POST", f"{ESS_PATH}/certificates", {"pem": a_certificate() + a_certificate()}, 400),
    "a private key": ("POST", f"{ESS_PATH}/certificates", {"pem": "-----BEGIN PRIVATE KEY-----"}, 400),
    "a certificate that ended": ("POST", f"{ESS_PATH}/certificates", {"pem": a_certificate(NOW, since=YESTERDAY)}, 400),
    "the end of no certificate": ("DELETE", f"{ESS_PATH}/certificates/x", None, 409),
    "a client secret that no policy allows": ("POST", f"{ESS_PATH}/secret", {}, 409),
    "a client secret for ten years": ("POST", f"{ESS_PATH}/secret", {"days": 3650}, 400),
    "the end of no client secret": ("DELETE", f"{ESS_PATH}/secret", None, 409),
    "an RS256 key without the policy": (
        "POST",
        f"{ESS_PATH}/keys",
        {"jwks": {"keys": [Pair("PS256", "r").jwk | {"alg": "RS256"}]}},
        400,
    ),
}


async def test_what_cannot_be_is_refused_and_leaves_no_entry(place: Place, admin: Signing, ess: Signing) -> None:
    for name, (method, path, body, status) in REFUSED.items():
        response = await admin.call(method, path, body)
        assert (name, response.status_code) == (name, status), response.text
    assert place.log.entries == []


async def test_nobody_but_an_administrator_registers_or_looks_around(place: Place, ess: Signing) -> None:
    asked: list[tuple[str, str, Any]] = [
        ("GET", "/v1/members", None),
        ("GET", MEMBER_PATH, None),
        ("POST", "/v1/members", MEMBER),
        ("PATCH", MEMBER_PATH, {"name": "x"}),
        ("POST", f"{MEMBER_PATH}/state", {"state": "suspended"}),
        ("POST", f"{MEMBER_PATH}/keys", {"jwks": {}}),
        ("DELETE", f"{MEMBER_PATH}/keys/k1", None),
        ("PATCH", ESS_PATH, {"name": "x"}),
        ("PUT", f"{ESS_PATH}/policy", {"bearer": True}),
        ("POST", f"{ESS_PATH}/certificates", {"pem": a_certificate()}),
        ("DELETE", f"{ESS_PATH}/certificates/x", None),
        ("POST", f"{ESS_PATH}/secret", {}),
        ("DELETE", f"{ESS_PATH}/secret", None),
        ("GET", "/v1/posture", None),
        ("GET", "/v1/forecast", None),
        ("POST", "/v1/gateway/keys/token", {}),
    ]
    assert {(await ess.call(*each)).status_code for each in asked} == {403}
    assert place.log.entries == []


async def test_a_proposed_system_may_not_call_until_it_is_active(place: Place, admin: Signing) -> None:
    await place.register(SR, Pair())
    new = {"id": "LK/GOV/WBB/NEW", "name": "new", "state": "proposed", "jwks": {"keys": [Pair(kid="n").jwk]}}
    pair = Pair(kid="n")
    new["jwks"] = {"keys": [pair.jwk]}
    await admin.done("POST", "/v1/systems", new)
    caller = Signing(place, (await place.trust.register()).systems["LK/GOV/WBB/NEW"], pair)
    assert (await caller.token()).status_code == 401
    await admin.done("POST", "/v1/systems/LK.GOV.WBB.NEW/state", {"state": "active"})
    assert (await caller.token()).status_code == 200


async def test_a_key_to_encrypt_with_signs_nothing_and_a_system_sees_both(place: Place, ess: Signing) -> None:
    secret = Pair(kid="enc1")
    member = secret.jwk | {"use": "enc", "alg": "ECDH-ES+A256KW"}
    await ess.done("POST", f"{ESS_PATH}/keys", {"jwks": {"keys": [member]}})
    snapshot = await place.trust.register()
    assert [key.kid for key in snapshot.enc_keys[ESS.id]] == ["enc1"]
    assert [key.kid for key in snapshot.keys[ESS.id]] == ["k1"]
    shown = await ess.done("GET", ESS_PATH)
    assert {key["kid"]: key["use"] for key in shown["jwks"]["keys"]} == {"k1": "sig", "enc1": "enc"}
    assert (await Signing(place, ESS, secret).token()).status_code == 401


async def test_a_key_ends_at_its_exp_without_anybody_doing_anything(place: Place, ess: Signing) -> None:
    pair = Pair(kid="short")
    end = int((NOW + timedelta(hours=1)).timestamp())
    await ess.done("POST", f"{ESS_PATH}/keys", {"jwks": {"keys": [pair.jwk | {"exp": end}]}})
    brief = Signing(place, ESS, pair)
    shown = await ess.done("GET", ESS_PATH)
    assert {key["kid"]: key.get("exp") for key in shown["jwks"]["keys"]} == {"k1": None, "short": end}
    assert (await brief.token()).status_code == 200
    place.clock.pass_by(3601)
    assert (await brief.token()).status_code == 401
    place.trust.directory._looked_at = float("-inf")
    assert [key.kid for key in (await place.trust.register()).keys[ESS.id]] == ["k1"]
    over = await ess.call("POST", f"{ESS_PATH}/keys", {"jwks": {"keys": [Pair(kid="past").jwk | {"exp": end}]}})
    assert (over.status_code, "ended" in over.json()["detail"]) == (400, True)


async def test_rs256_keys_come_and_go_with_the_policy_that_names_them(
    place: Place, admin: Signing, ess: Signing
) -> None:
    legacy = Pair("PS256", "r").jwk | {"alg": "RS256"}
    await admin.done("PUT", f"{ESS_PATH}/policy", {"signature": {"algorithms": ["RS256"]}})
    await ess.done("POST", f"{ESS_PATH}/keys", {"jwks": {"keys": [legacy]}})
    assert [key.alg for key in (await place.trust.register()).keys[ESS.id]] == ["ES256", "RS256"]
    held = await admin.call("PUT", f"{ESS_PATH}/policy", {})
    assert (held.status_code, "retire r first" in held.json()["detail"]) == (409, True)
    await ess.done("DELETE", f"{ESS_PATH}/keys/r")
    await admin.done("PUT", f"{ESS_PATH}/policy", {})


async def test_certificates_are_known_by_thumbprint_and_end_and_belong_to_one_system(
    place: Place, admin: Signing, ess: Signing
) -> None:
    pem = a_certificate()
    await admin.done("POST", f"{ESS_PATH}/certificates", {"pem": pem})
    (thumbprint,) = (await place.trust.register()).systems[ESS.id].policy.certificates
    (told,) = facts(place, "system.policy_changed")
    assert told["raised"] == (f"certificates none -> {thumbprint}",)
    for path in (ESS_PATH, "/v1/systems/LK.GOV.SANDHI.CONSOLE"):
        assert (await admin.call("POST", f"{path}/certificates", {"pem": pem})).status_code == 409
    (shown,) = [each for each in (await admin.done("GET", "/v1/posture"))["systems"] if each["system"] == ESS.id]
    assert shown["certificates"] == [{"thumbprint": thumbprint, "not_after": "2026-12-02T09:00:00+00:00"}]
    assert shown["may"] == {"authentication": ["private_key_jwt"], "binding": ["dpop", "mtls"]}
    await admin.done("DELETE", f"{ESS_PATH}/certificates/{thumbprint}")
    assert (await place.trust.register()).systems[ESS.id].policy.certificates == ()
    await admin.done("POST", f"{ESS_PATH}/certificates", {"pem": pem})


async def test_a_client_secret_is_shown_once_kept_as_argon2id_and_changes_over(
    place: Place, admin: Signing, ess: Signing
) -> None:
    await admin.done("PUT", f"{ESS_PATH}/policy", {"client_secret": True})
    first = (await admin.done("POST", f"{ESS_PATH}/secret", {}))["client_secret"]
    place.clock.pass_by(60)
    second = (await admin.done("POST", f"{ESS_PATH}/secret", {"days": 30}))["client_secret"]
    assert len(first) >= 43
    assert first != second
    assert not any(word in json.dumps([dict(each.facts) for each in place.log.entries]) for word in (first, second))

    async def hashes() -> tuple[str, ...]:
        async with place.db.read() as connection:
            system = await register.find_system(connection, ESS.id)
            assert system is not None
            return await register.client_secret_hashes(connection, system, place.clock())

    kept = await hashes()
    assert all(each.startswith("$argon2id$") for each in kept)
    assert not any(PasswordHasher().check_needs_rehash(each) for each in kept)
    assert [await client_secrets.accepted(each, kept) for each in (first, second, first[:-1], "")] == [
        True,
        True,
        False,
        False,
    ]
    place.clock.pass_by(8 * 86400)
    assert not await client_secrets.accepted(first, await hashes())  # a week is enough to change over
    assert await client_secrets.accepted(second, await hashes())
    await admin.done("DELETE", f"{ESS_PATH}/secret")
    assert await hashes() == ()


async def test_a_secret_does_not_outlive_the_policy_that_allows_it(place: Place, admin: Signing, ess: Signing) -> None:
    await admin.done("PUT", f"{ESS_PATH}/policy", {"client_secret": True})
    await admin.done("POST", f"{ESS_PATH}/secret", {})
    await admin.done("PUT", f"{ESS_PATH}/policy", {})
    async with place.db.read() as connection:
        system = await register.find_system(connection, ESS.id)
        assert system is not None
        assert await register.client_secret_hashes(connection, system, NOW) == ()


async def test_the_posture_says_what_is_allowed_what_was_used_and_which_exceptions_there_are(
    place: Place, admin: Signing, ess: Signing
) -> None:
    await admin.done("PUT", f"{ESS_PATH}/policy", {"bearer": True, "signature": {"tolerant": True}})
    await ess.done("GET", ESS_PATH)
    posture = await admin.done("GET", "/v1/posture")
    shown = {each["system"]: each for each in posture["systems"]}[ESS.id]
    assert shown["exceptions"] == ["bearer no -> yes", "signature.tolerant no -> yes"]
    assert shown["may"]["binding"] == ["dpop", "bearer"]
    assert {each["method"] for each in shown["did"]} >= {"private_key_jwt", "dpop"}
    assert shown["last_used_at"] == NOW.isoformat()
    assert posture["gateway"]["exceptions"] == ["keys are not encrypted at rest"]
    assert {row["use"] for row in posture["gateway"]["keys"]} == {"token", "message", "encryption"}


async def test_an_administrator_rotates_the_gateways_own_keys_while_it_runs(place: Place, admin: Signing) -> None:
    before = {key["kid"] for key in place.trust.jwks()["keys"]}
    for use, body in (("token", {}), ("message", {"at_once": True}), ("encryption", {"at_once": True})):
        made = await admin.done("POST", f"/v1/gateway/keys/{use}", body)
        assert (made["kid"] in {key["kid"] for key in place.trust.jwks()["keys"]}) is (use != "encryption")
    assert [entry["use"] for entry in facts(place, "key.added")[-3:]] == ["token", "message", "encryption"]
    place.clock.pass_by(4)
    place.trust.forget()
    published = {key["kid"] for key in place.trust.jwks()["keys"]}
    assert len(published & before) == 2  # the token key in use, and the message key that receivers may still need
    assert len(place.trust.decryption_keys()) == 2
    assert (await admin.call("POST", "/v1/gateway/keys/log", {})).status_code == 400


async def test_without_a_log_entry_no_policy_certificate_or_secret_changes(
    place: Place, admin: Signing, ess: Signing
) -> None:
    await admin.done("PUT", f"{ESS_PATH}/policy", {"client_secret": True})
    before = await admin.done("GET", "/v1/posture")
    place.log.broken = True
    for method, path, body in (
        ("PUT", f"{ESS_PATH}/policy", {"bearer": True}),
        ("POST", f"{ESS_PATH}/certificates", {"pem": a_certificate()}),
        ("POST", f"{ESS_PATH}/secret", {}),
        ("PATCH", MEMBER_PATH, {"name": "another"}),
    ):
        assert (await admin.call(method, path, body)).status_code >= 500
    after = await admin.done("GET", "/v1/posture")
    assert [each["client_secrets"] for each in after["systems"]] == [[] for _ in after["systems"]]
    assert [each["exceptions"] for each in after["systems"]] == [each["exceptions"] for each in before["systems"]]
    assert (await admin.done("GET", MEMBER_PATH))["name"] == "member"


async def test_in_production_one_token_alone_weakens_nothing(place: Place, admin: Signing, ess: Signing) -> None:
    await admin.done("PUT", f"{ESS_PATH}/policy", {"bearer": True})
    place.app.state.services = SimpleNamespace(settings=SimpleNamespace(is_production=True))
    elsewhere = {"name": "progress", "callback_url": "https://new.example/p", "record_schema": "canonical/x.v1.json"}
    for method, path, body in (
        ("PUT", f"{ESS_PATH}/policy", {"bearer": True, "client_secret": True}),
        ("PATCH", ESS_PATH, {"services": [elsewhere]}),
        ("POST", "/v1/systems", {"id": "LK/GOV/DME/X", "name": "x", "policy": {"bearer": True}, "jwks": {"keys": []}}),
    ):
        refused = await admin.call(method, path, body)
        assert (refused.status_code, "/v1/approvals" in refused.json()["detail"]) == (403, True)
    await admin.done("PUT", f"{ESS_PATH}/policy", {})  # stricter is one person's to decide
