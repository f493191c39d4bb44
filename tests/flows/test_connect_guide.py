"""`docs/guides/connect-a-system.md` works as it stands: its blocks are run one after the other, in one shell."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from architecture.checkout import ROOT, blocks

from gateway.cli.demo.choices import Choices, choices, free_ports, ports_of
from gateway.cli.demo.command import gateway_environment, start_all
from gateway.cli.demo.onboarding import onboard
from gateway.cli.demo.processes import Processes
from gateway.settings import Settings

GUIDE = (ROOT / "docs/guides/connect-a-system.md").read_text("utf-8")
BLOCKS = blocks(GUIDE, "sh")
MAKE = [number for number, (told, _) in enumerate(BLOCKS) if told == "make"]
KEPT = "\n{ declare -p GATEWAY KEY TOKEN NOW 2>/dev/null || true; declare -f; } > state\n"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Choices, Processes]]:
    """What `make demo` leaves after its first step, with the agencies of 20 people to ask."""
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (port,) = free_ports(1)
    wanted = {"PEOPLE": "20", "PORT": str(port), "DATA": str(tmp_path / "run")}
    processes = Processes(tmp_path / "logs")
    try:
        yield choices(wanted), processes
    finally:
        processes.stop()


def run(number: int, folder: Path, port: int) -> str:
    """One block, in a shell that remembers what the blocks before it defined; stops at the first failure."""
    told, script = BLOCKS[number]
    assert told == "", "only `make` has a block of its own kind"
    before = "[ -f state ] && . ./state\n" if number else ""
    script = f"set -e -o pipefail\n{before}{script.replace(':8080', f':{port}')}{KEPT}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder), "SANDHI_DATA_DIR": "run"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_new_agency_makes_its_first_signed_and_consented_call(
    place: tuple[Choices, Processes], tmp_path: Path
) -> None:
    assert shutil.which("openssl"), "openssl is missing: apt-get install openssl"
    assert shutil.which("curl"), "curl is missing: apt-get install curl"
    chosen, processes = place
    ports = ports_of(chosen)
    environment = gateway_environment(chosen, ports)
    assert MAKE[0] == 0
    asyncio.run(onboard(Settings.read(environment), ports, chosen.day))
    for number in range(1, MAKE[1]):
        run(number, tmp_path, chosen.port)
    start_all(chosen, ports, processes, environment)
    told = [run(number, tmp_path, chosen.port) for number in range(MAKE[1] + 1, len(BLOCKS))]
    refused, consented, answered = (json.loads(line) for line in told[-2].strip().splitlines())
    assert (refused["code"], consented["outcome"], answered["outcome"]) == ("refused_by_rules", "recorded", "answered")
    assert answered["record"] == {"birth_date": "1980-04-22", "confirmed": True}
    assert told[-1].startswith("answered {")
