"""`sandhi audit`: what an operator types, from search to drill, on an embedded database."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit.__main__ import main
from gateway.cli.main import app


@pytest.fixture
def sandhi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    runner = CliRunner()

    def run(*words: str, code: int = 0) -> str:
        done = runner.invoke(app, list(words))
        assert done.exit_code == code, done.output
        return done.output

    run("member", "add", "LK/GOV/WBB", "--name", "Welfare Benefits Board")
    return run


def kinds(sandhi) -> list[str]:
    lines = sandhi("audit", "export", "--reason", "a test").splitlines()
    return [json.loads(line)["kind"] for line in lines[1:]]


def test_search_bundle_and_export_say_who_read_and_why(sandhi, tmp_path: Path) -> None:
    found = json.loads(sandhi("audit", "search", "--reason", "case 7", "--json"))
    assert found[0]["said"] == "evidence.read: by operator, how search, reason case 7."
    file = tmp_path / "evidence.zip"
    assert "evidence of" in sandhi("audit", "bundle", str(file), "--reason", "case 7", "--since", "2026-01-01")
    assert main(["verify", str(file)]) == 0
    assert "findings   none" in sandhi("audit", "verify", str(file))
    assert sandhi("audit", "export", "--reason", "x", "--format", "csv").startswith("not evidence")
    assert kinds(sandhi).count("evidence.read") == 4
    assert "findings  none" in sandhi("audit", "fsck")


def test_nothing_found_and_wrong_words_are_said_plainly(sandhi) -> None:
    assert sandhi("audit", "search", "--reason", "x", "--exchange", "none") == "nothing found\n"
    sandhi("audit", "search", "--reason", "x", "--where", "colour=red", code=2)
    sandhi("audit", "search", "--reason", "x", "--person", "NIC", code=2)
    sandhi("audit", "search", code=2)
    sandhi("audit", "bundle", "x.zip", "--reason", "x", code=2)
    sandhi("audit", "export", "--reason", "x", "--format", "xls", code=2)
    assert "an entry id is a UUID" in sandhi("audit", "proof", "rubbish", code=1)
    sandhi("audit", "verify", "nothing.zip", code=1)


def test_drill_shows_that_nothing_leaves_and_is_recorded(sandhi) -> None:
    assert "0 calls left: nothing leaves without evidence" in sandhi("audit", "drill", "--by", "officer-1")
    assert {"drill.started", "drill.ended"} <= set(kinds(sandhi))


def test_hold_wins_over_erasure_until_it_is_lifted(sandhi) -> None:
    erasing = ("audit", "erase", "--by", "officer-1", "--reason", "asked for", "--person", "NIC=199912345678")
    sandhi("audit", "hold", "case-7", "--reason", "court order", "--person", "NIC=199912345678")
    assert "legal hold" in sandhi(*erasing, code=1)
    sandhi("audit", "lift", "case-7", "--reason", "closed")
    certificate = json.loads(sandhi(*erasing))
    assert certificate["erased"] == {"keys": 0, "details": 0, "lines": 0, "held": 0}
    assert "199912345678" not in json.dumps(certificate)
    assert "0 keys" in sandhi("audit", "expire", "--days", "30", "--keep", "DSA-1=365")


def test_key_changes_with_an_overlap(sandhi) -> None:
    before = sandhi("keys", "list", "--json")
    sandhi("audit", "rotate-key")
    assert "retire it first" in sandhi("audit", "rotate-key", code=1)
    both = json.loads(sandhi("keys", "list", "--json"))["log"]
    assert set(json.loads(before)["log"]) < set(both)
    assert "log.key_changed" in kinds(sandhi)
    sandhi("audit", "rotate-key", "--retire")
    assert json.loads(sandhi("keys", "list", "--json"))["log"] == both
    assert "findings  none" in sandhi("audit", "verify")
