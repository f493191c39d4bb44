"""Pages mirror where a language is written from right to left: our own styles name no left and no right."""

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "pages" / "static"
OURS = sorted(STATIC.glob("*.css"))
TEXT = re.compile(r"/\*.*?\*/|\"[^\"]*\"", re.DOTALL)
RULE = re.compile(r"([-a-z]+)\s*:\s*([^;{}]+)")
SIDED = re.compile(r"(^|-)(left|right)($|-)|^(transform-origin|direction)$")
SIDES = frozenset({"left", "right"})
FOUR = ("margin", "padding", "border-width", "border-style", "border-color", "inset", "scroll-margin", "scroll-padding")
"""Of these a fourth value is the left one."""
ALWAYS_LTR = {"receipt.css": {"direction: ltr"}}
"""A signed text is no sentence of any language."""


def sided(style: str) -> list[str]:
    """The declarations of a style sheet that would not turn with the direction of the page."""
    found = [(name, value.strip()) for name, value in RULE.findall(TEXT.sub("", style))]
    return [f"{name}: {value}" for name, value in found if SIDED.search(name) or _by_value(name, value)]


def _by_value(name: str, value: str) -> bool:
    words = value.replace("!important", "").split()
    lop_sided = name in FOUR and len(words) == 4 and words[1] != words[3]
    return lop_sided or not SIDES.isdisjoint(words)


@pytest.mark.parametrize("sheet", OURS, ids=lambda each: each.name)
def test_no_style_of_ours_names_a_side(sheet: Path) -> None:
    assert set(sided(sheet.read_text("utf-8"))) - ALWAYS_LTR.get(sheet.name, set()) == set()


@pytest.mark.parametrize(
    "wrong",
    ["margin-left: 1px", "left: 0", "float: right", "text-align: left", "border-left: 1px solid", "padding: 0 0 0 1px"],
)
def test_a_side_is_found_however_it_is_written(wrong: str) -> None:
    assert sided("a { color: red; " + wrong + "; }") == [wrong]
    assert sided("a { padding: 1px 2px 3px 2px; margin-inline-start: 1px; text-align: start; }") == []


def test_our_styles_are_these_alone() -> None:
    assert [each.name for each in OURS] == ["receipt.css", "sandhi.css"]
    styled = re.compile(r"<[^>]*\sstyle=")
    templates = (STATIC.parent / "templates").rglob("*.html")
    assert [each.name for each in templates if styled.search(each.read_text("utf-8"))] == []
