"""Sri Lanka's national identity card number, for agencies that hold the new form only."""

import re

NEW_FORM = re.compile(r"[0-9]{12}", re.ASCII)
_OLD = re.compile(r"([0-9]{2})([0-9]{3})([0-9]{3})([0-9])[VX]", re.IGNORECASE | re.ASCII)


def new_form(number: str) -> str:
    """`853400123V` -> `198534000123`; anything but an old number is returned as it is, without outer spaces."""
    number = number.strip()
    if (old := _OLD.fullmatch(number)) is None:
        return number
    year, day, serial, check = old.groups()
    return f"19{year}{day}0{serial}{check}"
