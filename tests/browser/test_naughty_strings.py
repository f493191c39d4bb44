"""Naughty strings as every name and in every field that a page offers: nothing executes, no layout breaks."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from browser import fit, naughty
from browser.citizens import sign_in_as
from browser.every_page import CITIZEN, pages_of, walked
from browser.visitor import Visitor
from playwright.sync_api import Dialog

FORMS = """() => [...document.querySelectorAll("form[method=post]")].map((form, at) => [at, form.getAttribute("action"),
  [...form.elements].filter((each) => each.matches("textarea, input[type=text], input[type=search], input[type=number],"
    + "input[type=url], input[type=email], input:not([type])")).length])"""
FILL = """([at, strings]) => {
  const form = document.querySelectorAll("form[method=post]")[at];
  const kinds = ["text", "search", "url", "email", "textarea"];
  [...form.elements].filter((each) => kinds.includes(each.type)).forEach((each, n) => { each.value = strings[n]; });
  HTMLFormElement.prototype.submit.call(form);
}"""
ALIVE = """() => [...document.querySelectorAll(
  ".naughty, script:not([src]), iframe, object, embed, base, style, meta[http-equiv]"
  + ", [href^='javascript:' i], [href^='data:text' i]"
)].concat([...document.querySelectorAll("*")].filter((each) =>
  [...each.attributes].some((one) => one.name.startsWith("on")))).map((each) => each.outerHTML.slice(0, 200))"""
ENDS = "/console/agency/uses/end"
"""Takes a stop of a consumer back, which other tests need to go on."""
WHY = "Trying what cannot be"


def harmless(visitor: Visitor, name: str) -> None:
    """Nothing of what was typed became an element, was worked out, or pushed the page out of its frame."""
    assert visitor.page.evaluate(ALIVE) == [], name
    assert "naughty49" not in visitor.page.locator("body").inner_text(), name
    fit.fits(visitor.page, name)


def tried(visitor: Visitor, address: str, strings: Iterator[str]) -> int:
    """Every form of a page that takes text, each sent once; gives how many."""
    sent = 0
    for at, action, fields in visitor.page.evaluate(FORMS):
        if not fields:
            continue
        visitor.page.goto(address)
        with visitor.page.expect_navigation() as leads:
            visitor.page.evaluate(FILL, [at, [next(strings) for _ in range(fields)]])
        answer: Any = leads.value
        assert answer is None or answer.status < 500, f"{address}: {action} answered {answer.status}"
        harmless(visitor, f"{address} after {action}")
        while (button := visitor.page.locator(f"form[action='{ENDS}'] button")).count():
            button.first.click()
        sent += 1
    return sent


def walk(visitor: Visitor, login: str, start: int) -> int:
    """Fill in whatever there is, then look at every page with what came of it."""
    dialogs: list[Dialog] = []
    visitor.page.on("dialog", lambda each: dialogs.append(each))
    strings, addresses = naughty.from_the(start), list[str]()
    routes = [route for route, who in pages_of().items() if who == login]
    walked(visitor, routes, lambda _: addresses.append(visitor.page.url))
    sent = 0
    for address in addresses:
        visitor.page.goto(address)
        sent += tried(visitor, address, strings)
    for address in addresses:
        visitor.page.goto(address)
        harmless(visitor, address)
    assert dialogs == []
    return sent


@pytest.mark.parametrize(("login", "forms"), [("compliance", 6), ("operator", 3), ("wbb-admin", 5), ("protection", 1)])
def test_no_string_of_an_officer_s_form_executes_or_breaks_a_layout(scripted: Visitor, login: str, forms: int) -> None:
    scripted.sign_in(login)
    if login in {"compliance", "protection"}:
        scripted.go("/console/person")
        scripted.page.get_by_label("Your reason").fill(WHY)
        scripted.page.get_by_role("button", name="Continue").click()
    assert walk(scripted, login, sum(map(ord, login))) >= forms


def test_no_string_of_a_person_s_form_executes_or_breaks_a_layout(scripted: Visitor) -> None:
    sign_in_as(scripted, scripted.world.somebody())
    assert walk(scripted, CITIZEN, 7) >= 1


def test_no_string_in_an_address_executes_or_breaks_a_layout(scripted: Visitor) -> None:
    scripted.sign_in("compliance")
    strings = naughty.from_the(0)
    for path in (
        "/console/exchanges",
        "/console/events",
        "/console/findings",
        "/console/agreements",
        "/console/sign-in",
    ):
        query = {
            name: next(strings) for name in ("purpose", "service", "state", "before", "next", "done", "lang", "kind")
        }
        answer = scripted.page.request.get(f"{scripted.world.gateway}{path}?{urlencode(query)}")
        assert answer.status < 500, path
        scripted.page.set_content(answer.text())
        assert scripted.page.evaluate(ALIVE) == [], path
