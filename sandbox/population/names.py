"""Names in three scripts, and who is called how where. The lists are written for this project (`sandbox/data`)."""

import csv
from collections import defaultdict
from functools import cache
from importlib.resources import files
from random import Random

from ..person import Spelling

SCRIPTS = {"eng": "Latn", "sin": "Sinh", "tam": "Taml"}
SINHALA, TAMIL, MUSLIM = "sinhala", "tamil", "muslim"
LANGUAGE = {SINHALA: "sin", TAMIL: "tam", MUSLIM: "tam"}

# Rough shares of the communities SINHALA and TAMIL by district, the rest MUSLIM; written by us.
COMMUNITIES = {
    "LK-11": (0.77, 0.12),
    "LK-12": (0.92, 0.04),
    "LK-13": (0.87, 0.04),
    "LK-21": (0.75, 0.11),
    "LK-22": (0.81, 0.10),
    "LK-23": (0.40, 0.57),
    "LK-31": (0.94, 0.02),
    "LK-32": (0.94, 0.03),
    "LK-33": (0.97, 0.01),
    "LK-41": (0.01, 0.98),
    "LK-42": (0.02, 0.81),
    "LK-43": (0.10, 0.83),
    "LK-44": (0.09, 0.89),
    "LK-45": (0.01, 0.98),
    "LK-51": (0.01, 0.73),
    "LK-52": (0.39, 0.17),
    "LK-53": (0.27, 0.31),
    "LK-61": (0.92, 0.01),
    "LK-62": (0.74, 0.06),
    "LK-71": (0.91, 0.01),
    "LK-72": (0.91, 0.02),
    "LK-81": (0.73, 0.21),
    "LK-82": (0.95, 0.03),
    "LK-91": (0.87, 0.11),
    "LK-92": (0.86, 0.07),
}

Row = tuple[str, str, str]  # eng, sin, tam


def community(district: str, at: float) -> str:
    """The community of a household, by a number from 0 up to 1."""
    sinhala, tamil = COMMUNITIES[district]
    if at < sinhala:
        return SINHALA
    return TAMIL if at < sinhala + tamil else MUSLIM


def family(group: str, random: Random) -> Row:
    """A family name."""
    return random.choice(_families()[group])


def given(group: str, sex: str, random: Random) -> Row:
    """A given name."""
    return random.choice(_givens()[group, sex])


def another_given(english: str, sex: str, random: Random) -> Row:
    """A given name of the same community and sex, but not this one."""
    group = next(rows for (_, of), rows in _givens().items() if of == sex and english in {row[0] for row in rows})
    return random.choice([row for row in group if row[0] != english])


@cache
def spellings(given_name: Row, family_name: Row) -> tuple[Spelling, ...]:
    """The full name in English, Sinhala and Tamil. Made once, since people share names."""
    languages = zip(SCRIPTS.items(), given_name, family_name, strict=True)
    return tuple(Spelling(language, script, first, last) for (language, script), first, last in languages)


@cache
def _givens() -> dict[tuple[str, str], list[Row]]:
    rows: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in _read("given_names"):
        rows[row["community"], row["sex"]].append((row["eng"], row["sin"], row["tam"]))
    return dict(rows)


@cache
def _families() -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in _read("family_names"):
        rows[row["community"]].append((row["eng"], row["sin"], row["tam"]))
    return dict(rows)


def _read(name: str) -> list[dict[str, str]]:
    text = (files("sandbox") / "data" / f"{name}.tsv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))
