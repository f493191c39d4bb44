"""What an officer looks up before a mapping: our records and their fields, and the notations that are read."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import schemas
from adapters.kit.converters import CONVERTERS
from adapters.kit.drafts import template, write
from gateway.cli.adapter import app
from gateway.registration import folder
from gateway.settings import Settings
from gateway.trust import Member, System, register
from gateway.wiring import open_services

RUN = CliRunner().invoke
MEMBER, SYSTEM = "LK/GOV/FUND", "LK/GOV/FUND/MEMBERS"


def test_records_lists_every_record_and_tells_one_field_by_field() -> None:
    told = RUN(app, ["records"])
    assert told.exit_code == 0, told.output
    assert {"benefit-receipt.v1", "contributions.v1", "enrolment.v1"} <= set(told.stdout.split())
    one = RUN(app, ["records", "enrolment.v1"]).stdout
    properties = schemas.load("canonical/enrolment.v1.json")["properties"]
    assert isinstance(properties, dict)
    assert all(name in one for name in properties)


def test_nothing_is_cut_where_no_terminal_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "…" not in RUN(app, ["records"]).stdout
    (line,) = [each for each in RUN(app, ["converters"]).stdout.splitlines() if "date:DD.MM.YYYY" in each]
    assert "with - / . or a space between." in line


def test_a_record_that_does_not_exist_is_refused_with_the_way_to_find_one() -> None:
    refused = RUN(app, ["records", "nothing.v1"])
    assert refused.exit_code != 0
    assert "nothing.v1" in refused.output


def test_converters_tells_every_notation_that_a_mapping_may_name() -> None:
    told = RUN(app, ["converters"])
    assert told.exit_code == 0, told.output
    assert set(CONVERTERS) <= set(told.stdout.split())


def test_a_refused_proposal_says_what_to_mend_in_the_words_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "run"))
    write({**template("rest", "levy"), "mapping.toml": b"[contributions\n"}, tmp_path / "levy")
    refused = RUN(app, ["propose", str(tmp_path / "levy"), "--member", MEMBER, "--system", SYSTEM])
    assert refused.exit_code == 1
    first, second = refused.stderr.splitlines()[-2:]
    assert first.startswith("sandhi: the adapter cannot be used; mend what each line below names, then give this")
    assert second.startswith("  mapping.toml:1: toml: ")
    unknown = RUN(app, ["test", "levy", "1"])
    assert (unknown.exit_code, "propose it first" in unknown.stderr) == (1, True)


async def _registered(environment: dict[str, str]) -> None:
    async with open_services(Settings.read(environment)) as here:
        now = here.people.clock()
        async with here.db.write() as connection:
            await register.add_member(connection, here.log, Member(MEMBER, "Fund"), now)
            made = System(SYSTEM, "fund", "Fund", frozenset({"exchange"}))
            await register.add_system(connection, here.log, made, now)
        files = folder.of_texts({name: text.decode() for name, text in template("rest", "levy").items()})
        await here.registration.propose(files, member=MEMBER, system=SYSTEM, by="a test")


def test_list_registered_names_version_state_and_grade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"SANDHI_DATA_DIR": str(tmp_path)}
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path))
    empty = RUN(app, ["list", "--registered", "--json"])
    assert (empty.exit_code, json.loads(empty.stdout)) == (0, [])
    asyncio.run(_registered(environment))
    (found,) = json.loads(RUN(app, ["list", "--registered", "--json"]).stdout)
    assert (found["id"], found["version"], found["state"], found["grade"]) == ("levy", 1, "proposed", "none")
    assert "levy" in RUN(app, ["list", "--registered"]).stdout
