"""Whatever strangers and agencies send, every parser of ours refuses it by name or takes it; the fuzzer's short run."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.edges import TRIED, attempt, corpus

ROOT = Path(__file__).parents[2]
NASTY = [b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"[" * 500, b'{"a":' * 200, b"=" * 60, b"..", b"e30..", b"1e999"]


@given(st.integers(0, len(TRIED) - 1), st.integers(0, 255), st.binary(max_size=200) | st.sampled_from(NASTY))
@settings(max_examples=400)
def test_any_bytes_are_refused_by_name_or_taken(parser: int, choice: int, data: bytes) -> None:
    attempt(bytes([parser, choice]) + data)


def fuzzed(folder: Path, runs: int) -> None:
    """Run the atheris target in a process of its own; whatever it finds is in its output."""
    seeds = folder / "corpus"
    seeds.mkdir()
    corpus(seeds)
    command = [sys.executable, str(ROOT / "fuzz/fuzz_edges.py"), f"-runs={runs}", "-max_len=1024", "-timeout=10"]
    command += ["-len_control=0", str(seeds)]
    done = subprocess.run([*command, f"-artifact_prefix={folder}/"], check=False, capture_output=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]


def test_a_short_run_of_the_fuzzer_finds_nothing_at_the_edges(tmp_path: Path) -> None:
    fuzzed(tmp_path, 15_000)


@pytest.mark.nightly
def test_a_long_run_of_the_fuzzer_finds_nothing_at_the_edges(tmp_path: Path) -> None:
    fuzzed(tmp_path, 300_000)
