"""Notations guessed: of a value of a sample, or of what a document says of one; for a person to look at."""

import re

from adapters.kit import converters

YES_NO = frozenset({"Y", "N", "YES", "NO"})
_KINDS = (
    ("date", re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)),
    ("date_ymd_slashes", re.compile(r"\d{4}/\d\d/\d\d", re.ASCII)),
    ("date:MM/DD/YYYY", re.compile(r"\d\d/(1[3-9]|2\d|3[01])/\d{4}", re.ASCII)),
    ("date_dmy_slashes", re.compile(r"\d\d/\d\d/\d{4}", re.ASCII)),
    ("date:MM-DD-YYYY", re.compile(r"\d\d-(1[3-9]|2\d|3[01])-\d{4}", re.ASCII)),
    ("date:DD-MM-YYYY", re.compile(r"\d\d-\d\d-\d{4}", re.ASCII)),
    ("date:DD.MM.YYYY", re.compile(r"\d\d\.\d\d\.\d{4}", re.ASCII)),
    ("date:YYYYMMDD", re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", re.ASCII)),
    ("month", re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])", re.ASCII)),
    ("month_dotted", re.compile(r"(0[1-9]|1[0-2])\.(19|20)\d\d", re.ASCII)),
    ("month:MM/YYYY", re.compile(r"(0[1-9]|1[0-2])/(19|20)\d\d", re.ASCII)),
    ("decimal_grouped", re.compile(r"-?\d{1,3}(,\d{2,3})+\.\d\d", re.ASCII)),
    ("month_digits", re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])", re.ASCII)),
)
_IN_WORDS = re.compile(r"\b(?:(?:YYYY|MM|DD)[-/. ]?){2,3}(?![A-Za-z])", re.IGNORECASE)
_DIGITS = re.compile(r"\^?(?:\\d|\[0-9\])\{([68])\}\$?")


def of_value(value: str) -> str:
    """The kind of a text that is a day, a month, an amount with commas, or yes and no; empty for any other."""
    if value.upper() in YES_NO:
        return "yes_no"
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(value)), "")


def in_words(caption: str, pattern: str = "") -> str:
    """`DD/MM/YYYY`, where a document says so; else how many digits its pattern wants; empty where neither does."""
    for found in _IN_WORDS.finditer(caption):
        notation = found[0].strip(" ./-").upper()
        if converters.named(f"date:{notation}") or converters.named(f"month:{notation}"):
            return notation
    digits = _DIGITS.fullmatch(pattern)
    return {"8": "YYYYMMDD", "6": "YYYYMM"}[digits[1]] if digits else ""
