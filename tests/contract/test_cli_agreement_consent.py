"""`sandhi agreement` and `sandhi consent`, as an operator uses them, on a database of their own."""

import json
from pathlib import Path
from typing import Any

import pytest
from contract_agreements import EPF, WBB, agreement_document, registered_members
from typer.testing import CliRunner, Result

from gateway.cli import agreement, consent
from tests.agreeing import line

DOCUMENT = agreement_document()
LINE = line(1, subject={"identifiers": [{"type": "NIC", "value": "199000100001"}]})


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A data directory with both members registered; gives the files of their private keys."""
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    private = registered_members()
    files = {member: tmp_path / f"{member.replace('/', '.')}.json" for member in private}
    for member, file in files.items():
        file.write_text(json.dumps(private[member]), encoding="utf-8")
    return files


def run(app: Any, *arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_two_members_sign_one_brings_it_and_the_other_stops_it(keys: dict[str, Path], tmp_path: Path) -> None:
    document, once, twice = (tmp_path / name for name in ("document.json", "once.json", "twice.json"))
    document.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    first = run(agreement.app, "sign", document, "--key", keys[WBB], "--member", WBB, "--out", once)
    assert first.exit_code == 0
    assert "LK/GOV/WBB may ask pension.contributions (one by one), and may receive months." in first.stderr
    one_sided = run(agreement.app, "add", once)
    assert (one_sided.exit_code, "signature of LK/GOV/EPF is missing" in one_sided.stderr) == (1, True)
    assert run(agreement.app, "sign", once, "--key", keys[EPF], "--member", EPF, "--out", twice).exit_code == 0
    added = run(agreement.app, "add", twice)
    assert (added.exit_code, added.stdout.startswith("A1 v1 is in_force; receipt ")) == (0, True)
    (listed,) = json.loads(run(agreement.app, "list", "--json").stdout)
    assert (listed["id"], listed["standing"]) == ("A1", "in force")
    assert "A1 v1 is suspended" in run(agreement.app, "suspend", "A1", "--by", EPF).stdout
    assert run(agreement.app, "resume", "A1", "--by", WBB).exit_code == 1
    assert run(agreement.app, "resume", "A1", "--by", EPF).exit_code == 0
    assert run(agreement.app, "end", "A1", "--by", WBB).exit_code == 0
    assert run(agreement.app, "show", "A1").stdout.endswith("Now: ended.\n")
    assert json.loads(run(agreement.app, "show", "A1", "--json").stdout)["document"] == DOCUMENT


def test_consents_are_imported_again_and_again_and_withdrawn_once(keys: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "consents.jsonl"
    bad = json.dumps(LINE | {"id": "C2", "given_how": "assumed"})
    file.write_text("\n".join([json.dumps(LINE), "", bad, "{oops"]), encoding="utf-8")
    first = run(consent.app, "import", file, "--controller", WBB)
    assert (first.exit_code, first.stdout) == (1, "1 recorded, 2 refused\n")
    assert "line 3: /given_how" in first.stderr
    assert "line 4: not read" in first.stderr
    again = json.loads(run(consent.app, "import", file, "--controller", WBB, "--json").stdout)
    assert again["outcomes"] == {"unchanged": 1, "refused": 2}
    assert "C1 withdrawn; receipt " in run(consent.app, "withdraw", "C1").stdout
    assert run(consent.app, "withdraw", "C1").stdout == "C1 unchanged\n"
    (listed,) = json.loads(run(consent.app, "list", "--controller", WBB, "--json").stdout)
    assert (listed["id"], listed["standing"]) == ("C1", "withdrawn")
    assert run(consent.app, "withdraw", "C9").exit_code == 1
