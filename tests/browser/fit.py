"""Whether a page is fit for everybody, however they see it and whatever they type with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lxml import html
from playwright.sync_api import Page, ViewportSize

HERE = Path(__file__).parent
AXE = (HERE / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDE, NARROW = ViewportSize(width=1280, height=900), ViewportSize(width=320, height=800)
SKELETON = (HERE / "skeleton.js").read_text("utf-8").partition("\n")[2]
JUDGED: set[str] = set()
"""What axe has found nothing in, in this process."""
KEYBOARD = (HERE / "keyboard.js").read_text("utf-8").partition("\n")[2]


CUT = """() => [...document.querySelectorAll(".app-scroll:has(table)")]
    .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth)
    .map((each) => `${each.getAttribute("aria-label")}: ${each.scrollWidth} of ${each.clientWidth}`)"""
"""Tables of which a part is out of sight."""
SLIVERS = """() => [...document.querySelectorAll("td, th, caption:not(.govuk-visually-hidden)")]
    .filter((each) => each.checkVisibility() && (each.tagName === "CAPTION" ? each.clientHeight > 4 * each.clientWidth
      : each.innerText.length > 120 && each.clientWidth < 150))
    .map((each) => each.innerText.slice(0, 60))"""
"""Cells of a table in which a long text has a word or less on each line, and captions with a letter on each."""


def accessible(page: Page, name: str) -> None:
    """Fails on what axe finds of WCAG 2.2 AA."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    told = [f"{each['id']}: {[node['html'][:200] for node in each['nodes']]}" for each in found["violations"]]
    assert told == [], f"{name}: {told}"


def accessible_once(page: Page, name: str) -> None:
    """As `accessible`, unless a page that differs in words and in the number of rows alone was judged before."""
    skeleton = str(page.evaluate(SKELETON))
    if skeleton not in JUDGED:
        accessible(page, name)
        JUDGED.add(skeleton)


def accessible_in_forced_colours(page: Page, name: str) -> None:
    """As `accessible`, with the colours of the person's own system."""
    page.emulate_media(forced_colors="active")
    accessible(page, f"{name} in forced colours")
    page.emulate_media(forced_colors="none")


def fits(page: Page, name: str) -> None:
    """Fails on sideways scrolling at 320 px or with text of 200 %."""
    wide = "document.documentElement.scrollWidth"
    page.set_viewport_size(NARROW)
    assert page.evaluate(wide) <= NARROW["width"], f"{name} scrolls sideways at 320 px"
    assert page.evaluate(SLIVERS) == [], f"{name} has texts squeezed into a sliver at 320 px"
    assert page.evaluate(CUT) == [], f"{name} has tables that scroll at 320 px"
    page.set_viewport_size(WIDE)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(wide) <= WIDE["width"], f"{name} scrolls sideways with text of 200 %"
    page.evaluate("document.documentElement.style.fontSize = ''")


def whole_tables(page: Page, name: str) -> None:
    """Fails on a table that one has to scroll sideways at 1280 px."""
    cut = page.evaluate(CUT)
    assert cut == [], f"{name} has tables that scroll at {WIDE['width']} px: {cut}"


def walked_by_keyboard(page: Page, name: str) -> None:
    """Tab goes through everything that does something, in the page's order, each time visibly, and comes out again;
    and the link at the top skips to what the page is about.
    """
    count, several = page.evaluate(KEYBOARD)
    for _ in range(count + 6 * several + 1):  # a day has a stop for each of its parts
        page.keyboard.press("Tab")
    found = page.evaluate("window.walked")
    order = [at for number, at in enumerate(found["order"]) if number == 0 or at != found["order"][number - 1]]
    assert order[:count] == list(range(count)), f"{name}: the keyboard goes {order} through {count} places"
    assert found["unseen"] == [], f"{name}: one does not see that the focus is on {found['unseen']}"
    skip = page.locator(".govuk-skip-link")
    if skip.count():
        skip.focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main-content", f"{name}: nothing is skipped"


def left_in_english(content: str, words: Mapping[str, str]) -> list[str]:
    """The texts of a page in another language that stand there in English, though they have been translated.

    What carries a language of its own, and what is code, may.
    """
    page = html.fromstring(content)
    own = "ancestor::script or ancestor::pre or ancestor::code or ancestor::*[@lang and not(self::html)]"
    shown = page.xpath(f"//text()[not({own})]")
    said = page.xpath("//@aria-label | //@placeholder | //input[@type='submit']/@value")
    return sorted({text.strip() for text in (*shown, *said) if words.get(text.strip(), text.strip()) != text.strip()})
