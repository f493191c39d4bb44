"""A draft is not done while a line says CHANGE, nor while a code leads to what our record has not."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.kit import conformance, unfinished
from adapters.kit.drafts import KINDS, drafted, from_sample, template, write
from gateway.cli.adapter import app
from gateway.registration import checking
from gateway.registration import folder as folders
from gateway.registration.errors import AdapterRefused

MAPPING = '[enrolment]\nenrolled = { from = "/active" }\nstatus = { from = "/state", codes = "state" }\n'
CODES = '[state]\nACT = "Active"\n"G.R" = "Gradated"\n'


def trainee(parent: Path) -> Path:
    """A folder whose table has a code that no sample uses."""
    files = dict(template("rest", "board"))
    manifest = files["manifest.toml"].decode().replace("[service.contributions]", "[service.enrolment]")
    manifest = manifest.replace('["closed_month", "months", "pensions"]', '["enrolled", "status"]')
    manifest = manifest.replace("contributions.v1", "enrolment.v1").replace('"read", "verify"', '"read"')
    kept = [each for each in manifest.splitlines() if not each.startswith("claims")]
    files |= {"manifest.toml": "\n".join(kept).encode(), "mapping.toml": MAPPING.encode(), "codes.toml": CODES.encode()}
    write(files, parent / "board")
    return parent / "board"


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_folder_leaves_nothing_to_change(kind: str, tmp_path: Path) -> None:
    write(template(kind, "fund"), tmp_path / "fund")
    assert unfinished.left_to_change(tmp_path / "fund") == []


def test_check_names_every_line_that_a_draft_left_to_a_person(tmp_path: Path) -> None:
    draft = drafted(
        from_sample(b'{"closed": 202609, "paid": [{"period": 202608, "cents": 1}]}'), "fund", service="paid"
    )
    write(draft.files, tmp_path / "fund")
    told = CliRunner().invoke(app, ["check", str(tmp_path / "fund")])
    assert told.exit_code == 1
    assert "FAIL  nothing_left_to_change" in told.stdout
    for name in ("manifest.toml", "README.md"):
        for number, line in enumerate((tmp_path / "fund" / name).read_text("utf-8").splitlines(), 1):
            assert (f"{name}:{number}: " in told.stdout) == ("CHANGE" in line), line
    manifest = (tmp_path / "fund/manifest.toml").read_text("utf-8")
    assert "CHANGE" in next(line for line in manifest.splitlines() if line.startswith("sensitivity"))
    assert "manifest.toml:4: owner" in told.stdout


async def test_a_code_that_the_record_has_not_is_named_although_no_sample_uses_it(tmp_path: Path) -> None:
    folder = trainee(tmp_path)
    check = next(each for each in conformance.checks(folder) if each.name == "mapping")
    with pytest.raises(conformance.NotConforming, match=r"codes.toml:3: state.G.R: our status is never Gradated"):
        await check.run()
    with pytest.raises(AdapterRefused) as caught:
        await checking.judged(folders.of_directory(folder))
    found = [(each.file, each.line, each.code) for each in caught.value.faults]
    assert found == [("codes.toml", 3, "code_value")]


def test_a_code_within_a_list_is_judged_by_the_record_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "codes.toml").write_text('[kind]\nA = "old_age"\nB = "olden_days"\n', "utf-8")
    lines = {"pensions": {"from": "/p", "each": {"kind": {"from": "/k", "codes": "kind"}}}}
    found = list(unfinished.code_faults(tmp_path, lines, "canonical/contributions.v1.json"))
    assert [(line, told.partition(":")[0]) for line, told in found] == [(3, "kind.B")]
