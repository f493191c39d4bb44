"""The list as a table to take away: CSV (RFC 4180) whose cells no spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from pages import said, words_of

from ..store import Row, unpacked
from .people import lives_in, spelled
from .places import Places

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet may compute (OWASP, CSV Injection)."""
COLUMNS: Sequence[tuple[str, Callable[[Row, Places], str]]] = (
    ("Member id", lambda row, _: str(row["member"])),
    ("Person", lambda row, _: spelled(row)),
    ("District", lambda row, places: places(row["district"])),
    ("Outcome", lambda row, _: words_of(row["outcome"])),
    ("Reasons", lambda row, _: ", ".join(map(words_of, unpacked(row["reasons"])))),
    ("A counsellor verifies", lambda row, _: ", ".join(map(words_of, unpacked(row["verify"])))),
    ("Decision", lambda row, _: words_of(row["decision"] or "waiting")),
    ("What was told since", lambda row, _: words_of(row["ended"]) if row["ended"] else ""),
    ("Divisional secretariat", lambda row, places: places(lives_in(row, "ds_division"))),
    ("GN division", lambda row, places: places(lives_in(row, "gn_division"))),
)


def spreadsheet(rows: Iterable[Row], places: Places) -> str:
    """A line each, in the language of the request, with the mark by which spreadsheets know UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([said(title) for title, _ in COLUMNS])
    writer.writerows([_safe(cell(row, places)) for _, cell in COLUMNS] for row in rows)
    return "\ufeff" + out.getvalue()


def _safe(cell: str) -> str:
    """A cell that is text whatever it begins with."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
