"""Every form of a page filled in with strings that break pages, and whether anything of them came to life."""

from collections.abc import Iterable, Iterator
from typing import Any

from browser import fit, naughty
from browser.every_page import walked
from browser.visitor import Visitor
from playwright.sync_api import Dialog

FORMS = """() => [...document.querySelectorAll("form")].map((form, at) => [at, form.getAttribute("action"),
  [...form.elements].filter((each) => each.matches("textarea, input[type=text], input[type=search], input[type=number],"
    + "input[type=url], input[type=email], input:not([type])")).length])"""
FILL = """([at, strings]) => {
  const form = document.querySelectorAll("form")[at];
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


def filled_in(visitor: Visitor, routes: Iterable[str], start: int, base: str = "") -> int:
    """Fill in whatever the pages of these routes offer, then look at each with what came of it; gives how many forms
    were sent. `start`: the first of the strings.
    """
    dialogs: list[Dialog] = []
    visitor.page.on("dialog", lambda each: dialogs.append(each))
    strings, addresses = naughty.from_the(start), list[str]()
    walked(visitor, routes, lambda _: addresses.append(visitor.page.url), base)
    sent = 0
    for address in addresses:
        visitor.page.goto(address)
        sent += tried(visitor, address, strings)
    for address in addresses:
        visitor.page.goto(address)
        harmless(visitor, address)
    assert dialogs == []
    return sent


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
