"""A letter on A4. Sinhala and Tamil are shaped: a vowel sign that stands before its letter is written there."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fpdf import FPDF

from adapters.kit.contract import AgencyRejectedMessage

MARGIN_MM, LINE_MM = 25, 6.5
NORMAL, LARGE = 11, 14  # points
SCRIPTS = {"sin": "sinh", "tam": "taml"}  # ISO 639-3 -> OpenType script
LANG = {"sin": "si", "tam": "ta", "eng": "en"}
logging.getLogger("fontTools").setLevel(logging.WARNING)  # what it says of each table helps nobody


def drawn(letter: Mapping[str, Any], fonts: Mapping[str, str]) -> bytes:
    """The letter as PDF, the same bytes for the same letter.

    Args:
        fonts: ISO 639-3 language -> path of a TrueType font; English needs none.

    Raises:
        AgencyRejectedMessage: no font for the language (code `font`), or one that lacks a letter (code `letters`).
    """
    language = letter["language"]
    page = FPDF("portrait", "mm", "A4")
    page.set_creation_date(datetime.fromisoformat(f"{letter['dated']}T00:00:00+00:00"))
    page.set_lang(LANG[language])
    page.set_title(letter["office"] if language == "eng" else letter["letter"])
    page.set_margin(MARGIN_MM)
    page.set_auto_page_break(auto=True, margin=MARGIN_MM)
    page.add_page()
    try:
        _font(page, language, fonts)
        texts = [letter["office"], letter["heading"], *letter["paragraphs"], *letter.get("address", ())]
        _check_letters(page, language, "".join(texts))
        _written(page, letter)
        return bytes(page.output())
    finally:
        _close_fonts(page)


def _written(page: FPDF, letter: Mapping[str, Any]) -> None:
    def line(text: str, size: int = NORMAL, align: str = "L") -> None:
        page.set_font_size(size)
        page.multi_cell(0, LINE_MM, text, align=align, new_x="LMARGIN", new_y="NEXT")

    line(letter["office"])
    line(letter["dated"], align="R")
    line(letter["letter"], align="R")
    for each in letter.get("address", ()):
        line(each)
    page.ln(LINE_MM)
    line(letter["heading"], LARGE)
    for each in letter["paragraphs"]:
        page.ln(LINE_MM / 2)
        line(each)


def _font(page: FPDF, language: str, fonts: Mapping[str, str]) -> None:
    if language == "eng":
        page.set_font("helvetica", size=NORMAL)
        return
    if language not in fonts:
        raise AgencyRejectedMessage(f"no font for {language}: set LETTERS_FONT_{language.upper()}", code="font")
    try:
        page.add_font(language, fname=fonts[language])
    except OSError:
        raise AgencyRejectedMessage(f"LETTERS_FONT_{language.upper()} names no font file", code="font") from None
    page.set_font(language, size=NORMAL)
    page.set_text_shaping(use_shaping_engine=True, script=SCRIPTS[language], language=LANG[language])


def _close_fonts(page: FPDF) -> None:
    """The library leaves the files open that it reads fonts from."""
    for each in page.fonts.values():
        if (opened := getattr(each, "ttfont", None)) is not None:
            opened.close()


def _check_letters(page: FPDF, language: str, text: str) -> None:
    """Raises unless the font can draw every letter: a letter with boxes in it would be signed and sent."""
    if language == "eng":
        missing = any(ord(each) > 255 for each in text)
    else:
        known: Any = page.fonts[language]
        missing = any(ord(each) not in known.cmap for each in text if each not in "\u200c\u200d")
    if missing:
        raise AgencyRejectedMessage("the font of the language lacks a letter of the text", code="letters")
