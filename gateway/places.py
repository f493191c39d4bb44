"""The country's places: the profile's `places.tsv` has `id, name, name_si, name_ta`; a profile may lack the file.

A longer id lies within the shorter one that it begins with: `LK-1103` in `LK-11` in `LK-1`.
"""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pages.languages import Titled

FILE = "places.tsv"
NAMES = {"name_si": "si", "name_ta": "ta"}
"""Column -> the language of pages that it is in."""


@cache
def rows(profile_folder: Path) -> tuple[Mapping[str, str], ...]:
    """Each place, those that hold others before these."""
    path = profile_folder / FILE
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(sorted(csv.DictReader(file, delimiter="\t"), key=lambda each: (len(each["id"]), each["id"])))


@cache
def names(profile_folder: Path) -> Mapping[str, str]:
    """Id -> what people call it, with the id: `Colombo (LK-11)`, for a district and its town share a name."""
    return {row["id"]: _named(row) for row in rows(profile_folder)}


def _named(row: Mapping[str, str]) -> Titled:
    others = {language: f"{row[column]} ({row['id']})" for column, language in NAMES.items() if row.get(column)}
    return Titled(f"{row['name']} ({row['id']})", others)
