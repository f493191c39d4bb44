"""`sandhi officer`: registering people from the command line, on a real database with the real log."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import audit, member, officer

COMMANDS = {"officer": officer.app, "member": member.app, "audit": audit.app}
AMARA = ("--name", "Amara", "--member", "LK/GOV/WBB")


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "80")
    assert run("member", "add", "LK/GOV/WBB", "--name", "Board").exit_code == 0
    return tmp_path / "data"


def run(command: str, *arguments: str) -> Result:
    return CliRunner().invoke(COMMANDS[command], list(arguments))


def done(*arguments: str) -> str:
    result = run("officer", *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    result = run("officer", *arguments)
    assert result.exit_code == 1, result.output
    return result.stderr


def test_an_officer_s_life_from_the_shell() -> None:
    assert json.loads(done("list", "--json")) == []
    made = json.loads(done("add", *AMARA, "--login", "amara", "--role", "data_manager", "--json"))
    assert len(made["password"]) == 16
    (listed,) = json.loads(done("list", "--json"))
    assert (listed["id"], listed["state"], listed["roles"][0]["member"]) == (made["id"], "active", "LK/GOV/WBB")
    assert made["password"] not in json.dumps(listed)
    assert "gn_officer (LK-1103005)" in done(
        "role", made["id"], "gn_officer", "--territory", "LK-1103005", "--days", "30"
    )
    shown = json.loads(done("show", made["id"], "--json"))
    assert [each["role"] for each in shown["roles"]] == ["data_manager", "gn_officer"]
    assert "granted by command-line" in done("show", made["id"])
    assert "revoked" in done("role", made["id"], shown["roles"][0]["id"], "--revoke")
    assert "gn_officer (LK-1103005)" in done("list")
    for verb, state in (("suspend", "suspended"), ("resume", "active"), ("retire", "retired")):
        assert f"is {state}; receipt " in done(verb, made["id"])
    assert "retired and cannot" in refused("resume", made["id"])
    assert run("audit", "verify").exit_code == 0


def test_an_officer_who_signs_in_elsewhere_has_no_password_here() -> None:
    told = done("add", *AMARA, "--issuer", "https://id.example", "--subject", "248289761001")
    assert "is registered" in told
    assert "password" not in told
    assert "already" in refused("add", *AMARA, "--issuer", "https://id.example", "--subject", "248289761001")


def test_what_cannot_be_is_said_in_one_sentence() -> None:
    assert "give --login" in refused("add", *AMARA)
    assert "not registered" in refused("add", "--name", "x", "--member", "LK/GOV/NONE", "--login", "x")
    assert "a login has" in refused("add", *AMARA, "--login", "Am ara")
    assert "a role is one of" in refused("add", *AMARA, "--login", "amara", "--role", "king")
    assert json.loads(done("list", "--json")) == []
    assert "name the territory" in refused("add", *AMARA, "--login", "amara", "--role", "gn_officer")
    assert "gn_division" in refused("add", *AMARA, "--login", "amara", "--role", "gn_officer", "--territory", "LK-11")
    assert "no such officer" in refused("show", "OFF-00000000")
    made = json.loads(done("add", *AMARA, "--login", "amara", "--role", "operator", "--json"))
    assert "at once" in refused("role", made["id"], "compliance_officer")


def test_a_gateway_with_a_provider_elsewhere_makes_no_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ISSUER": "https://id.example", "CLIENT_ID": "gw", "CLIENT_SECRET": "hush"}.items():
        monkeypatch.setenv(f"SANDHI_OIDC_{name}", value)
    assert "no accounts of its own" in refused("add", *AMARA, "--login", "amara")
