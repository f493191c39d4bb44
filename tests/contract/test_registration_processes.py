"""Every process sees a change within a second, and the command line does what the API does."""

import asyncio
import base64
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.registration import folder
from gateway.settings import Settings
from gateway.wiring import open_services
from gateway.working import working
from tests.offices_house import ADAPTER, SERVICE, offices, texts


async def test_another_process_sees_a_release_and_a_rollback_within_a_second(tmp_path: Path, postgres_url: str) -> None:
    async with offices(tmp_path, postgres_url) as place:
        environment = dict(place.here.settings.environment) | {"SANDHI_WORKER": "apart"}
        async with open_services(Settings.read(environment)) as other, working(other):
            assert SERVICE not in {each.service.id for each in other.catalogue}
            await place.on_line()
            await _within_a_second(lambda: SERVICE in {each.service.id for each in other.catalogue})
            assert other.catalogue.offer(SERVICE).adapter is not None
            await place.done("POST", f"/adapters/{ADAPTER}/versions/1/retire")
            await _within_a_second(lambda: other.catalogue.offer(SERVICE).adapter is None)


async def _within_a_second(holds: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < 1.5  # a second, and what a busy machine adds
        await asyncio.sleep(0.05)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("SANDHI_DATABASE_URL", raising=False)
    return CliRunner()


def told(runner: CliRunner, *command: str, code: int = 0) -> str:
    done = runner.invoke(app, ["adapter", *command])
    assert done.exit_code == code, done.output
    return done.output


def _registered(runner: CliRunner, tmp_path: Path) -> None:
    """A member, its system, and the first version of its adapter."""
    for command in (["member", "add", "LK/GOV/NEW", "--name", "New"], ["system", "add", "LK/GOV/NEW/OFFICES"]):
        done = runner.invoke(app, command)
        assert done.exit_code == 0, done.output
    home = tmp_path / ADAPTER
    folder.written_to(home, folder.of_texts(texts()))
    whose = ("--member", "LK/GOV/NEW", "--system", "LK/GOV/NEW/OFFICES")
    assert "version 1 is kept" in told(runner, "propose", str(home), *whose)


def test_the_command_line_brings_an_adapter_on_line_and_back(runner: CliRunner, tmp_path: Path) -> None:
    assert "no adapter is registered" in told(runner, "versions")
    _registered(runner, tmp_path)
    assert "not probed: give" in told(runner, "test", ADAPTER, "1")
    refused = told(runner, "release", ADAPTER, "1", code=1)
    assert "give the addresses and secrets for production first" in refused
    given = ("EMPLOYMENT_OFFICES_URL=https://offices.example/", "EMPLOYMENT_OFFICES_TOKEN=s3cret-value")
    assert "s3cret-value" not in told(runner, "inputs", ADAPTER, "--stage", "production", *given)
    assert "version 1 is active" in told(runner, "release", ADAPTER, "1")
    assert "active" in told(runner, "versions")
    assert "s3cret-value" not in told(runner, "versions", ADAPTER, "--json")
    assert "there is no version to go back to" in told(runner, "rollback", ADAPTER, code=1)
    assert "outage" in told(runner, "outage", ADAPTER, "--minutes", "5")


def test_the_command_line_does_not_release_in_production(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = base64.b64encode(bytes(32)).decode()
    provider = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "x", "OIDC_CLIENT_SECRET": "x"}
    for name, value in ({"PRODUCTION": "1", "KEYSTORE_KEY": key} | provider).items():
        monkeypatch.setenv(f"SANDHI_{name}", value)
    _registered(runner, tmp_path)
    given = ("EMPLOYMENT_OFFICES_URL=https://offices.example/", "EMPLOYMENT_OFFICES_TOKEN=s3cret-value")
    told(runner, "inputs", ADAPTER, "--stage", "production", *given)
    told(runner, "test", ADAPTER, "1")
    refused = told(runner, "release", ADAPTER, "1", code=1)
    assert "takes two people" in refused


def test_faults_are_told_by_file_and_line(runner: CliRunner, tmp_path: Path) -> None:
    home = tmp_path / ADAPTER
    folder.written_to(home, folder.of_texts(texts()))
    (home / "adapter.py").write_text("import os\n", encoding="utf-8")
    refused = told(runner, "propose", str(home), "--member", "LK/GOV/NEW", "--system", "LK/GOV/NEW/X", code=1)
    assert "adapter.py: python: an adapter from outside brings no program" in refused
