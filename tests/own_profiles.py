"""What the pages of our own profiles show: their golden blocks, and their table of errors."""

import re
from pathlib import Path

PAGES = Path(__file__).parents[1] / "docs/profiles"


def golden_blocks(page: str) -> dict[str, bytes]:
    """File name -> content of each block that a page shows as a whole file."""
    text = (PAGES / f"{page}.md").read_text("utf-8")
    return {
        name: body.encode() for name, body in re.findall(r"^```text (\S+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    }


def codes_of(page: str) -> set[str]:
    """The codes of the page's table of errors, and of refusals that it explains elsewhere."""
    return set(re.findall(r"`([A-Z]+_[A-Z]+)`", (PAGES / f"{page}.md").read_text("utf-8"))) - {"IN_TIME"}
