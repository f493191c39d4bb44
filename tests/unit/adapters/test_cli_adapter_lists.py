"""What an officer looks up before a mapping: our records and their fields, and the notations that are read."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import schemas
from adapters.kit.converters import CONVERTERS
from adapters.kit.drafts import template
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


def test_a_record_that_does_not_exist_is_refused_with_the_way_to_find_one() -> None:
    refused = RUN(app, ["records", "nothing.v1"])
    assert refused.exit_code != 0
    assert "nothing.v1" in refused.output


def test_converters_tells_every_notation_that_a_mapping_may_name() -> None:
    told = RUN(app, ["converters"])
    assert told.exit_code == 0, told.output
    assert set(CONVERTERS) <= set(told.stdout.split())


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
