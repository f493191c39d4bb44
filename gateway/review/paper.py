"""A table on paper: A4 landscape, a head on every page, page numbers, the same bytes for the same content and day."""

from collections.abc import Sequence

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, VAlign
from fpdf.fonts import FontFace

MARGIN_MM = 12
SMALL, NORMAL, LARGE = 7, 9, 14  # points
HEAD_FILL = (230, 230, 230)
FOOT_MM, PADDING_MM = 18, 1
BOLD = 1.08  # how much wider a word of the head is than the same word below
TYPED = str.maketrans({"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "\u00a0": " "})
"""What typists' programs put in, in the letters of the PDF's own fonts."""


class _Page(FPDF):
    """Knows what stands at the foot of every page."""

    foot = ""

    def footer(self) -> None:
        """Called by the library at the end of each page."""
        self.set_y(-MARGIN_MM)
        self.set_font("helvetica", size=SMALL)
        self.cell(0, 5, f"{self.foot}, page {self.page_no()} of {{nb}}", align="R")


def paper(title: str, about: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """The table as PDF.

    Args:
        about: a line below the title: the period, when it was made.
    """
    page = _Page("landscape", "mm", "A4")
    page.foot = printable(title)
    page.set_title(printable(title))
    page.set_lang("en")
    page.set_margin(MARGIN_MM)
    page.set_auto_page_break(auto=True, margin=FOOT_MM)
    page.add_page()
    page.set_font("helvetica", style="B", size=LARGE)
    page.cell(0, 8, printable(title), new_x="LMARGIN", new_y="NEXT")
    page.set_font("helvetica", size=NORMAL)
    page.cell(0, 6, printable(about), new_x="LMARGIN", new_y="NEXT")
    page.ln(3)
    if not rows:
        page.cell(0, 6, "Nothing in this period.")
        return bytes(page.output())
    page.set_font("helvetica", size=SMALL)
    columns = list(zip(*([printable(cell) for cell in row] for row in (head, *rows)), strict=True))
    with page.table(
        col_widths=_widths(page, columns),
        text_align=["RIGHT" if all(map(str.isdecimal, each[1:])) else "LEFT" for each in columns],
        headings_style=FontFace(emphasis="BOLD", fill_color=HEAD_FILL),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        v_align=VAlign.T,
        line_height=3.5,
        padding=PADDING_MM,
    ) as table:
        for row in zip(*columns, strict=True):
            table.row(row)
    return bytes(page.output())


def printable(text: str) -> str:
    """The text in the letters of the PDF's own fonts (Latin 1); others become `?`, and stand in the CSV."""
    return text.translate(TYPED).encode("latin-1", "replace").decode("latin-1")


def _widths(page: FPDF, columns: Sequence[Sequence[str]]) -> list[float]:
    """In mm: each column has room for its longest word, and what is left goes to those with long texts."""
    around = 2 * PADDING_MM + 2 * page.c_margin
    words = [max(page.get_string_width(word) for cell in each for word in cell.split() or [""]) for each in columns]
    needed = [BOLD * word + around for word in words]
    texts = [max(map(page.get_string_width, each)) + around for each in columns]
    wished = [max(0.0, text - need) for text, need in zip(texts, needed, strict=True)]
    share = max(0.0, page.epw - sum(needed)) / (sum(wished) or 1.0)
    return [need + share * wish for need, wish in zip(needed, wished, strict=True)]
