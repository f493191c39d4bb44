"""Each example of the SDK's README runs as it stands against a serving gateway, in a program of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from architecture.checkout import ROOT, blocks
from flows.gateways import Running

EXAMPLES = [body for _, body in blocks((ROOT / "sdk/README.md").read_text("utf-8"), "python")]
SAYS = [
    "line-1 refused_by_rules {}",
    "tax.employment ('employment-support.eligibility',) ('employment_status',) ['sync', 'later', 'batch']",
    "the call is wrong: bad_request.fields Unknown field",
    "rjct ",
    "err.request.bad",
]


def ran(running: Running, folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "data").symlink_to(running.data)
    (folder / "example.py").write_text(program, "utf-8")
    command = [sys.executable, "-W", "error", "example.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "sdk")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("place", range(len(SAYS)))
def test_an_example_runs_as_it_stands(running: Running, tmp_path: Path, place: int) -> None:
    done = ran(running, tmp_path, EXAMPLES[place])
    assert (done.returncode, done.stderr) == (0, "")
    assert SAYS[place] in done.stdout


def test_no_example_is_left_out() -> None:
    assert len(EXAMPLES) == len(SAYS)
