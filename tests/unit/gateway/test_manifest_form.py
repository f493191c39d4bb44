"""The wizard's form: it asks what the manifest's schema has, and gives back what it was filled with."""

import tomllib
from pathlib import Path

import pytest

from gateway.console.agency import OF_AGREEMENTS, OF_SYSTEMS, TO_SIGN_WITH
from gateway.console.manifest_form import BY_HAND, CHOICES, fields, filled, manifest_of, with_settings
from gateway.console.page import DONE
from gateway.console.signing import REFUSED, UNSIGNED
from gateway.registration.grading import RULES
from pages.languages import LANGUAGES
from pages.rendering import WORDS_OF

ROOT = Path(__file__).resolve().parents[3]
MANIFESTS = sorted(each.parent.name for each in ROOT.glob("adapters/*/manifest.toml"))


@pytest.mark.parametrize("adapter", MANIFESTS)
def test_what_a_manifest_says_survives_the_form(adapter: str) -> None:
    text = (ROOT / "adapters" / adapter / "manifest.toml").read_text("utf-8")
    assert tomllib.loads(manifest_of(filled(text), text)) == tomllib.loads(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '# why\n[settings]\nA_URL = "{url}"\n',
            {"A_URL": "{url}", "A_TOKEN": "conformance", "A_TOKEN_URL": "{url}/token"},
        ),
        ("", {"A_URL": "{url}", "A_TOKEN": "conformance", "A_TOKEN_URL": "{url}/token"}),
        (
            '[settings]\nA_URL = "x"\nA_TOKEN = "y"\nA_TOKEN_URL = "z"\n',
            {"A_URL": "x", "A_TOKEN": "y", "A_TOKEN_URL": "z"},
        ),
    ],
)
def test_samples_get_a_value_for_each_name_of_the_manifest(before: str, after: dict[str, str]) -> None:
    manifest = '[transport]\nbase_url = "setting:A_URL"\n[auth]\nkey = "secret:A_TOKEN"\nat = "setting:A_TOKEN_URL"\n'
    made = with_settings(before, manifest)
    assert tomllib.loads(made)["settings"] == after
    assert made.startswith(before.partition("[settings]")[0])


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_each_word_of_the_form_and_of_its_grades_is_there_in_each_language(code: str) -> None:
    asked = [text for each in fields() for text in (each.label, each.hint)]
    rules = [WORDS_OF[f"rule_{rule.name}"] for rule in RULES]
    assert {*asked, *CHOICES.values(), *rules} - LANGUAGES[code].words.keys() == set()


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_what_an_agency_s_pages_say_from_their_modules_is_there_in_each_language(code: str) -> None:
    ways = {*OF_SYSTEMS.values(), *OF_AGREEMENTS.values(), TO_SIGN_WITH}
    assert {*ways, *DONE.values(), *REFUSED.values(), UNSIGNED} - LANGUAGES[code].words.keys() == set()


def test_what_is_typed_into_a_field_has_an_example_and_each_choice_has_words() -> None:
    typed = [each for each in fields() if each.kind in {"text", "number", "list", "pairs"}]
    assert [each.name for each in typed if "for example" not in each.hint.lower()] == []
    records = "service.record_schema"
    assert {choice for each in fields() if each.name != records for choice in each.choices} <= CHOICES.keys()


@pytest.mark.parametrize(
    ("table", "line", "name", "value"),
    [
        ("means", "/status=NOT_FOUND = unknown_person", "/status=NOT_FOUND", "unknown_person"),
        ("means", "status=410=unknown_person", "status=410", "unknown_person"),
        ("means", "/info = no_data", "/info", "no_data"),
        ("request", "channel = text:a=b", "channel", "text:a=b"),
    ],
)
def test_a_place_may_hold_an_equals_sign_and_so_may_what_a_question_carries(
    table: str, line: str, name: str, value: str
) -> None:
    form = {"service.name": "members", f"service.{table}": f"{line}\n"}
    assert tomllib.loads(manifest_of(form, ""))["service"]["members"][table] == {name: value}


def test_every_question_has_a_place_of_its_own_and_words() -> None:
    names = [each.name for each in fields()]
    assert len(set(names)) == len(names)
    assert {"transport.kind", "service.record_schema", "service.request"} <= set(names)
    assert not BY_HAND & {name.rpartition(".")[2] for name in names}
    assert all(each.label and each.hint for each in fields())
    assert len({each.label for each in fields()}) == len(names)


@pytest.mark.parametrize("hostile", ['x"\n[auth]\nkind = "none', "\x7f\\u0000", "'''", "{{ 7*7 }}", "</textarea>"])
def test_what_is_typed_stays_one_value(hostile: str) -> None:
    made = tomllib.loads(manifest_of({"name": hostile, "id": "levy"}, ""))
    assert made == {"contract": 1, "name": hostile.strip(), "id": "levy"}


def test_a_draft_s_marks_are_not_shown_as_answers() -> None:
    shown = filled('name = "CHANGE: what the agency is called"\nsummary = "CHANGE"\n')
    assert shown == {"name": "", "summary": "", "service.name": ""}
