"""Who judges a stranger's folder: what is our own fault is never said to be the folder's."""

import importlib
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from adapters.kit.drafts import KINDS, template
from gateway.registration import checking, folder
from gateway.registration.errors import AdapterRefused


def files(kind: str = "rest") -> folder.Files:
    return folder.of_texts({name: text.decode() for name, text in template(kind, "fund").items()})


def judge(monkeypatch: pytest.MonkeyPatch, place: Path, program: str) -> None:
    """Another program in the judge's place; `-I` leaves the path alone, so an interpreter of ours runs it."""
    (place / "judge.py").write_text(program)
    (place / "python").write_text(f"#!/bin/sh\nexec {sys.executable} {place}/judge.py\n")
    (place / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(place / "python"))


def test_the_judge_can_be_imported() -> None:
    assert importlib.import_module(checking.JUDGE).CPU_S.keys() == {"static", "dry", "shown"}


@pytest.mark.parametrize("kind", KINDS)
async def test_the_sealed_judge_takes_a_new_folder_of_each_kind(kind: str) -> None:
    assert (await checking.judged(files(kind))).id == "fund"


@pytest.mark.parametrize("mode", ["static", "dry", "shown"])
async def test_a_judge_that_does_not_start_is_told_by_name_and_the_operator_sees_why(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    judge(monkeypatch, tmp_path, "import adapters_that_are_not_there")
    told: Mapping[str, Callable[[], Awaitable[object]]] = {
        "static": lambda: checking.judged(files()),
        "dry": lambda: checking.dry_run(tmp_path),
        "shown": lambda: checking.shown(tmp_path),
    }
    with caplog.at_level(logging.ERROR, "sandhi.registration"), pytest.raises(AdapterRefused) as caught:
        await told[mode]()
    (fault,) = caught.value.faults
    assert (fault.code, fault.detail) == ("not_judged", "the judge did not start; tell the operator")
    assert "ModuleNotFoundError: No module named 'adapters_that_are_not_there'" in caplog.text


@pytest.mark.parametrize(
    "program",
    [
        "raise MemoryError",
        "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import time; time.sleep(60)",
    ],
    ids=["memory", "processor", "killed", "clock"],
)
async def test_only_a_spent_budget_is_too_slow(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(monkeypatch, tmp_path, program)
    if "sleep" in program:
        monkeypatch.setattr(checking, "STATIC_S", 0.3)
    with pytest.raises(AdapterRefused) as caught:
        await checking.judged(files())
    assert [each.code for each in caught.value.faults] == ["too_slow"]


async def test_a_person_of_the_samples_that_cannot_be_read_is_the_folder_s_fault(tmp_path: Path) -> None:
    broken = {**files(), "samples/conformance.toml": b"[settings]\nsubject = 3\n"}
    home = folder.kept_at(tmp_path, "fund", broken)
    with pytest.raises(AdapterRefused) as caught:
        await checking.shown(home)
    assert [each.code for each in caught.value.faults] == ["sample"]
