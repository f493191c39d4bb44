"""Every word that a page can say is there in each language, with the same places for values."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2.ext import extract_from_ast

from adapters.kit.claims import CLAIMS
from pages.languages import LANGUAGES, NOW, Spoken
from pages.rendering import FIELDS, TEMPLATES, environment, rendered

PLACES = re.compile(r"%\((\w+)\)s")
ROOT = Path(__file__).parents[3]
CANONICAL, AGREEMENTS = ROOT / "schemas/canonical", ROOT / "profiles/lk/agreements.toml"
OTHERS = [code for code in LANGUAGES if code != "en"]


def texts() -> Iterator[tuple[str, str]]:
    """(template, text) for each text of each template."""
    for path in sorted(TEMPLATES.rglob("*.html")):
        tree = environment("en").parse(path.read_text("utf-8"))
        for _, _, found in extract_from_ast(tree, ["_", "ngettext"]):
            for text in found if isinstance(found, tuple) else (found,):
                if text is not None:
                    yield path.relative_to(TEMPLATES).as_posix(), text


@pytest.mark.parametrize("code", OTHERS)
def test_each_text_of_each_template_is_translated(code: str) -> None:
    lacking = sorted({f"{where}: {text}" for where, text in texts() if text not in LANGUAGES[code].words})
    assert lacking == []


@pytest.mark.parametrize("code", OTHERS)
def test_a_translation_has_the_places_of_its_text(code: str) -> None:
    words = LANGUAGES[code].words
    assert [text for text in words if set(PLACES.findall(text)) != set(PLACES.findall(words[text]))] == []


def test_values_in_a_text_are_escaped() -> None:
    page = environment("en").from_string('{{ _("Signed in as %(name)s", name=name) }}').render(name="<script>")
    assert page == "Signed in as &lt;script&gt;"


def test_a_page_speaks_the_language_of_its_request() -> None:
    token = NOW.set(Spoken(LANGUAGES["ta"], "/console"))
    try:
        page = rendered("refused.html", heading="x", detail="y", back="/console")
    finally:
        NOW.reset(token)
    assert '<html lang="ta" dir="ltr"' in page
    assert LANGUAGES["ta"].words["Start again"] in page


@pytest.mark.parametrize("code", OTHERS)
def test_each_field_of_a_canonical_record_or_an_agreement_has_words(code: str) -> None:
    records = {each for path in CANONICAL.glob("*.json") for each in json.loads(path.read_text("utf-8"))["properties"]}
    agreements = tomllib.loads(AGREEMENTS.read_text("utf-8"))["agreement"]
    granted = {each for one in agreements for service in one["services"] for each in service["fields"]}
    derived = {f"claim:{name}" for name in CLAIMS} | {
        f"answer:{each}" for one in CLAIMS.values() for each in one.answers
    }
    assert records | granted | derived - {f"answer:{each}" for each in records} == FIELDS.keys()
    assert [each for each in FIELDS.values() if each not in LANGUAGES[code].words] == []


def test_sentences_that_read_alike_are_told_once() -> None:
    source = '{% from "fields.html" import sentences with context %}{{ sentences(them, names) }}'
    office = {"text": "%(each)s is told.", "values": {"each": "A"}}
    them = [office, office | {"values": {"each": "B"}}, office | {"values": {"each": "C"}}]
    page = environment("en").from_string(source).render(them=them, names={"A": "An office", "B": "An office"})
    assert page.count("<li>") == 2
    assert page.count("An office is told.") == 1


def test_what_a_claim_answers_is_named_where_fields_are_listed_and_nowhere_else() -> None:
    page = environment("en").from_string("{{ ['paid', 'birth_date'] | named(field_names) }}")
    assert page.render() == "whether pay was received, date of birth"
    assert not {"paid", "active", "alive"} & FIELDS.keys()  # states of payments and of members


def test_ids_are_named_in_the_language_of_the_page() -> None:
    sentence = {"text": "released: %(fields)s.", "values": {"fields": ["birth_date", "own_field"]}}
    page = environment("en").from_string(
        "{{ _phrase(sentence, field_names) }} {{ ['death_date'] | named(field_names) }}"
    )
    assert page.render(sentence=sentence) == "released: date of birth and own_field. date of death"
