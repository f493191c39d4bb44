"""Seed A end to end, with real processes: the promises of "Done when"."""

import asyncio
import base64
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from flows.plays import Play, playing

from adapters.kit.contract import Identifier, Subject
from audit import Wanted
from gateway.cli.demo.choices import free_ports
from gateway.settings import Settings
from gateway.wiring import open_services

PEOPLE = 150
RULES = "refused_by_rules"
REPORT = {
    "date", "people", "flagged", "outcomes", "checked", "potentially_unemployed", "labour_ready", "needs_training",
    "counsellor", "listed", "approved", "pushed", "acknowledged", "offices", "segments", "alerts", "enrolled",
    "confirmed_households", "unexplained", "denied", "exchanges", "log", "seconds",
}  # fmt: skip


def demo(data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`sandhi demo` as `make demo` runs it."""
    given = {"PEOPLE": str(PEOPLE), "PORT": str(free_ports(1)[0]), "DATA": str(data), **variables}
    command = [sys.executable, "-m", "gateway", "demo"]
    return subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, check=False)


async def uses(data: Path, numbers: list[str]) -> list[int]:
    """How many entries of the log concern the person of each number."""
    async with open_services(Settings.read({"SANDHI_DATA_DIR": str(data)})) as here:
        people = [here.person_ref(Subject(identifiers=(Identifier("NIC", each),))) for each in numbers]
        return [len(await here.log.search(Wanted(subject_ref=each))) for each in people]


def undelivered(data: Path) -> list[tuple[str, str]]:
    """Kind and failure of the work that did not go through, on its way still or given up."""
    with closing(sqlite3.connect(data / "sandhi.db")) as database:
        return database.execute("SELECT kind, failure FROM job WHERE state != 'done' AND failure != ''").fetchall()


def test_the_demo_equals_the_truth_and_reports_all_that_is_promised(tmp_path: Path) -> None:
    data, copy = tmp_path / "run", tmp_path / "copy.json"
    done = demo(data, JSON=str(copy))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert " 0 differences" in done.stdout
    assert re.search(r"overdue ([1-9]\d*)\n.*\n *the board was told of \1\n", done.stdout)  # each late report is seen
    report: dict[str, Any] = json.loads((data / "report.json").read_text())
    assert report.keys() >= REPORT
    assert json.loads(copy.read_text()) == report
    assert sum(report["outcomes"].values()) == report["flagged"]
    assert report["acknowledged"] == sum(report["segments"].values()) > 0
    assert report["log"]["verified"] is True
    assert report["unexplained"] == 0
    assert (data / "list.jsonl").read_bytes() == (data / "truth.jsonl").read_bytes()  # so a plain `diff` is empty
    assert report["people"] == PEOPLE
    ids = [json.loads(line)["id"] for line in (data / "list.jsonl").read_text().splitlines()]
    assert ids == sorted(ids)
    endpoints = json.loads((data / "endpoints.json").read_text())
    assert endpoints.keys() >= {"gateway", "sandbox", "registry", "log"}
    for name in ("sr", "ess", "auditor", "stranger"):
        assert (data / "clients" / f"{name}.json").exists()
    assert undelivered(data) == []
    citizens = json.loads((data / "citizens.json").read_text())
    assert len({each["login"] for each in citizens}) == 3
    assert all(asyncio.run(uses(data, [each["number"] for each in citizens])))
    assert_nothing_personal_leaked(data)


def assert_nothing_personal_leaked(data: Path) -> None:
    """Nothing of a registered person in any log file, entry, table or name of a file; nor what gives a number away."""
    intake = [json.loads(line) for line in (data / "sandbox" / "registrations.jsonl").read_text().splitlines()]
    secrets = {each["value"] for person in intake for each in person["identifiers"]}
    secrets |= {person["phone"] for person in intake if person["phone"]}
    secrets |= {digest for number in secrets for digest in guessable(number)}
    secrets |= {name["value"] for person in intake for name in person["names"]}
    secrets |= {person[each] for person in intake for each in ("address", "member_id") if person[each]}
    secrets |= {person["birth_date"] for person in intake if person["birth_date"] < "2010"}  # no day of an entry
    logs = "\n".join(path.read_text(errors="replace") for path in (data / "logs").glob("*.log"))
    assert not [secret for secret in secrets if secret in logs]
    kept_by_gateway = (path for path in data.rglob("*") if not path.is_relative_to(data / "sandbox"))
    names = "\n".join(path.name for path in kept_by_gateway)
    assert not [secret for secret in secrets if secret in names]
    database = b"".join(path.read_bytes() for path in data.glob("sandhi.db*"))
    assert not [secret for secret in secrets if secret.encode() in database]
    issued: dict[str, str] = json.loads((data / "sandbox" / "settings.json").read_text())
    kept = {name: value for name, value in issued.items() if name.endswith(("KEY", "SECRET", "TOKEN"))}
    assert kept
    assert not [name for name, value in kept.items() if any(line in logs for line in telling_lines(value))]


def guessable(number: str) -> Iterator[str]:
    """What a number becomes without a key: whoever has it tries all numbers."""
    yield base64.b64encode(number.encode()).decode().rstrip("=")
    for digest in ("md5", "sha1", "sha256"):
        yield hashlib.new(digest, number.encode(), usedforsecurity=False).hexdigest()


def telling_lines(secret: str) -> list[str]:
    """The lines of a secret that say something: of a PEM text all but its frame."""
    return [line for line in secret.splitlines() if line and not line.startswith("-----")]


@pytest.mark.parametrize("without", ["tax", pytest.param("education,messaging", marks=pytest.mark.nightly)])
def test_with_a_source_missing_nobody_is_lost(tmp_path: Path, without: str) -> None:
    done = demo(tmp_path, WITHOUT=without)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    lines = [json.loads(line) for line in (tmp_path / "list.jsonl").read_text().splitlines()]
    reasons = {reason for line in lines for reason in line["reasons"]}
    assert f"no_link_{without.partition(',')[0]}" in reasons
    if without == "tax":
        assert any(line["outcome"] == "active" and "pension_active" in line["reasons"] for line in lines)


def test_whoever_withdraws_between_the_list_and_the_push_is_never_pushed(tmp_path: Path) -> None:
    with playing(tmp_path, people=PEOPLE) as play:
        play.play("0", "4")
        chosen = asyncio.run(withdrawn(play, 5))
        play.play("5", "C")
        lines, figures = play.lines(), play.figures()
    assert all("no_basis_for_push" in lines[member][1] for member in chosen)
    assert figures["unexplained"] == 0
    assert figures["pushed"] == figures["approved"] - sum("no_basis_for_push" in line[1] for line in lines.values())
    reasons = asyncio.run(refusals(play))
    assert sum("withdrawn" in " ".join(each) for each in reasons) >= len(chosen)


async def withdrawn(play: Play, most: int) -> list[str]:
    """Some listed people withdraw everything; gives their member ids."""
    going = [
        member
        for member, (outcome, reasons) in play.lines().items()
        if outcome in {"listed", "to_verify"} and "no_basis_for_push" not in reasons
    ][:most]
    people = {person["member_id"]: person for person in play.intake()}
    async with play.client("sr") as client:
        for member in going:
            subject = {"identifiers": [each for each in people[member]["identifiers"] if each["type"] == "NIC"]}
            reply = await client.call("POST", "/v1/consents/withdraw", json={"subject": subject})
            assert reply.json()["withdrawn"]
    assert len(going) == most
    return going


async def refusals(play: Play) -> list[list[str]]:
    """The reasons in the log of every referral that the rules refused."""
    async with open_services(Settings.read(play.environment)) as services:
        wanted = Wanted(facts=(("service", "ess.referral"), ("outcome", RULES)), limit=1000)
        found = await services.log.search(wanted)
        logged = await services.log.find([each.entry_id for each in found])
    return [cast("list[str]", each.entry.facts["reasons"]) for each in logged]
