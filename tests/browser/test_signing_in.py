"""Signing in and out at the console, in a browser: with and without scripts, by keyboard, in each language."""

import pytest
from browser.visitor import Visitor


def test_an_officer_signs_in_sees_the_roles_and_leaves(either: Visitor) -> None:
    either.go("/console")
    either.looked_at("sign-in")
    either.enter("/console", "compliance", str(either.world.officers["compliance"]["password"]))
    assert "Compliance officer" in either.page.locator("main").inner_text()
    either.looked_at("home")
    either.page.get_by_role("button", name="Sign out").click()
    assert either.heading() == "Sign in to the console"


def test_a_wrong_password_is_told_without_telling_which_part(visitor: Visitor) -> None:
    visitor.go("/console")
    visitor.page.locator("main a.govuk-button").first.click()
    visitor.page.get_by_label("Login", exact=True).fill("compliance")
    visitor.page.locator("input[name=password]").fill("not-this-one")
    visitor.page.locator("main button[type=submit]").click()
    assert "There is a problem" in visitor.page.locator("main").inner_text()
    visitor.looked_at("login-refused")
    visitor.page.locator("a[hreflang=ta]").click()
    assert visitor.page.locator("html").get_attribute("lang") == "ta"
    assert visitor.page.locator("input[name=password]").count() == 1


CHOSEN = {"si": "පාලක පිටුවට පිවිසෙන්න", "ta": "கட்டுப்பாட்டகத்தில் உள்நுழைக"}


@pytest.mark.parametrize("code", CHOSEN)
def test_a_page_speaks_the_language_that_was_chosen_on_it(visitor: Visitor, code: str) -> None:
    visitor.go("/console")
    visitor.page.locator(f"a[hreflang={code}]").click()
    assert visitor.heading() == CHOSEN[code]
    assert visitor.page.locator("html").get_attribute("lang") == code
    visitor.looked_at(f"sign-in-{code}")


def test_the_keyboard_alone_reaches_the_sign_in(scripted: Visitor) -> None:
    scripted.go("/console")
    scripted.page.keyboard.press("Tab")
    assert scripted.page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"
    scripted.page.keyboard.press("Enter")
    scripted.page.keyboard.press("Tab")
    assert scripted.page.evaluate("document.activeElement.className").startswith("govuk-button")


def test_forced_colours_leave_the_page_readable(scripted: Visitor) -> None:
    scripted.page.emulate_media(forced_colors="active")
    scripted.go("/console")
    assert scripted.page.locator("main a.govuk-button").first.is_visible()
    scripted.looked_at("sign-in-forced-colours")
