"""A form of the wizard that is wrong in many places is told all of them at once, in sentences, each at its field."""

from pathlib import Path

import pytest

import pages
from adapters.kit.drafts import KINDS, template
from adapters.kit.manifest import ManifestError, load
from gateway.console.manifest_faults import AS_SHOWN, IN_FILE, IN_LINE, SENTENCES, told, wrong_in
from gateway.console.manifest_form import CHOICES, fields, manifest_of
from gateway.registration.errors import Fault
from pages.languages import LANGUAGES

EMPTY = {each.name: "" for each in fields()} | {"transport.kind": "rest", "service.name": "members"}
WRONG = EMPTY | {
    "id": "levy",
    "name": "x" * 121,
    "owner": "nobody",
    "summary": "Members.",
    "transport.timeout_s": "0",
    "transport.attempts": "9",
    "transport.concurrent": "many",
    "service.actions": "read, shout",
    "service.id_types": "NIC, NIC",
    "service.path": "members",
}


def said(form: dict[str, str]) -> dict[str, str]:
    return {each.at: each.text for each in wrong_in(manifest_of(form, ""))}


def test_an_empty_form_is_told_every_field_that_it_wants_in_its_own_order() -> None:
    found = said(EMPTY)
    wanted = ["id", "name", "owner", "summary"]
    assert list(found) == [
        *wanted,
        "service.actions",
        "service.record_schema",
        "service.sensitivity",
        "service.summary",
    ]
    labels = {each.name: each.label for each in fields()}
    assert found == {name: f"Fill in: {labels[name]}." for name in found}


def test_what_is_wrong_is_said_by_what_is_wanted_and_never_by_what_was_typed() -> None:
    found = said(WRONG)
    begun = {name: text.partition(":")[0] for name, text in found.items()}
    assert begun == {
        "name": "At most 120 characters",
        "owner": "Write it as the example shows",
        "transport.timeout_s": "More than 0",
        "transport.attempts": "At most 5",
        "transport.concurrent": "Write a number",
        "service.actions": "Only these words",
        "service.id_types": "Name each once",
        "service.record_schema": "Fill in",
        "service.sensitivity": "Fill in",
        "service.summary": "Fill in",
        "service.path": "Write it as the example shows",
    }
    assert "read, verify, push" in found["service.actions"]
    assert not any(typed in text for typed in ("nobody", "shout", "many", "xxx") for text in found.values())


def test_a_name_of_a_service_that_is_none_is_at_the_field_that_asks_for_it() -> None:
    for name in ("Members", "our members", 'x"]\n[auth]'):
        assert "service.name" in said(WRONG | {"service.name": name})


def test_what_no_field_asks_for_is_told_too() -> None:
    (wrong,) = [each for each in wrong_in(manifest_of(EMPTY, "[quota]\nper_day = 0\n")) if each.at == "folder"]
    assert wrong.text.startswith("manifest.toml: /quota/per_day: minimum")


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_each_sentence_is_there_in_each_language(code: str) -> None:
    assert {*SENTENCES.values(), AS_SHOWN, IN_LINE, IN_FILE} - LANGUAGES[code].words.keys() == set()
    assert pages.said(AS_SHOWN) == AS_SHOWN


def test_each_kind_of_a_new_folder_has_words_and_nothing_wrong() -> None:
    assert set(KINDS) <= CHOICES.keys()
    assert {kind: wrong_in(template(kind, "levy")["manifest.toml"].decode()) for kind in KINDS} == {
        kind: [] for kind in KINDS
    }


def test_a_manifest_is_refused_with_all_its_faults(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text(manifest_of(WRONG, ""), "utf-8")
    with pytest.raises(ManifestError) as caught:
        load(tmp_path)
    assert len(caught.value.args) == len(said(WRONG))
    assert str(caught.value) == "; ".join(caught.value.args)


def test_what_the_judge_finds_in_a_file_says_where() -> None:
    assert told(Fault("mapping.toml", "mapping", "no such converter", 3)) == (
        "mapping.toml, line 3 cannot be used. The judge says: no such converter."
    )
    assert told(Fault("samples", "sample", "they cannot be read.")) == (
        "samples cannot be used. The judge says: they cannot be read."
    )
