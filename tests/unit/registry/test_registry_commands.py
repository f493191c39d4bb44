"""What the registry's command line asks for before it signs, and what it tells of who took the list away."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry.cli import app
from registry.downloads import note
from registry.settings import Settings
from registry.store import Store


@pytest.fixture
def folder(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A registry in which two differences are unexplained: a flagged record without a line."""
    folder = tmp_path / "registry"
    with Store(Settings.read(folder, environment).folder) as store:
        store.put("INSERT INTO flagged VALUES (?, 0)", [("SR9999",)])
    return folder


@pytest.mark.parametrize("knowing", [[], ["--knowing", "1"]], ids=["nothing said", "of fewer"])
def test_unexplained_differences_are_not_signed_unless_one_says_to_know_of_them(
    folder: Path, environment: dict[str, str], knowing: list[str]
) -> None:
    answer = CliRunner().invoke(app, ["step", "control", "--data", str(folder), *knowing], env=environment)
    assert answer.exit_code == 1
    assert "UNEXPLAINED: flagged records without a line" in answer.output
    assert "nothing was signed: 2 differences are unexplained" in answer.output
    assert "--knowing 2" in answer.output
    assert not (folder / "control.jws").exists()


def test_who_knows_of_the_differences_signs_them(folder: Path, environment: dict[str, str]) -> None:
    asked = ["step", "control", "--data", str(folder), "--knowing", "2"]
    answer = CliRunner().invoke(app, asked, env=environment)
    assert answer.exit_code == 0, answer.output
    assert "2 unexplained differences; released and signed by an officer" in answer.output
    assert (folder / "control.jws").exists()


def test_only_the_control_report_is_signed_knowingly(folder: Path, environment: dict[str, str]) -> None:
    asked = ["step", "list", "--data", str(folder), "--knowing", "2"]
    assert CliRunner().invoke(app, asked, env=environment).exit_code == 2


def test_who_took_the_list_away_is_told_newest_first(folder: Path, environment: dict[str, str]) -> None:
    with Store(folder) as store:
        note(store, "kavitha (Kavitha)", {"district": "LK-11"}, 7)
        note(store, "second (Second)", {}, 40)
    answer = CliRunner().invoke(app, ["review", "downloads", "--data", str(folder)], env=environment)
    told = [json.loads(line) for line in answer.output.splitlines()]
    assert [(each["by"], each["lines"], each["filters"]) for each in told] == [
        ("second (Second)", 40, {}),
        ("kavitha (Kavitha)", 7, {"district": "LK-11"}),
    ]
