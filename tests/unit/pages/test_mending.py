"""What a refused form says: one summary for every page, and refusals with values in the reader's language."""

import re
from pathlib import Path

import pytest

import pages
from gateway.console.refusals import WITH_VALUES, told
from pages.languages import LANGUAGES, NOW, Spoken
from pages.rendering import TEMPLATES

FIELD = re.compile(r"<(?:input|select|textarea)(?![^>]*type=\"hidden\")")
PARTS = {"base.html", "fields.html", "console/kit.html", "console/filters.html"}


def speaking(code: str, text: str) -> str:
    token = NOW.set(Spoken(LANGUAGES[code], "/console"))
    try:
        return told(text)
    finally:
        NOW.reset(token)


def templates() -> dict[str, str]:
    return {str(each.relative_to(TEMPLATES)): each.read_text("utf-8") for each in Path(TEMPLATES).rglob("*.html")}


def test_one_template_writes_the_summary_and_begins_the_title() -> None:
    found = templates()
    assert [name for name, text in found.items() if "error-summary" in text] == ["base.html"]
    assert [name for name, text in found.items() if 'block title %}{{ _("Error: ")' in text] == []


def test_a_field_that_a_template_writes_itself_shows_what_is_wrong_with_it() -> None:
    own = {name: text for name, text in templates().items() if name not in PARTS and FIELD.search(text)}
    assert [name for name, text in own.items() if "wrong_with(" not in text] == []


def test_a_field_keeps_what_was_typed_and_names_its_message() -> None:
    refused = pages.Refused([pages.Wrong("login", "Not so.")], {"login": 'a"<b>'})
    html = pages.rendered("login.html", action="/", parameters={}, **refused.shown())
    assert '<a href="#login">Not so.</a>' in html
    assert 'aria-describedby="login-error"' in html
    assert "a&#34;&lt;b&gt;" in html
    assert "<title>Error: Login" in " ".join(html.split())


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_a_refusal_with_values_is_told_with_them(code: str) -> None:
    said = speaking(code, "the text holds something of the form of an identifier of type NIC; leave it out")
    assert "NIC" in said
    assert said.endswith(".")
    assert said.startswith("The text") is (code == "en")
    assert all(text in LANGUAGES[code].words for text in WITH_VALUES if code != "en")


def test_what_no_words_are_known_for_is_told_as_a_sentence() -> None:
    assert speaking("si", "something new") == "Something new."
