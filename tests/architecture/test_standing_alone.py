"""`consent` and `audit` work when the folder is copied out alone: their own tests pass with nothing else of ours."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from architecture.checkout import ROOT

ABSENT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ImportError(f"{{name}} was not copied")

sys.meta_path.insert(0, Absent())
import {package}
assert {package}.__file__.startswith({place!r})
"""
OURS = {
    "adapters",
    "audit",
    "consent",
    "gateway",
    "pages",
    "profiles",
    "registry",
    "sandbox",
    "sandhi_client",
    "schemas",
}
SETTINGS = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\npythonpath = .\n"


@pytest.mark.parametrize("package", ["consent", "audit"])
def test_the_folder_copied_out_alone_passes_its_own_tests(package: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests/unit" / package, tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "conftest.py").write_text(
        ABSENT.format(absent=OURS - {package}, package=package, place=str(tmp_path / package))
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", "tests"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
