"""`docs/decisions.md`, made from the headings of the records. Run to write it anew."""

from architecture.checkout import ROOT

PAGE = ROOT / "docs/decisions.md"
RECORDS = ROOT / "docs/decisions"
HEAD = """# Decisions

One page each: what it was about, what was decided, what follows. Numbers have gaps. The outline that they changed is
[architecture.md](architecture.md). This page is made from their headings (`tests/architecture/decisions_page.py`).

| | decision |
| --- | --- |
"""


def page() -> str:
    """The whole page."""
    rows = []
    for record in sorted(RECORDS.glob("*.md")):
        number, _, title = record.read_text("utf-8").partition("\n")[0].removeprefix("# ").partition(": ")
        rows.append(f"| [{number}](decisions/{record.name}) | {title} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
