"""The guide to agreements works as it stands, from the draft to the end; and a draft can be looked at before."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from architecture.checkout import ROOT, blocks
from contract_agreements import agreement_document, registered_members
from typer.testing import CliRunner, Result

from consent.archetypes import archetypes, disclosed, tried
from consent.document import agreement_of
from gateway.cli.main import app
from gateway.edges.v1.agreement_views import made_up_people
from gateway.gate import utc_now

GUIDE = (ROOT / "docs/guides/agreements.md").read_text("utf-8")


def run(command: str) -> Result:
    words = shlex.split(command)
    assert words[0] == "sandhi"
    return CliRunner().invoke(app, words[1:])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files that the guide names, and both members registered."""
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    for member, jwk in registered_members().items():
        (tmp_path / f"{member.rpartition('/')[2].lower()}.json").write_text(json.dumps(jwk), encoding="utf-8")
    (tmp_path / "draft.json").write_text(json.dumps(agreement_document()), encoding="utf-8")
    return tmp_path


def test_every_command_of_the_guide_works_in_its_order(place: Path) -> None:
    for _, body in blocks(GUIDE, "sh"):
        for command in body.strip().splitlines():
            if "diff" in command:
                amended(place, {"title": "Other words"})
            done = run(command)
            assert done.exit_code == 0, f"{command}: {done.output}"


def amended(place: Path, changes: dict[str, Any]) -> Result:
    """The next version, signed by both and brought."""
    document = agreement_document() | {"version": 2} | changes
    (place / "next.json").write_text(json.dumps(document), encoding="utf-8")
    run("sandhi agreement sign next.json --member LK/GOV/WBB --key wbb.json --out next1.json")
    run("sandhi agreement sign next1.json --member LK/GOV/EPF --key epf.json --out next2.json")
    return run("sandhi agreement add next2.json")


def test_a_widening_is_told_before_and_waits_after(place: Path) -> None:
    run("sandhi agreement sign draft.json --member LK/GOV/WBB --key wbb.json --out once.json")
    run("sandhi agreement sign once.json --member LK/GOV/EPF --key epf.json --out twice.json")
    run("sandhi agreement add twice.json")
    wider = {"services": [{"service": "pension.contributions", "actions": ["read"], "fields": ["months", "pensions"]}]}
    (place / "wider.json").write_text(json.dumps(agreement_document() | {"version": 2} | wider), encoding="utf-8")
    looked = run("sandhi agreement simulate wider.json")
    assert "WIDENS: pension.contributions: field added: pensions" in looked.output
    assert "newly expose: 0." in looked.output
    told = json.loads(run("sandhi agreement simulate wider.json --json").output)
    assert {each["person"]: bool(each["disclosed"]) for each in told["people"]} == {
        "consented to all of it": True,
        "was never asked": False,
        "took the consent back yesterday": False,
        "consented for a time that is over": False,
        "consented to another recipient": False,
        "consented and objected": False,
    }
    assert "is agreed" in amended(place, wider).output
    assert "in force" in run("sandhi agreement list").output


def test_the_register_names_no_officer_and_an_empty_one_is_no_error(place: Path) -> None:
    assert run("sandhi agreement register").output == ""
    assert run("sandhi agreement notices").output == "Nothing ends within 60 days.\n"


def test_made_up_people_stand_in_every_way_and_only_the_willing_one_is_disclosed() -> None:
    now = utc_now()
    for changes in ({}, {"requires_relationship": True}, {"requires_case": True}):
        draft = agreement_of(agreement_document() | changes)
        names = [each.name for each in archetypes(draft, None, now)]
        assert len(names) == (7 if draft.requires_relationship else 6)
        found = {person.name: any(disclosed(verdicts).values()) for person, verdicts in tried(draft, None, now)}
        assert [name for name, hit in found.items() if hit] == ["consented to all of it"]


def test_what_a_draft_takes_away_is_other_than_now_to_whom_it_was_told() -> None:
    signed = agreement_document()
    (granted,) = signed["services"]
    granted |= {"fields": ["months", "pensions"]}
    less = signed | {"version": 2, "services": [granted | {"fields": granted["fields"][1:]}]}
    elsewhere = signed | {"version": 2, "services": [granted | {"service": "tax.employment"}]}
    before = agreement_of(signed)
    for changed in (less, elsewhere):
        found = tried(agreement_of(changed), before, utc_now())
        told = {each["person"]: each["differs"] for each in made_up_people(agreement_of(changed), before, utc_now())}
        assert [name for name, differs in told.items() if differs] == ["consented to all of it"]
        lost = {field for _, verdicts in found for each in verdicts for field in each.lost}
        assert lost == ({granted["fields"][0]} if changed is less else {*granted["fields"]})
    assert not any(each["differs"] for each in made_up_people(before, before, utc_now()))


def test_under_a_statute_everybody_but_who_objected_is_disclosed() -> None:
    statute = {"legal_bases": [{"kind": "public_task", "reference": "Act 9 of 2022"}]}
    found = tried(agreement_of(agreement_document() | statute), None, utc_now())
    hit = {person.name for person, verdicts in found if any(disclosed(verdicts).values())}
    assert hit == {person.name for person, _ in found} - {"consented and objected"}
