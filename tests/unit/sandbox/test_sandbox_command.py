"""`python -m sandbox`: JSON Lines on standard output, exit codes, and what the social registry takes in."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sandbox.__main__ import app
from sandbox.truth import OUTCOMES

SMALL = ["--people", "120", "--seed", "7", "--date", "2026-10-31"]


def run(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == exit_code, result.output
    return result.stdout


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_truth_is_a_list_sorted_by_id() -> None:
    lines = rows(run("truth", *SMALL, "--json"))
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
    assert all(set(line) == {"id", "outcome", "reasons"} for line in lines)
    assert all(line["outcome"] in OUTCOMES and line["reasons"] == sorted(line["reasons"]) for line in lines)


def test_sources_that_are_left_out_may_be_repeated_or_separated_by_commas() -> None:
    separated = run("truth", *SMALL, "--without", "tax,pension", "--json")
    assert separated == run("truth", *SMALL, "--without", "tax", "--without", "pension", "--json")
    assert "no_link_tax" in separated
    assert "no_link_pension" in separated


def test_population_says_what_each_register_holds() -> None:
    people = rows(run("population", *SMALL, "--json"))
    assert len(people) == 720
    registers = ["national_id", "civil_registration", "tax", "pension", "education", "ess"]
    assert all(list(person["registers"]) == registers for person in people)
    assert all(person["payee"] is None or person["social_registry"] for person in people)
    assert {person["payee"]["nominee"] for person in people if person["payee"]} == {"A", "N"}
    left_out = rows(run("population", *SMALL, "--without", "tax", "--json"))
    assert all("tax" not in person["registers"] for person in left_out)


def test_registrations_are_what_the_social_registry_knows() -> None:
    people = rows(run("population", *SMALL, "--json"))
    records = rows(run("registrations", *SMALL, "--json"))
    assert records == [record for person in people for record in person["social_registry"]]
    for record in records:
        held = {each["type"] for each in record["identifiers"]}
        assert "NIC" in held
        for number in ("TIN", "LEARNER"):
            assert (record["declared"][number] == "held") == (number in held)
        assert record["gn_division"].startswith(record["ds_division"])
        assert record["ds_division"].startswith(record["district"])


def test_the_short_tables_name_what_they_count() -> None:
    assert "to_verify" in run("truth", *SMALL)
    assert "civil_registration" in run("population", *SMALL)
    assert "LK-11" in run("registrations", *SMALL)


def test_world_compares_a_list_with_reality(tmp_path: Path) -> None:
    made = tmp_path / "list.jsonl"
    made.write_text(run("truth", *SMALL, "--json"))
    (figures,) = rows(run("world", "--list", str(made), *SMALL, "--json"))
    assert set(figures) == {"listed", "potential", "both", "precision", "recall"}
    made.write_text('{"id": "SR999999999", "outcome": "listed", "reasons": []}\n')
    run("world", "--list", str(made), *SMALL, exit_code=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["truth", "--people", "0"],
        ["truth", "--people", "1000001"],
        ["truth", "--seed", "-1"],
        ["truth", "--date", "31.10.2026"],
        ["truth", "--without", "taxes"],
        ["world"],
        ["nothing"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    run(*arguments, exit_code=2)


@pytest.mark.parametrize("command", ["truth", "population", "registrations", "world", "serve"])
def test_every_command_has_help(command: str) -> None:
    assert "--help" in run(command, "--help")
