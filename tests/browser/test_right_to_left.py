"""Pages mirror in a language that is written from right to left, and still fit a telephone."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import fit
from browser.citizens import sign_in_as
from browser.visitor import Visitor

BOXES = """() => [...document.querySelectorAll("body *")]
    .filter((each) => each.checkVisibility() && !each.closest("svg, pre, option, optgroup, .app-scroll"))
    .filter((each) => !["BR", "SCRIPT", "NOSCRIPT"].includes(each.tagName))
    .filter((each) => getComputedStyle(each).display !== "inline")
    .map((each) => {
      const box = each.getBoundingClientRect();
      return [`${each.tagName.toLowerCase()}.${each.className}`, box.left, box.right];
    })"""
"""What has a place of its own. Words within a line are ordered by the letters themselves, whatever the page says."""
TICKS = """() => [...document.querySelectorAll(".govuk-checkboxes__item, .govuk-radios__item")].map((each) => {
    const inset = getComputedStyle(each.querySelector("label"), "::before").insetInlineStart;
    return [each.getBoundingClientRect().right - each.querySelector("input").getBoundingClientRect().right, inset];
  })"""
SEEN = "a[href*='/contest?exchange=']"
A_PIXEL = 2


@pytest.fixture
def person(scripted: Visitor) -> Visitor:
    """Somebody whose list has uses and consents."""
    sign_in_as(scripted, scripted.world.somebody())
    return scripted


def turned(visitor: Visitor, direction: str) -> list[Any]:
    """The boxes of the page as it stands, in this direction."""
    visitor.page.evaluate("way => document.documentElement.dir = way", direction)
    return list(visitor.page.evaluate(BOXES))


def unturned(visitor: Visitor) -> Iterator[str]:
    """What stands elsewhere than in a mirror."""
    wide = visitor.page.evaluate("document.documentElement.clientWidth")
    pairs = zip(turned(visitor, "ltr"), turned(visitor, "rtl"), strict=True)
    for (name, left, right), (_, new_left, new_right) in pairs:
        if abs(wide - right - new_left) > A_PIXEL or abs(wide - left - new_right) > A_PIXEL:
            yield f"{name}: {left:.0f} to {right:.0f} became {new_left:.0f} to {new_right:.0f}"


def mirrors(visitor: Visitor, name: str) -> None:
    """Fails on a page that stays as it was, or does not fit 320 px then."""
    for size in (fit.WIDE, fit.NARROW):
        visitor.page.set_viewport_size(size)
        assert list(unturned(visitor)) == [], f"{name} at {size['width']} px"
        wide = visitor.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size["width"], f"{name} scrolls sideways at {size['width']} px"
    visitor.looked_at(f"{name}-rtl")


def test_the_pages_of_a_person_mirror(person: Visitor) -> None:
    wrong = str(person.page.locator(SEEN).first.get_attribute("href"))
    receipt = str(person.page.get_by_role("link", name="Receipt to print").first.get_attribute("href"))
    withdraw = receipt.replace("/receipt", "/withdraw")
    pages = {"front": "/my-data", "contest": "/my-data/contest", "exchange": wrong, "receipt": receipt}
    pages |= {"withdraw": withdraw, "agreements": "/my-data/agreements"}
    for name, path in pages.items():
        person.go(path)
        mirrors(person, name)


def test_a_box_to_tick_stands_before_its_words_in_either_direction(person: Visitor) -> None:
    person.page.locator(SEEN).first.click()
    person.page.evaluate("document.documentElement.dir = 'rtl'")
    ticks = person.page.evaluate(TICKS)
    assert ticks
    assert all(abs(gap) < 12 and inset == "0px" for gap, inset in ticks), ticks


def test_the_page_before_the_sign_in_and_one_of_the_console_mirror(scripted: Visitor) -> None:
    scripted.go("/my-data/sign-in")
    mirrors(scripted, "my-data-sign-in")
    scripted.sign_in("compliance", "/console")
    mirrors(scripted, "console")
