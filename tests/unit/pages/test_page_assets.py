"""Vendored assets are what their page says, and nothing of ours asks for anything of another host."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from pages.assets import ASSETS, STATIC, address_of

ROOT = Path(__file__).parents[3]
PAGES = (STATIC / "vendor" / "VENDORED.md", ROOT / "tests" / "browser" / "VENDORED.md")
ROW = re.compile(r"^\| ([\w.-]+) \|.*\| ([0-9a-f]{64}) \|$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=("pages", "tests"))
def test_each_vendored_file_has_the_sum_of_its_row(page: Path) -> None:
    rows = dict(ROW.findall(page.read_text("utf-8")))
    assert rows
    assert {name: sha256((page.parent / name).read_bytes()).hexdigest() for name in rows} == rows


def test_each_vendored_asset_has_a_row() -> None:
    rows = dict(ROW.findall(PAGES[0].read_text("utf-8")))
    assert {name.removeprefix("vendor/") for name in ASSETS if name.startswith("vendor/")} == set(rows)


def test_style_sheets_ask_for_nothing_else() -> None:
    for name, asset in ASSETS.items():
        if name.endswith(".css"):
            assert b"url(" not in asset.content
            assert b"@import" not in asset.content


def test_an_address_changes_with_the_content() -> None:
    assert address_of("sandhi.css").endswith(sha256(ASSETS["sandhi.css"].content).hexdigest()[:12])
