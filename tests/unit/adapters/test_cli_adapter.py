import json
from pathlib import Path

from typer.testing import CliRunner

from gateway.cli.adapter import app

RUN = CliRunner().invoke


def test_list_names_every_adapter_for_people_and_for_scripts() -> None:
    found = json.loads(RUN(app, ["list", "--json"]).stdout)
    assert {"national_id", "tax", "civil_registration"} <= {each["id"] for each in found}
    assert "national_id" in RUN(app, ["list"]).stdout


def test_list_names_each_wire_of_an_agency() -> None:
    found = json.loads(RUN(app, ["list", "--json"]).stdout)
    wires = [(each["wire"], each["transport"]) for each in found if each["id"] == "national_id"]
    assert wires == [("first", "rest"), ("second", "soap")]
    firsts = [each["id"] for each in found if each["wire"] == "first"]
    assert len(firsts) == len(set(firsts))
    assert {each["id"] for each in found if each["wire"] == "second"} <= set(firsts)


def test_show_tells_services_and_the_settings_that_are_needed() -> None:
    shown = json.loads(RUN(app, ["show", "tax", "--json"]).stdout)
    assert shown["settings"] == ["TAX_CLIENT_ID", "TAX_CLIENT_SECRET", "TAX_URL"]
    assert shown["services"][0]["sends"] == ["TIN", "birth_date", "names"]
    assert "TAX_URL" in RUN(app, ["show", "tax"]).stdout


def test_check_runs_the_suite_and_exits_1_when_a_promise_is_broken(tmp_path: Path) -> None:
    good = RUN(app, ["check", "adapters/tax"])
    assert (good.exit_code, good.stdout.splitlines()[-1]) == (0, "15 of 15 checks hold")
    (tmp_path / "manifest.toml").write_text("contract = 1")
    bad = RUN(app, ["check", str(tmp_path), "--json"])
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)[0]["check"] == "manifest"


def test_an_unknown_adapter_is_a_usage_error() -> None:
    assert RUN(app, ["check", "nowhere"]).exit_code == 2
    assert RUN(app, ["show", "nowhere"]).exit_code == 2
