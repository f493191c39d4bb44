"""Whatever arrives as a signature or an encrypted message is refused or believed: nothing else comes out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzz.attempts import TRIED, attempt

ROOT = Path(__file__).parents[2]
NASTY = ["", ".", "..", "...", "a..b", "\x00", "\udc80", "=" * 80, '"' * 9, "sandhi=()", "1" * 30, "é", "{" * 70, "[]"]


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=300) | st.sampled_from(NASTY).map(os.fsencode))
@settings(max_examples=600)
def test_any_bytes_are_refused_or_believed(kind: int, choice: int, data: bytes) -> None:
    attempt(bytes([kind, choice]) + data)


NAMES = st.sampled_from(
    ["header", "message", "signature", "ciphertext", "tag", "iv", "epk", "alg", "enc", "kid", "zip"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(NAMES, JSON, max_size=5), st.integers(0, 255))
@settings(max_examples=300)
@example({"header": {"epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}}, 1)
@example({"header": {"epk": {"kty": "OKP", "crv": "X25519", "x": "AA"}}}, 1)
def test_any_document_is_refused_or_believed(value: dict[str, object], choice: int) -> None:

    document = TRIED.index(next(each for each in TRIED if each.__name__ == "_document"))
    attempt(bytes([document, choice]) + json.dumps(value).encode())


def fuzzed(folder: Path, runs: int) -> None:
    """Run the atheris target in a process of its own; whatever it finds is in its output."""
    command = [sys.executable, str(ROOT / "fuzz/fuzz_signatures.py"), f"-runs={runs}", "-max_len=2048", "-timeout=10"]
    done = subprocess.run([*command, f"-artifact_prefix={folder}/"], check=False, capture_output=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]


def test_a_short_run_of_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    fuzzed(tmp_path, 4_000)


@pytest.mark.nightly
def test_a_long_run_of_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    fuzzed(tmp_path, 300_000)
