"""The wizard's form: it asks what the manifest's schema has, and gives back what it was filled with."""

import tomllib
from pathlib import Path

import pytest

from gateway.console.manifest_form import BY_HAND, fields, filled, manifest_of

ROOT = Path(__file__).resolve().parents[3]
MANIFESTS = sorted(each.parent.name for each in ROOT.glob("adapters/*/manifest.toml"))


@pytest.mark.parametrize("adapter", MANIFESTS)
def test_what_a_manifest_says_survives_the_form(adapter: str) -> None:
    text = (ROOT / "adapters" / adapter / "manifest.toml").read_text("utf-8")
    assert tomllib.loads(manifest_of(filled(text), text)) == tomllib.loads(text)


def test_every_question_has_a_place_of_its_own_and_words() -> None:
    names = [each.name for each in fields()]
    assert len(set(names)) == len(names)
    assert {"transport.kind", "service.record_schema", "service.request"} <= set(names)
    assert not BY_HAND & {name.rpartition(".")[2] for name in names}
    assert all(each.label for each in fields())


@pytest.mark.parametrize("hostile", ['x"\n[auth]\nkind = "none', "\x7f\\u0000", "'''", "{{ 7*7 }}", "</textarea>"])
def test_what_is_typed_stays_one_value(hostile: str) -> None:
    made = tomllib.loads(manifest_of({"name": hostile, "id": "levy"}, ""))
    assert made == {"contract": 1, "name": hostile.strip(), "id": "levy"}


def test_a_draft_s_marks_are_not_shown_as_answers() -> None:
    shown = filled('name = "CHANGE: what the agency is called"\nsummary = "CHANGE"\n')
    assert shown == {"name": "", "summary": "", "service.name": ""}
