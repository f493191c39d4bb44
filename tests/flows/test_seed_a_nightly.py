"""The same promises with bigger numbers: twenty seeds, and one run of 50,000 people."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flows.test_seed_a import undelivered

from gateway.cli.demo.choices import free_ports

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(4 * 3600)]


def demo(data: Path, people: int, seed: int) -> subprocess.CompletedProcess[str]:
    variables = {"PEOPLE": str(people), "SEED": str(seed), "PORT": str(free_ports(1)[0]), "DATA": str(data)}
    command = [sys.executable, "-m", "gateway", "demo"]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("seed", range(1, 21))
def test_every_seed_equals_its_truth(tmp_path: Path, seed: int) -> None:
    done = demo(tmp_path, 500, seed)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert " 0 differences" in done.stdout
    assert undelivered(tmp_path) == []


def test_fifty_thousand_people_equal_their_truth(tmp_path: Path) -> None:
    done = demo(tmp_path, 50_000, 7)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert " 0 differences" in done.stdout
