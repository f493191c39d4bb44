"""National identity card numbers: two forms of one number."""

import re

OLD = re.compile(r"([0-9]{2})([0-9]{3})([0-9]{3})([0-9])[VXvx]")


def normal(number: str) -> str:
    """The new 12-digit form: `yydddnnncV` is `19yyddd0nnnc`; anything else as it is."""
    old = OLD.fullmatch(number)
    return f"19{old[1]}{old[2]}0{old[3]}{old[4]}" if old else number
