"""`sandhi member|system|keys`: registering from the command line, on a real database with the real log."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner, Result

from gateway.cli import keys, main, member, system
from gateway.settings import Settings
from gateway.trust.keys import GatewayKeys, new_key
from gateway.trust.rotation import rotate
from gateway.wiring import only_writer
from tests.small_gateway import a_gateway, client_file, served
from tests.trusting import NOW, SR, Clock, Pair

COMMANDS = {"member": member.app, "system": system.app, "keys": keys.app}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "data"


def run(command: str, *arguments: str) -> Result:
    return CliRunner().invoke(COMMANDS[command], list(arguments))


def done(command: str, *arguments: str) -> str:
    result = run(command, *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def listed(command: str, *arguments: str) -> Any:
    return json.loads(done(command, *arguments, "--json"))


def test_from_nothing_to_a_registered_system(data: Path) -> None:
    told = done("member", "add", "LK/GOV/WBB", "--name", "Board", "--contact", "desk@wbb.example")
    assert "receipt" in told
    offered = "enrolment=https://sr.example/x=canonical/enrolment-event.v1.json"
    done("system", "add", "LK/GOV/WBB/SRIS", "--client", "sr", "--scope", "consent", "--service", offered)
    assert [each["id"] for each in listed("member", "list")] == ["LK/GOV/WBB"]
    (found,) = listed("system", "list")
    assert (found["client_id"], found["scopes"], found["services"][0]["name"]) == ("sr", ["consent"], "enrolment")
    credentials = data / "clients" / "sr.json"
    assert credentials.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(credentials.read_text())) == {"gateway", "client_id", "system", "private_jwk"}
    assert "LK/GOV/WBB" in done("member", "list")
    assert "sr" in done("system", "list")


@pytest.mark.usefixtures("data")
def test_ids_are_whole_in_a_pipe() -> None:
    long = "LK/GOV/BOARDS-OF-THE-WESTERN-PROVINCE"
    done("member", "add", long, "--name", "Board", "--contact", "desk.of.the.whole.institute@provinces.example")
    done("system", "add", f"{long}/REGISTER-OF-MEMBERS", "--client", "register-of-members")
    assert f"{long}/REGISTER-OF-MEMBERS" in done("system", "list")
    assert long in done("member", "list")


def test_public_keys_may_be_brought_and_no_file_is_written_then(data: Path, tmp_path: Path) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [Pair().jwk]}))
    done("member", "add", "LK/GOV/WBB", "--name", "Board", "--jwks", str(jwks))
    assert not (data / "members").exists()


def test_states_and_keys_change_with_a_receipt(data: Path) -> None:
    done("member", "add", "LK/GOV/WBB", "--name", "Board")
    done("system", "add", "LK/GOV/WBB/SRIS", "--client", "sr")
    for step in ("suspend", "resume"):
        assert "receipt" in done("system", step, "sr")
        assert "receipt" in done("member", step, "LK/GOV/WBB")
    done("system", "key", "sr")
    old = json.loads((data / "clients" / "sr.json").read_text())["private_jwk"]["kid"]
    assert "out of force" in done("system", "key", "sr", "--retire", old)
    done("system", "retire", "sr")
    done("member", "retire", "LK/GOV/WBB")
    assert listed("system", "list")[0]["state"] == "retired"


REFUSED = {
    "a malformed id": ("member", ["add", "nobody", "--name", "x"]),
    "a member nobody registered": ("system", ["add", "LK/GOV/NONE/X"]),
    "a service without its schema": ("system", ["add", "LK/GOV/WBB/X", "--service", "a=b"]),
    "a system nobody registered": ("system", ["suspend", "LK/GOV/NONE/X"]),
    "a key for nobody": ("system", ["key", "nobody"]),
    "a token for nobody": ("system", ["token", "nobody"]),
    "a ring that is not there": ("keys", ["rotate", "log"]),
}


@pytest.mark.parametrize(("command", "arguments"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_says_so_in_one_sentence_and_exits_1(data: Path, command: str, arguments: list[str]) -> None:
    result = run(command, *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("sandhi: ")
    assert "Traceback" not in result.output


def test_missing_credentials_are_named_with_what_to_do(data: Path) -> None:
    told = [run("system", "token", "nobody"), CliRunner().invoke(main.app, ["call", "GET", "/x", "--as", "nobody"])]
    for result in told:
        assert result.exit_code == 1
        assert str(data / "clients" / "nobody.json") in result.stderr
        assert "sandhi system add" in result.stderr


def test_while_a_gateway_runs_on_sqlite_commands_may_look_but_not_change(data: Path) -> None:
    done("member", "add", "LK/GOV/WBB", "--name", "Board")
    with only_writer(Settings.read()):
        refused = [
            run("member", "suspend", "LK/GOV/WBB"),
            run("system", "add", "LK/GOV/WBB/X"),
            run("keys", "rotate", "token"),
        ]
        shown = listed("member", "list")
        assert listed("keys", "show")["log"]
    assert {each.exit_code for each in refused} == {1}
    assert all(each.stderr.startswith(f"sandhi: a gateway is running on {data}") for each in refused)
    assert [each["state"] for each in shown] == ["active"]


def test_the_data_directory_remembers_the_address_it_was_opened_with(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDHI_PUBLIC_URL", "http://127.0.0.1:9000")
    done("member", "add", "LK/GOV/WBB", "--name", "Board")
    monkeypatch.delenv("SANDHI_PUBLIC_URL")
    done("system", "add", "LK/GOV/WBB/SRIS", "--client", "sr")
    assert json.loads((data / "clients" / "sr.json").read_text())["gateway"] == "http://127.0.0.1:9000"
    monkeypatch.setenv("SANDHI_PUBLIC_URL", "http://127.0.0.1:9001")
    assert "was opened with SANDHI_PUBLIC_URL=http://127.0.0.1:9000" in run("member", "list").stderr


@pytest.mark.parametrize("content", ["{", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "eA"}]}'])
def test_a_bad_key_file_is_refused(data: Path, tmp_path: Path, content: str) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text(content)
    assert run("member", "add", "LK/GOV/WBB", "--name", "Board", "--jwks", str(jwks)).exit_code == 1
    assert listed("member", "list") == []


def test_a_private_key_is_never_overwritten_and_nothing_is_registered_then(data: Path) -> None:
    path = data / "members" / "LK.GOV.WBB.json"
    path.parent.mkdir(parents=True)
    path.write_text("somebody's only copy")
    assert run("member", "add", "LK/GOV/WBB", "--name", "Board").exit_code == 1
    assert path.read_text() == "somebody's only copy"
    assert listed("member", "list") == []


def test_the_gateways_keys_are_shown_and_rotate_a_day_ahead_or_at_once(data: Path) -> None:
    done("keys", "rotate", "token")
    begun = datetime.now(UTC)
    done("keys", "rotate", "message", "--now")
    shown = listed("keys", "show")
    assert [(row["use"], row["state"]) for row in shown["keys"] if row["use"] != "message"] == [
        ("token", "current"),
        ("token", "next"),
        ("encryption", "current"),
    ]
    _, soon = [datetime.fromisoformat(row["use_from"]) for row in shown["keys"] if row["use"] == "message"]
    assert timedelta(seconds=2) < soon - begun < timedelta(seconds=30)  # no process meets a key it has not seen
    assert len(shown["log"]) == 1
    assert "current" in done("keys", "show")


async def test_without_a_log_entry_there_is_no_new_key(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as place:
        place.log.broken = True
        with pytest.raises(OSError, match="full"):
            await rotate(place.db, place.log, tmp_path / "keys", "token", now=NOW, use_from=NOW)
        assert len(GatewayKeys.open(tmp_path / "keys", NOW).token.keys) == 1


async def test_a_token_from_the_command_line_is_good_for_one_call_with_its_proof(tmp_path: Path) -> None:
    key = new_key("ES256")
    app = FastAPI(openapi_url=None)
    async with served(app) as base, a_gateway(tmp_path, clock=Clock(datetime.now(UTC)), origin=base) as place:
        app.mount("/", place.app)
        await place.register(SR, Pair("ES256", key.kid, key.material.private_key))
        path = client_file(tmp_path, base, SR, key)
        assert (await system._token(path, None)).count(".") == 2
        headers = dict(line.split(": ", 1) for line in (await system._token(path, ("get", "/v1/systems"))).splitlines())
        async with place.client() as client:
            client.base_url = base
            first, second = [await client.get("/v1/systems", headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 401)
