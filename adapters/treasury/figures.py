"""Small counts are left out of reports, so that no figure is about somebody one could name.

Source: the rule of the profile, `docs/profiles/treasury-reports.md` section 3 (primary and complementary suppression).
"""

from collections.abc import Mapping, Sequence
from typing import Any

TOO_FEW = 5  # people; 0 tells nothing of anybody


def suppressed(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines with small counts and their amounts left out.

    Where that leaves out one line only, the next smallest goes too: a known total would give it back otherwise. A line
    that the sender left out already counts as left out.
    """
    small = {at for at, each in enumerate(lines) if each["people"] is None or 0 < each["people"] < TOO_FEW}
    if len(small) == 1:
        others = [(each["people"], at) for at, each in enumerate(lines) if at not in small and each["people"]]
        small |= {min(others)[1]} if others else set()
    return [{**each, "people": None, "amount": None} if at in small else dict(each) for at, each in enumerate(lines)]
