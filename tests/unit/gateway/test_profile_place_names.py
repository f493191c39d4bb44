"""Names of places are whole: the tables that they come from cut them after some 17 characters."""

import csv
import re
from pathlib import Path

import pytest

TABLE = Path(__file__).parents[3] / "profiles/lk/places.tsv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
DISTRICT = {"name_si": "දිස්ත්‍රික්කය", "name_ta": "மாவட்டம்"}
TOWARDS = {
    "North": {"උතුර", "வடக்கு"},
    "South": {"දකුණ", "தெற்கு", "தெற்கும்"},
    "East": {"නැගෙනහිර", "கிழக்கு"},
    "West": {"බටහිර", "மேற்கு", "වයඹ"},
    "Central": {"මධ්‍යම", "மத்திய"},
}
"""Words that end a name of this kind when it is whole."""


@pytest.mark.parametrize("column", DISTRICT)
def test_every_district_is_called_one(column: str) -> None:
    names = [row[column] for row in ROWS if len(row["id"]) == len("LK-11")]
    assert len(names) == 25
    assert [name for name in names if not re.fullmatch(rf"\S+ {DISTRICT[column]}", name)] == []


@pytest.mark.parametrize("column", ["name_si", "name_ta"])
def test_no_name_ends_within_brackets_or_within_the_word_that_tells_it_from_its_neighbour(column: str) -> None:
    cut = [
        (row["id"], row[column])
        for row in ROWS
        if row[column].count("(") != row[column].count(")") or _cut(row[column])
    ]
    assert cut == []


def _cut(name: str) -> bool:
    """Whether the last word is the beginning of one that tells sides apart, and not the whole of it."""
    last = name.rsplit(maxsplit=1)[-1] if " " in name else ""
    whole = set().union(*TOWARDS.values())
    return len(last) > 1 and last not in whole and any(word.startswith(last) for word in whole)
