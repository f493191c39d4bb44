"""`sandhi audit findings`, `replay`, `report`, `breach`, `statements`: what an operator of a small office types."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.review import statements
from tests.agreeing import WBB
from tests.reviewing import CONSUMER, a_house

ZONE = ZoneInfo("Asia/Colombo")  # of the country whose profile is served
LAST = statements.month_before(datetime.now(UTC), ZONE)
WHY = ("--reason", "complaint 2026-17")


@pytest.fixture
async def played(tmp_path: Path, sqlite_url: str) -> str:
    """A gateway that was used: two real exchanges, and 60 of the last month; gives the id of one."""
    async with a_house(tmp_path, sqlite_url) as house:
        await house.agreed()
        await house.consented()
        await house.asked(case="C-1")
        noon = statements.bounds(LAST, ZONE)[0] + timedelta(hours=12)  # the same day by the clocks of UTC
        await house.played(60, noon, agreement=None, released=None)
        return await house.asked("199012304568", case="C-2")


@pytest.fixture
def sandhi(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SANDHI_DATABASE_URL", sqlite_url)
    runner = CliRunner()

    def run(*words: str, code: int = 0) -> str:
        done = runner.invoke(app, ["audit", *words])
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_findings_are_run_listed_and_shown(played: str, sandhi: Callable[..., str]) -> None:
    assert sandhi("findings", "list") == "no findings\n"
    assert sandhi("findings", "run", "--since", f"{LAST}-01") != "0 new findings\n"
    assert sandhi("findings", "run", "--since", f"{LAST}-01") == "0 new findings\n"
    found = json.loads(sandhi("findings", "list", "--json", "--rule", "many_subjects_without_case"))
    assert [each["subject"] for each in found] == [f"{CONSUMER} {LAST}-01"]
    assert json.loads(sandhi("findings", "show", found[0]["id"]))["facts"] == {"people": 60}
    assert "There is no such finding." in sandhi("findings", "show", "F-1", code=1)
    assert CONSUMER in sandhi("findings", "list", "--state", "open")


def test_replay_says_the_same_or_exits_with_1(played: str, sandhi: Callable[..., str]) -> None:
    assert sandhi("replay", played, *WHY) == "same\n"
    assert json.loads(sandhi("replay", played, *WHY, "--json"))["logged"]["allowed"] is False
    assert "There is no such exchange." in sandhi("replay", "none", *WHY, code=1)
    assert "10 characters" in sandhi("replay", played, "--reason", "x", code=1)
    sandhi("replay", played, code=2)


def test_reports_statements_and_breach_scope_are_made(played: str, sandhi: Callable[..., str]) -> None:
    files = sandhi("report", "refusals").split()
    assert [Path(each).suffix for each in files] == [".csv", ".pdf", ".jws"]
    assert all(Path(each).stat().st_size for each in files)
    sandhi("report", "gossip", code=2)
    assert sandhi("statements", LAST) == "2 statements issued\n"
    assert sandhi("statements", LAST) == "0 statements issued\n"
    assert "not over" in sandhi("statements", f"{datetime.now(UTC):%Y-%m}", code=1)
    found = json.loads(sandhi("breach", "--agreement", "A1", *WHY))
    whole = json.loads(sandhi("breach", "--system", WBB, *WHY))  # a member stands for its systems, as on the page
    assert whole["exchanges"] >= found["exchanges"]
    assert (found["exchanges"], found["people"], found["fields"]) == (1, 1, {"months": 1})
    assert "Name a key" in sandhi("breach", *WHY, code=1)
