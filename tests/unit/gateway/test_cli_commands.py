"""The list of commands comes at once: a command's libraries are imported when it is run."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gateway.cli.main import COMMANDS, Later, app

HEAVY = ("fastapi", "sqlalchemy", "cryptography", "gateway.wiring", "gateway.app")


def test_the_list_imports_nothing_that_a_command_needs() -> None:
    look = f"import gateway.__main__, sys; print(*({set(HEAVY)} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_each_command_what_it_says_of_itself(name: str) -> None:
    place, said = COMMANDS[name]
    real = Later(name, place, said).real()
    assert (real.help or "").splitlines()[0] == said


def test_a_command_is_known_by_its_name_in_usage_and_errors() -> None:
    told = CliRunner().invoke(app, ["audit", "verfy"])
    assert told.exit_code == 2
    assert "Usage: sandhi audit" in told.output
    assert "verify" in told.output
    told = CliRunner().invoke(app, ["call", "--help"])
    assert told.exit_code == 0
    assert "Usage: sandhi call" in told.output


def test_every_command_of_the_list_stands_in_the_help() -> None:
    told = CliRunner().invoke(app, ["--help"])
    assert told.exit_code == 0
    assert [name for name in (*COMMANDS, "sandbox", "bench") if f" {name} " not in told.output] == []
