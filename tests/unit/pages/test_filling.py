"""Values go into the form they were typed into, and nothing of the page changes beside them."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.filling import filled

FORM = """<!DOCTYPE html><p>before &amp; after</p>
<form method="get" action="/a"><input name="q" value="left"></form>
<form method="post" action="/a?x=1#there">
<input type="hidden" name="csrf" value="t"><input type="hidden" name="kid" value="k1">
<input class="i" name="name" value="old" required><input type="password" name="word" value="">
<input type="radio" name="way" value="one" checked><input type="radio" name="way" value="two">
<input type="checkbox" name="yes">
<select name="kind"><option value="a" selected>A</option><option>b &amp; c</option></select>
<textarea name="text" rows="2">was &lt;here</textarea><input type="submit" name="go" value="1">
</form><form method="post" action="/a"><input type="hidden" name="kid" value="k2"><input name="name"></form>"""


def test_each_kind_of_control_takes_its_value() -> None:
    fields = {"kid": "k1", "name": 'n"<', "word": "s", "way": "two", "kind": "b & c", "text": "\nnew", "go": "1"}
    page = filled(FORM, "/a", fields)
    assert page
    assert '<input class="i" name="name" value="n&quot;&lt;" required>' in page
    assert '<input type="password" name="word" value="">' in page
    assert '<input type="radio" name="way" value="one"><input type="radio" name="way" value="two" checked>' in page
    assert '<input type="checkbox" name="yes">' in page
    assert '<option value="a">A</option><option selected>b &amp; c</option>' in page
    assert ">\n\nnew</textarea>" in page
    assert page.startswith('<!DOCTYPE html><p>before &amp; after</p>\n<form method="get"')
    assert page.endswith('<input type="hidden" name="kid" value="k2"><input name="name"></form>')


def test_the_form_is_told_by_what_it_sends_of_itself() -> None:
    page = filled(FORM, "/a", {"kid": "k2", "name": "other"})
    assert page
    assert 'value="old"' in page
    assert page.endswith('<input name="name" value="other"></form>')


@pytest.mark.parametrize(("path", "kid"), [("/b", "k1"), ("/a", "k3")])
def test_a_form_that_is_not_there_is_said_to_be(path: str, kid: str) -> None:
    assert filled(FORM, path, {"kid": kid, "name": "x"}) is None


def test_what_has_no_control_goes_along_but_not_the_answer_to_are_you_sure() -> None:
    page = filled(FORM, "/a", {"kid": "k2", "reason": '"why"', "confirmed": "yes"})
    assert page
    assert '<input type="hidden" name="reason" value="&quot;why&quot;">' in page
    assert "confirmed" not in page


class _Values(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.name, self.text, self._in = "", "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in = tag == "textarea"
        if tag == "input" and ("class", "i") in attrs:
            self.name = dict(attrs)["value"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._in = self._in and tag != "textarea"

    def handle_data(self, data: str) -> None:
        self.text += data if self._in else ""


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")))
def test_whatever_was_typed_is_read_back_and_makes_no_element(text: str) -> None:
    page = filled(FORM, "/a", {"kid": "k1", "name": text, "text": text})
    assert page
    read, before = _Values(), _Values()
    read.feed(page)
    before.feed(FORM)
    assert read.tags == before.tags
    assert (read.name, re.sub(r"\A\n", "", read.text)) == (text, text)
