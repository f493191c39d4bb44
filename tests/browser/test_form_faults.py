"""A form that is not taken leads to what has to be mended: focus, links, messages, and what was typed."""

import pytest
from browser.visitor import Visitor

from pages.languages import LANGUAGES

SUMMARY = ".govuk-error-summary__list a"


def sent(visitor: Visitor, path: str, button: str, **typed: str) -> list[str]:
    """Send the form of a page; gives the lines of the summary."""
    assert visitor.go(path) == 200
    form = visitor.page.locator("main form", has=visitor.page.locator(f"button:has-text('{button}')"))
    for name, text in typed.items():
        form.locator(f"[name='{name}']").fill(text)
    form.locator(f"button:has-text('{button}')").click()
    return visitor.page.locator(SUMMARY).all_inner_texts()


def test_the_summary_has_the_focus_and_each_line_leads_to_its_field(either: Visitor) -> None:
    either.sign_in("operator")
    page = either.page
    lines = sent(either, "/console/operation/members", "Register", contact="it@board.example")
    assert lines == ["Fill in: Identifier.", "Fill in: Name."]
    page.wait_for_function("document.activeElement.matches('.govuk-error-summary')")
    assert page.title().startswith("Error: ")
    assert page.locator("[name='contact']").input_value() == "it@board.example"
    either.looked_at("members-all-faults")
    for at in ("id", "name"):
        page.locator(f"{SUMMARY}[href='#{at}']").press("Enter")
        page.wait_for_function("id => document.activeElement.id === id", arg=at)
        assert page.locator(f"#{at}").get_attribute("aria-describedby").split()[-1] == f"{at}-error"


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_the_forms_of_a_role_show_their_faults_in_its_language(scripted: Visitor, code: str) -> None:
    said = LANGUAGES[code].said
    scripted.sign_in("compliance")
    scripted.go(f"/console?lang={code}")
    lines = sent(scripted, "/console/samples", said("Plan it"), since="", until="")
    assert lines == [said("Give a day: %(field)s.") % {"field": said(each)} for each in ("From day", "To day")]
    assert scripted.page.title().startswith(said("Error: "))
    scripted.looked_at(f"faults-samples-{code}")
