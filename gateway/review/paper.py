"""A table on paper: A4 landscape, a head on every page, page numbers, the same bytes for the same content and day."""

from collections.abc import Sequence

from fpdf import FPDF

MARGIN_MM = 12
SMALL, NORMAL, LARGE = 7, 9, 14  # points


class _Page(FPDF):
    """Knows what stands at the foot of every page."""

    foot = ""

    def footer(self) -> None:
        """Called by the library at the end of each page."""
        self.set_y(-MARGIN_MM)
        self.set_font("helvetica", size=SMALL)
        self.cell(0, 5, f"{self.foot}, page {self.page_no()}", align="R")


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
    with page.table(text_align="LEFT", line_height=3.5) as table:
        for row in (head, *rows):
            table.row(list(map(printable, row)))
    return bytes(page.output())


def printable(text: str) -> str:
    """The text in the letters of the PDF's own fonts (Latin 1); others become `?`, and stand in the CSV."""
    return text.encode("latin-1", "replace").decode("latin-1")
