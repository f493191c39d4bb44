"""`sandhi audit`: what an operator types, from search to drill, on an embedded database."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from adapters.kit.contract import Identifier, Subject
from audit import bundle, bundle_check
from audit.__main__ import main
from gateway.cli.main import app
from gateway.delivery.tables import kept_answer
from gateway.wiring import open_services

PERIOD = ("--period", "2026-01-01T00:00Z", "2100-01-01T00:00Z")


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
    lines = sandhi("audit", "export", "--reason", "a small test").splitlines()
    return [json.loads(line)["kind"] for line in lines[1:]]


def test_search_bundle_and_export_say_who_read_and_why(sandhi, tmp_path: Path) -> None:
    found = json.loads(sandhi("audit", "search", "--reason", "case 7 in court", "--json"))
    assert found[0]["said"] == "Somebody read evidence: by operator, how search, reason case 7 in court."
    file = tmp_path / "evidence.zip"
    assert "evidence of" in sandhi("audit", "bundle", str(file), "--reason", "case 7 in court", "--since", "2026-01-01")
    assert main(["verify", str(file)]) == 0
    assert "findings   none" in sandhi("audit", "verify", str(file))
    assert sandhi("audit", "export", "--reason", "to be sure", "--format", "csv").startswith("not evidence")
    assert kinds(sandhi).count("evidence.read") == 4
    assert "findings  none" in sandhi("audit", "fsck")


def test_nothing_found_and_wrong_words_are_said_plainly(sandhi) -> None:
    assert sandhi("audit", "search", "--reason", "to be sure", "--exchange", "none") == "nothing found\n"
    sandhi("audit", "search", "--reason", "to be sure", "--where", "colour=red", code=2)
    sandhi("audit", "search", "--reason", "to be sure", "--person", "NIC", code=2)
    sandhi("audit", "search", code=2)
    sandhi("audit", "bundle", "x.zip", "--reason", "to be sure", code=2)
    sandhi("audit", "export", "--reason", "to be sure", "--format", "xls", code=2)
    assert "an entry id is a UUID" in sandhi("audit", "proof", "rubbish", code=1)
    sandhi("audit", "verify", "nothing.zip", code=1)


def test_a_reason_is_one_and_names_nobody_by_a_number(sandhi, tmp_path: Path) -> None:
    file, person = str(tmp_path / "x.zip"), "the complaint of 199912345678"
    for command in (("search",), ("export",), ("bundle", file, "--since", "2026-01-01")):
        assert "10 characters" in sandhi("audit", *command, "--reason", "x", code=1)
        assert "199912345678" not in sandhi("audit", *command, "--reason", person, code=1)
    keeping = ("--by", "officer-1", "--exchange", "E1")
    for command in (
        ("hold", "case-7", "--everything"),
        ("lift", "case-7"),
        ("erase", *keeping),
        ("resume", *keeping[:2]),
    ):
        assert "identifier of type NIC" in sandhi("audit", *command, "--reason", person, code=1)
    assert {"evidence.read", "hold.placed", "details.erased"} & set(kinds(sandhi)) == {"evidence.read"}


def test_more_entries_than_fit_become_several_files_each_complete(sandhi, tmp_path: Path, monkeypatch) -> None:
    for n in range(3):
        sandhi("member", "change", "LK/GOV/WBB", "--contact", f"desk {n}")
    monkeypatch.setattr(bundle, "MOST_ENTRIES", 2)
    told = sandhi("audit", "bundle", str(tmp_path / "all.zip"), "--reason", "all there is", "--since", "2026-01-01")
    files = sorted(tmp_path.glob("all-*.zip"))
    assert len(files) == len(told.splitlines()) >= 3
    assert not (tmp_path / "all.zip").exists()
    seen = [bundle_check.checked(each) for each in files]
    assert all(each.ok for each in seen)
    assert sum(each.entries for each in seen) >= 5
    assert seen[0].about.endswith(f"part 1 of {len(files)}")
    assert main(["bundle", str(tmp_path / "data" / "sandhi.db"), str(tmp_path / "two.zip"), *PERIOD]) == 0
    assert len(list(tmp_path.glob("two-*.zip"))) == len(files)


def test_an_export_that_is_cut_says_so(sandhi) -> None:
    assert "newest 1 entries" in sandhi("audit", "export", "--reason", "a small test", "--limit", "1")


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


def test_a_person_s_erasure_drops_the_answers_that_were_kept_of_them_with_its_entry(sandhi) -> None:
    async def kept(*numbers: str) -> list[str]:
        """Keep one answer of each, and say which are there."""
        async with open_services(writing=True) as here, here.db.write() as connection:
            for each in numbers:
                ref = here.person_ref(Subject((Identifier("NIC", each),)))
                row = {"id": each, "subject_ref": ref, "sealed": b"s", "expires": 9e9}
                await connection.execute(insert(kept_answer).values(row))
            return list((await connection.execute(select(kept_answer.c.id))).scalars())

    assert len(asyncio.run(kept("199912345678", "199012304567"))) == 2
    sandhi("audit", "erase", "--by", "officer-1", "--reason", "asked for", "--person", "NIC=199912345678")
    assert asyncio.run(kept()) == ["199012304567"]


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
