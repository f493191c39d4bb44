"""The printed code of a receipt is read by a foreign reader (zbar), from the screen and from the paper."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.citizens import sign_in_as, with_consents
from browser.visitor import Visitor
from playwright.sync_api import Browser, Page, PdfMargins

from gateway.consent_receipts import checked_with

READERS = ("zbarimg", "pdftoppm")
INSTALL = "apt-get install -y --no-install-recommends zbar-tools poppler-utils"
PAPER_DPI = "300"
MARGIN = PdfMargins(top="15mm", right="15mm", bottom="15mm", left="15mm")


@pytest.fixture(scope="module", autouse=True)
def readers() -> None:
    """Without them nothing is proved, so that is a failure and no skip."""
    missing = [each for each in READERS if shutil.which(each) is None]
    assert not missing, f"{', '.join(missing)}: not there. Install:  {INSTALL}"


@pytest.fixture
def receipt(scripted: Visitor, chromium: Browser) -> Iterator[Page]:
    """A receipt, on a telephone's sharp screen."""
    sign_in_as(scripted, with_consents(scripted.world)[3])
    scripted.page.get_by_role("link", name="Receipt to print").first.click()
    state = scripted.page.context.storage_state()
    context = chromium.new_context(storage_state=state, device_scale_factor=4, locale="en-GB")
    page = context.new_page()
    page.goto(scripted.page.url)
    yield page
    context.close()


def read(picture: Path) -> str:
    """What zbar reads in a picture."""
    command = ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, f"zbarimg reads no code in {picture.name}: {answer.stderr}"
    return answer.stdout.strip()


def test_the_code_is_read_from_the_screen_and_from_the_paper(receipt: Page, scripted: Visitor, tmp_path: Path) -> None:
    text = receipt.locator("pre").inner_text().strip()
    screen = tmp_path / "screen.png"
    receipt.screenshot(path=screen, full_page=True)
    assert read(screen) == text
    paper = tmp_path / "paper.pdf"
    receipt.pdf(path=paper, format="A4", margin=MARGIN)
    subprocess.run(["pdftoppm", "-png", "-r", PAPER_DPI, paper, tmp_path / "paper"], check=True, timeout=60)
    reading, proof = sorted(tmp_path.glob("paper-*.png"))
    assert read(proof) == text
    with pytest.raises(AssertionError, match="zbarimg reads no code"):
        read(reading)  # what a person reads is a page of its own
    with urllib.request.urlopen(f"{scripted.world.gateway}/.well-known/jwks.json", timeout=10) as keys:
        signed = checked_with(text, json.load(keys)["keys"])
    assert signed["record_id"] in receipt.url


def test_on_paper_stands_what_a_person_reads_and_nothing_to_press(receipt: Page) -> None:
    receipt.emulate_media(media="print")
    assert not receipt.get_by_role("button", name="Print").is_visible()
    assert not receipt.get_by_role("link", name="My data").is_visible()
    assert receipt.get_by_role("heading", name="What you allowed").is_visible()
    assert receipt.locator(".code svg").is_visible()
