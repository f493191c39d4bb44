"""A register the product has never met gets on line by files alone: `docs/guides/add-an-agency.md` as it stands."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from architecture.checkout import ROOT, blocks

from gateway.cli.demo.choices import Choices, choices, free_ports, ports_of
from gateway.cli.demo.command import gateway_environment
from gateway.cli.demo.onboarding import onboard
from gateway.settings import Settings

BLOCKS = blocks((ROOT / "docs/guides/add-an-agency.md").read_text("utf-8"), "sh")
NUMBERS = ("199012304567", "198061308997")


@dataclass
class Reader:
    """Somebody at a shell in a checkout, with the guide."""

    folder: Path
    chosen: Choices
    agency: int
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        here = {"PATH": path, "HOME": str(self.folder), "SANDHI_DATA_DIR": "run", "COLUMNS": "160"}
        port, url = str(self.chosen.port), f"http://127.0.0.1:{self.chosen.port}"
        (every,) = [script for _, script in BLOCKS if script.startswith("export ")]  # what each terminal is told
        allowed = self.mine(every).strip().partition("SANDHI_ALLOWED_HOSTS=")[2]
        return here | {"SANDHI_PORT": port, "SANDHI_PUBLIC_URL": url, "SANDHI_ALLOWED_HOSTS": allowed}

    def mine(self, script: str) -> str:
        return script.replace(":9100", f":{self.agency}").replace(" 9100", f" {self.agency}")

    def run(self, script: str) -> str:
        command = ["bash", "-c", f"set -e -o pipefail\n{self.mine(script)}"]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, script: str, url: str) -> None:
        with (self.folder / f"process-{len(self.running)}.log").open("wb") as log:
            command = ["bash", "-c", f"exec env {self.mine(script.strip())}"]
            self.running.append(
                subprocess.Popen(command, cwd=self.folder, env=self.environment(), stdout=log, stderr=log)
            )
        _wait(url, self.running[-1])

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
            process.wait(15)
        self.running.clear()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "a process of the guide stopped; see its log"
        with suppress(httpx.TransportError):
            httpx.get(url, trust_env=False)
            return
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Every block of the guide, run one after the other; what each printed."""
    folder = tmp_path_factory.mktemp("guide")
    for name in (".venv", "tests", "profiles"):
        (folder / name).symlink_to(ROOT / name)
    port, agency = free_ports(2)
    chosen = choices({"PORT": str(port), "DATA": str(folder / "run")})
    found = Reader(folder, chosen, agency)
    asyncio.run(onboard(Settings.read(gateway_environment(chosen, ports_of(chosen))), ports_of(chosen), chosen.day))
    starting = {"agency": f"http://127.0.0.1:{agency}", "gateway": f"http://127.0.0.1:{port}/readyz"}
    try:
        for number, (kind, script) in enumerate(BLOCKS):
            if kind in starting:
                found.start(script, starting[kind])
            elif kind != "make":  # what it leaves is here already
                if kind == "stopped":
                    found.stop()
                found.told[f"{number} {kind}"] = found.run(script)
                if "sandhi call POST" in script:  # while the gateway serves
                    found.told["catalogue"] = found.run("sandhi call GET /v1/catalogue --as sr")
        yield found
    finally:
        found.stop()


def printed(reader: Reader, by: str) -> str:
    """What the block printed that has these words."""
    number, kind = next((at, kind) for at, (kind, script) in enumerate(BLOCKS) if by in script)
    return reader.told[f"{number} {kind}"]


def test_the_import_suggests_the_field_and_lists_what_nothing_takes(reader: Reader) -> None:
    told = printed(reader, "adapter import")
    row = next(line for line in told.splitlines() if "/maaramine" in line)
    assert "last_granted_month" in row
    assert "1 of 5 values taken" in told
    assert "#   /perekonnanimi" in printed(reader, "cat agencies/star/mapping.toml")


def test_consumers_see_the_grade_in_the_catalogue(reader: Reader) -> None:
    listed = json.loads(reader.told["catalogue"])["services"]
    (told,) = [each["conformance"] for each in listed if each["service"] == "star.benefit"]
    graded = next(line for line in printed(reader, "sandhi adapter test star 1").splitlines() if "grade" in line)
    assert (told["version"], told["exempt"]) == (1, {})
    assert told["grade"] in graded


def test_the_folder_holds_no_program_and_keeps_every_promise(reader: Reader) -> None:
    kinds = {each.suffix for each in (reader.folder / "agencies/star").rglob("*") if each.is_file()}
    assert kinds == {".toml", ".golden", ".md", ".wsdl"}
    assert "14 of 14 checks hold" in printed(reader, "adapter check")


def test_the_register_answers_through_the_gateway_and_says_when_it_has_nothing(reader: Reader) -> None:
    found, answered, nothing = printed(reader, "/v1/exchanges").strip().splitlines()
    assert found == "1"
    granted, none = json.loads(answered), json.loads(nothing)
    assert (granted["outcome"], granted["record"]) == ("answered", {"last_granted_month": "2026-10"})
    assert none["outcome"] == "no_data"


def test_the_log_shows_the_exchange_and_nobody_s_number(reader: Reader) -> None:
    told = printed(reader, "audit export")
    entries = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    outcomes = [each for each in entries if "exchange.outcome" in json.dumps(each)]
    assert len(outcomes) == 2
    kinds = [each.get("kind") or each.get("entry", {}).get("kind") for each in entries]
    assert {"adapter.proposed", "adapter.tested", "adapter.released"} <= set(kinds)
    assert "LK/GOV/SSB/STAR" in json.dumps(outcomes)
    assert not any(number in told for number in NUMBERS)
