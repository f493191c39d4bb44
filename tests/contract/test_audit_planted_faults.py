"""Faults planted in a copy of the code, one at a time: the package's own tests must catch each.

What is worth planting is what an attacker, or a tired colleague, would like the log to overlook.
"""

import asyncio
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = "tests/unit/audit"


@dataclass(frozen=True, slots=True)
class Fault:
    """Replace `old` by `new` in `audit/<file>`; then `tests` must fail, or those of them that `only` names."""

    file: str
    old: str
    new: str
    tests: str
    only: str = ""


FAULTS = {
    "leaves and nodes hash alike": Fault("merkle.py", r'sha256(b"\x00" + entry)', r'sha256(b"\x01" + entry)', "merkle"),
    "a short inclusion proof passes": Fault(
        "merkle.py", "if last or node != root:", "if node != root and last:", "merkle"
    ),
    "consistency looks at the new root only": Fault(
        "merkle.py", "first == old_root and second == new_root", "second == new_root", "merkle"
    ),
    "the signer goes back": Fault("signer.py", "if new.size < before.size:", "if new.size < 0:", "signer"),
    "the signer forgets": Fault("memory.py", "if new != old:", "if not old:", "signer"),
    "a bad signature by a known key is passed over": Fault(
        "note.py", "            key.verify(text.encode(), signature)\n", "", "note"
    ),
    "any origin will do": Fault(
        "note.py", "if found.origin not in {each.name for each in known}:", "if not found.origin:", "note"
    ),
    "the size of a full tile is off by one": Fault("tiles.py", "WIDTH = 256\n", "WIDTH = 255\n", "tiles"),
    "fsck trusts the stored leaf": Fault(
        "entry_check.py",
        "!= list(page.leaves):",
        "!= [sha256(b'\\x00' + body).digest() for body in page.bodies]:",
        "fsck",
        "edited_body",
    ),
    "fsck does not see a gap": Fault(
        "stored.py", "if rows and rows[-1][0] != at + whole - 1:", "if not rows and whole:", "fsck", "deleted_entry"
    ),
    "fsck stops at the head": Fault(
        "stored.py", "return max(self._head.size, self._signed)", "return self._head.size", "fsck", "cut_tail"
    ),
    "fsck ignores kept checkpoints": Fault(
        "fsck.py", "own = sorted([*self._opened(kept", "own = sorted([*self._opened(()", "fsck", "auditor_kept"
    ),
    "fsck compares no root": Fault(
        "fsck.py", "if self._due.root != self.tree.root():", "if not self._due.root:", "fsck", "forged_entry"
    ),
    "the guards are not installed": Fault(
        "tables.py", "    if log_entry in tables:\n", "    if not tables:\n", "fsck", "edited_body"
    ),
    "the witness cosigns any history": Fault(
        "witness.py",
        "    except ProofInvalid:\n        return Answer(422",
        "    except ZeroDivisionError:\n        return Answer(422",
        "witness",
    ),
    "the witness takes any old size": Fault(
        "witness.py", "if asked.old != known.size:", "if asked.old < 0:", "witness"
    ),
    "one witness is a quorum": Fault("policy.py", ">= group.threshold", ">= 1", "policy"),
    "a line proves itself": Fault(
        "lines.py", "expected = bytes.fromhex(root)", "expected = leaf_hash(self.line)", "lines"
    ),
    "unsafe SQLite is let in": Fault("durability.py", "if level < FULL:", "if level < 0:", "durability"),
}


def copied(folder: Path) -> Path:
    shutil.copytree(ROOT / "audit", folder / "audit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / UNIT, folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


async def exit_code(folder: Path, name: str, only: str) -> int:
    options = ["-q", "-x", "-k", only, "-p", "no:randomly", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    command = [sys.executable, "-m", "pytest", *options, f"--rootdir={folder}", f"tests/test_audit_{name}.py"]
    environment = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    running = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return await running.wait()


async def caught(folder: Path, fault: Fault) -> bool:
    await asyncio.to_thread(copied, folder)
    path = folder / "audit" / fault.file
    text = await asyncio.to_thread(path.read_text, "utf-8")
    assert text.count(fault.old) >= 1, f"{fault.file} has changed: plant the fault anew"
    await asyncio.to_thread(path.write_text, text.replace(fault.old, fault.new), "utf-8")
    return await exit_code(folder, fault.tests, fault.only) == 1


@pytest.mark.parametrize(
    "some", [0, 1, pytest.param(2, marks=pytest.mark.nightly), pytest.param(3, marks=pytest.mark.nightly)]
)
async def test_every_planted_fault_is_caught(tmp_path: Path, some: int) -> None:
    names = list(FAULTS)[some::4]
    found = await asyncio.gather(*(caught(tmp_path / str(n), FAULTS[name]) for n, name in enumerate(names)))
    assert [name for name, each in zip(names, found, strict=True) if not each] == []
