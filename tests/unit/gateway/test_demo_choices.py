"""What cannot be meant is refused before the demo starts anything."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PEOPLE", "abc", "PEOPLE"),
        ("PEOPLE", "0", "PEOPLE"),
        ("PEOPLE", "-3", "PEOPLE"),
        ("SEED", "x", "SEED"),
        ("PORT", "65536", "PORT"),
        ("DATE", "x", "DATE"),
        ("WITHOUT", "tax,foo", "national_id"),
    ],
)
def test_a_variable_that_cannot_be_meant_exits_2(
    name: str, value: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA", str(tmp_path / "run"))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["demo"])
    assert (result.exit_code, told in result.stderr) == (2, True)
    assert not (tmp_path / "run").exists()


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("DATA", str(tmp_path))
        monkeypatch.setenv("PORT", str(port))
        result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"sandhi: port {port} is taken")
    assert "PORT=" in result.stderr
    assert not list(tmp_path.iterdir())
