"""`sandhi member|system|keys`: what an operator changes later, and how the gateway's own keys are kept."""

import asyncio
import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from audit import Wanted
from gateway.cli import keys, member, system
from gateway.trust.keys import ALG
from gateway.trust.vault import MARK, key_files
from gateway.wiring import open_services
from tests.registering import a_certificate
from tests.trusting import Pair

COMMANDS = {"member": member.app, "system": system.app, "keys": keys.app}
BOARD, SRIS = "LK/GOV/WBB", "LK/GOV/WBB/SRIS"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "data"


@pytest.fixture
def board(data: Path) -> Path:
    """A data directory with one member and one system."""
    done("member", "add", BOARD, "--name", "Board", "--contact", "desk@wbb.example")
    done("system", "add", SRIS, "--client", "sr")
    return data


def run(command: str, *arguments: str) -> Result:
    return CliRunner().invoke(COMMANDS[command], list(arguments))


def done(command: str, *arguments: str) -> str:
    result = run(command, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def shown(command: str, *arguments: str) -> Any:
    return json.loads(done(command, *arguments))


def recorded(kind: str) -> list[dict[str, Any]]:
    async def found() -> list[dict[str, Any]]:
        async with open_services() as here:
            found = [each.entry_id for each in await here.log.search(Wanted(kind=kind))]
            return [dict(each.entry.facts) for each in await here.log.find(found)]

    return asyncio.run(found())


def test_empty_lists_say_what_to_do(data: Path) -> None:
    assert "sandhi member add" in done("member", "list")
    assert "sandhi system add" in done("system", "list")
    assert shown("system", "posture", "--json")["systems"] == []


def test_a_member_is_changed_shown_and_gets_another_key(board: Path) -> None:
    more = ("--security-contact", "soc@wbb.example", "--data-protection-contact", "dpo@wbb.example")
    done("member", "change", BOARD, *more, "--address", "Colombo 7")
    found = shown("member", "show", BOARD)
    assert (found["contact"], found["security_contact"], found["address"]) == (
        "desk@wbb.example",
        "soc@wbb.example",
        "Colombo 7",
    )
    assert found["systems"] == [SRIS]
    (old,) = [key["kid"] for key in found["jwks"]["keys"]]
    assert "its key: " in done("member", "key", BOARD)
    assert "out of force" in done("member", "key", BOARD, "--retire", old)
    assert old not in {key["kid"] for key in shown("member", "show", BOARD)["jwks"]["keys"]}
    assert recorded("member.changed") == [
        {"member": BOARD, "changed": ["address", "data_protection_contact", "security_contact"]}
    ]


def test_a_proposed_member_and_system_wait_to_be_let_in(data: Path) -> None:
    done("member", "add", BOARD, "--name", "Board", "--proposed")
    done("system", "add", SRIS, "--client", "sr", "--proposed")
    assert [shown(command, "list", "--json")[0]["state"] for command in ("member", "system")] == ["proposed"] * 2
    done("member", "resume", BOARD)
    done("system", "resume", "sr")
    assert [shown(command, "list", "--json")[0]["state"] for command in ("member", "system")] == ["active"] * 2


def test_a_suspension_from_the_shell_says_why_and_is_put_before_a_second_person(board: Path) -> None:
    done("member", "suspend", BOARD, "--reason", "its keys lie in the open")
    (told,) = recorded("member.suspended")
    assert (told["by"], told["reason"]) == ("command-line", "its keys lie in the open")
    assert [each["what"] for each in recorded("approval.proposed")] == ["member.suspension"]
    refused = run("member", "resume", BOARD, "--reason", "asked by 199012304567")
    assert (refused.exit_code, "leave it out" in refused.stderr) == (1, True)
    done("member", "resume", BOARD)


def test_in_production_the_shell_stops_a_member_and_does_not_bring_it_back(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "sandhi", "OIDC_CLIENT_SECRET": "s" * 32}
    production = {"PRODUCTION": "1", "KEYSTORE_PASSPHRASE": "correct horse battery staple"}
    for name, value in (provider | production).items():
        monkeypatch.setenv(f"SANDHI_{name}", value)
    done("member", "add", BOARD, "--name", "Board")
    done("member", "suspend", BOARD, "--reason", "its keys lie in the open")
    for verb in ("resume", "retire"):
        refused = run("member", verb, BOARD)
        assert (refused.exit_code, "two people" in refused.stderr) == (1, True)
    assert shown("member", "show", BOARD)["state"] == "suspended"


def test_a_system_is_changed_in_parts(board: Path) -> None:
    done("system", "change", "sr", "--scope", "exchange", "--scope", "consent")
    done("system", "change", "sr", "--name", "social registry")
    found = shown("system", "show", "sr")
    assert (found["name"], found["scopes"], len(found["jwks"]["keys"])) == (
        "social registry",
        ["consent", "exchange"],
        1,
    )


def test_a_policy_is_shown_and_set_member_by_member_or_whole(board: Path, tmp_path: Path) -> None:
    assert shown("system", "policy", "sr")["signature"]["window_s"] == 300
    change = ("signature.window_s=60", "bearer=true", "signature.algorithms=RS256", "limits.per_second=2.5")
    done("system", "policy", "sr", *(word for each in change for word in ("--set", each)))
    found = shown("system", "policy", "sr")
    assert (found["signature"]["window_s"], found["bearer"], found["limits"]["per_second"]) == (60, True, 2.5)
    assert "bearer no -> yes; signature.algorithms none -> RS256" in done("system", "posture")
    (tmp_path / "policy.json").write_text('{"encryption": {"outgoing": true}}')
    done("system", "policy", "sr", "--file", str(tmp_path / "policy.json"))
    assert shown("system", "policy", "sr")["encryption"]["outgoing"] is True
    first, second = recorded("system.policy_changed")
    assert (first["raised"], len(first["lowered"])) == (["signature.window_s 300 -> 60"], 2)
    assert (second["lowered"], len(second["raised"])) == (["signature.window_s 60 -> 300"], 3)
    (after,) = shown("system", "posture", "--json")["systems"]
    assert (after["exceptions"], after["last_used_at"], after["may"]["binding"]) == ([], None, ["dpop"])


REFUSED = {
    "a member nobody registered": ("member", ["change", "LK/GOV/NONE", "--name", "x"]),
    "a change of nothing": ("member", ["change", BOARD]),
    "showing nobody": ("member", ["show", "LK/GOV/NONE"]),
    "a policy of nobody": ("system", ["policy", "nobody"]),
    "a member that no policy has": ("system", ["policy", "sr", "--set", "trusted=true"]),
    "half a setting": ("system", ["policy", "sr", "--set", "bearer"]),
    "a word for a number": ("system", ["policy", "sr", "--set", "signature.window_s=long"]),
    "a word for a flag": ("system", ["policy", "sr", "--set", "bearer=perhaps"]),
    "a whole part": ("system", ["policy", "sr", "--set", "signature=none"]),
    "keys from a place that is not there": ("system", ["policy", "sr", "--set", "jwks_uri=https://127.0.0.1:9/keys"]),
    "both kinds of keys": ("system", ["add", f"{BOARD}/X", "--jwks", "x", "--jwks-uri", "https://127.0.0.1:9/keys"]),
    "a certificate that is not there": ("system", ["certificate", "sr", "nothing.pem"]),
    "no certificate at all": ("system", ["certificate", "sr"]),
    "a secret without the policy": ("system", ["secret", "sr"]),
    "an encryption without a key": ("keys", ["rewrap"]),
}


def test_what_is_refused_says_so_in_one_sentence(board: Path) -> None:
    for name, (command, arguments) in REFUSED.items():
        result = run(command, *arguments)
        assert (name, result.exit_code) == (name, 1), result.output
        assert result.stderr.startswith("sandhi: "), name
        assert "Traceback" not in result.output


def test_a_certificate_and_a_secret_come_and_go(board: Path, tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_text(a_certificate())
    assert "may present it" in done("system", "certificate", "sr", str(tmp_path / "client.pem"))
    (thumbprint,) = shown("system", "policy", "sr")["certificates"]
    assert "no longer" in done("system", "certificate", "sr", "--retire", thumbprint)
    done("system", "policy", "sr", "--set", "client_secret=true")
    made = run("system", "secret", "sr", "--days", "30")
    secret = made.stdout.strip()
    assert (made.exit_code, len(secret) >= 43, "not shown again" in made.stderr) == (0, True, True)
    assert secret not in json.dumps(recorded("system.secret_made"))
    assert len(shown("system", "posture", "--json")["systems"][0]["client_secrets"]) == 1
    assert "no client secret any more" in done("system", "secret", "sr", "--withdraw")


def test_keys_with_an_end_and_for_encryption_are_registered_from_a_file(board: Path, tmp_path: Path) -> None:
    jwks = tmp_path / "jwks.json"
    document = [Pair(kid="e").jwk | {"use": "enc", "alg": "ECDH-ES"}, Pair(kid="s").jwk | {"exp": 4_000_000_000}]
    jwks.write_text(json.dumps({"keys": document}))
    done("system", "key", "sr", "--jwks", str(jwks))
    found = {key["kid"]: key for key in shown("system", "posture", "--json")["systems"][0]["keys"]}
    assert (found["e"]["use"], found["s"]["not_after"]) == ("enc", "2096-10-02T07:06:40+00:00")


def test_the_gateways_keys_are_encrypted_afterwards_and_the_key_changes(
    board: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shown("keys", "list", "--json")
    assert {row["held"] for row in before["keys"]} == {"files"}
    old, new = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    for key in (old, f"{new}\n{old}"):
        monkeypatch.setenv("SANDHI_KEYSTORE_KEY", key)
        assert "token/0001.json" in done("keys", "rewrap")
    monkeypatch.setenv("SANDHI_KEYSTORE_KEY", new)
    assert shown("keys", "list", "--json") == before
    assert all((board / "keys" / name).read_text().startswith(MARK) for name in key_files(board / "keys"))
    assert shown("system", "posture", "--json")["gateway"]["exceptions"] == []
    assert len(recorded("keystore.rewrapped")) == 2
    for use in ALG:
        done("keys", "rotate", use)
    monkeypatch.delenv("SANDHI_KEYSTORE_KEY")
    result = run("keys", "list")
    assert (result.exit_code, "SANDHI_KEYSTORE_KEY_FILE" in result.stderr) == (1, True)


def test_production_does_not_start_with_keys_in_clear(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDHI_PRODUCTION", "1")
    monkeypatch.setenv("SANDHI_OIDC_ISSUER", "https://id.example")
    refused = run("keys", "list")
    assert refused.exit_code == 1
    assert "encrypted at rest" in refused.stderr
    monkeypatch.setenv("SANDHI_KEYSTORE_PASSPHRASE", "correct horse battery staple")
    assert "sandhi keys rewrap" in run("keys", "list").stderr


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"KEYSTORE_KEY": "short"}, "openssl rand -base64 32"),
        ({"KEYSTORE_PASSPHRASE": "short"}, "at least 16"),
        ({"PKCS11_MODULE": "/nowhere.so"}, "SANDHI_PKCS11_PIN_FILE"),
        ({"PKCS11_MODULE": "/nowhere.so", "PKCS11_TOKEN_LABEL": "t", "PKCS11_PIN": "9817"}, "does not open"),
    ],
)
def test_settings_of_the_keystore_that_do_not_fit_are_named(
    data: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"SANDHI_{name}", value)
    result = run("keys", "list")
    assert (result.exit_code, told in result.stderr) == (1, True), result.output
    assert "9817" not in result.output


@pytest.mark.parametrize("command", ["member", "system", "keys"])
def test_every_command_has_its_help(command: str) -> None:
    for info in COMMANDS[command].registered_commands:
        name = info.name or (info.callback.__name__ if info.callback else "")
        result = CliRunner().invoke(COMMANDS[command], [name, "--help"])
        assert result.exit_code == 0
        assert len(result.stdout) > 100
