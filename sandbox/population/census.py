"""The census of 2012 and the administrative divisions, as the rules read them.

`Division` is one divisional secretariat (DS) with its share of the country's people, its GN divisions and its
five marginal tables as shares that add up to 1. Origin of the files: `sandbox/data/SOURCE.md`.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

SEXES = ("male", "female")
AGE_BANDS = ((0, 10), (10, 20), (20, 30), (30, 40), (40, 50), (50, 60), (60, 70), (70, 80), (80, 90), (90, 98))
ADULT_BAND = 2  # index of the first band of adults, 20 to 29
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)  # of a household; the last means 10 or more
SCHOOLINGS = ("primary", "secondary", "gce_ordinary_level", "gce_advanced_level", "degree_and_above", "no_schooling")
ACTIVITIES = ("employed", "unemployed", "economically_not_active")

Shares = tuple[float, ...]

TABLES = {  # name of the file -> how many columns precede the counts
    "gender": 2,
    "age_group": 2,
    "household_size": 2,
    "educational_attainment": 1,
    "economic_activity": 1,
}
RECODED = {"LK-5112": "LK-5115", "LK-5115": "LK-5139", "LK-5224": "LK-5221"}  # census row -> today's division


@dataclass(frozen=True, slots=True)
class Marginals:
    """Shares of people by sex (`SEXES`), age (`AGE_BANDS`), schooling (of 5 and over), activity (of 15 and over);
    of households by size (`SIZES`)."""

    sex: Shares
    age: Shares
    size: Shares
    schooling: Shares
    activity: Shares


@dataclass(frozen=True, slots=True)
class Division:
    """One DS division. `people` is its share of the country's people in 2012."""

    code: str
    people: float
    marginals: Marginals
    gn_divisions: tuple[str, ...]

    @property
    def district(self) -> str:
        return self.code[:5]


@dataclass(frozen=True, slots=True)
class Census:
    divisions: tuple[Division, ...]  # by code, so that a district's divisions stand together
    districts: Mapping[str, Marginals]


@lru_cache(maxsize=1)
def census() -> Census:
    """All DS divisions with rows of their own, or their district's."""
    counts = {table: _counts(table, skip) for table, skip in TABLES.items()}
    gn_divisions: dict[str, list[str]] = defaultdict(list)
    for row in rows("gnds"):
        gn_divisions[row["id"][:7]].append(row["id"])
    heads = {code: sum(values) for code, values in counts["age_group"].items()}
    people = _people(heads, {code: len(units) for code, units in gn_divisions.items()})
    divisions = tuple(
        Division(code, people[code], _marginals(counts, code), tuple(gn_divisions[code])) for code in sorted(people)
    )
    districts = {row["id"]: _marginals(counts, row["id"]) for row in rows("districts")}
    return Census(divisions, districts)


@lru_cache(maxsize=1)
def place_names() -> Mapping[str, Mapping[str, str]]:
    """Names by code of provinces, districts, DS and GN divisions: `{eng, sin, tam}`, only those the source has."""
    named: dict[str, Mapping[str, str]] = {}
    for table in ("provinces", "districts", "dsds", "gnds"):
        for row in rows(table):
            spellings = {"eng": row["name"], "sin": row["name_si"], "tam": row["name_ta"]}
            named[row["id"]] = {language: name for language, name in spellings.items() if name != "nan"}
    return named


def address(house: int, gn_division: str) -> str:
    """House number, GN division, DS division and district in Latin script."""
    named = place_names()
    codes = (gn_division, gn_division[:7], gn_division[:5])
    return ", ".join([str(house), *(named[code]["eng"] for code in codes if "eng" in named[code])])


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one vendored table."""
    packed = (files("sandbox") / "data" / f"{name}.tsv.gz").read_bytes()
    return list(csv.DictReader(gzip.decompress(packed).decode().splitlines(), delimiter="\t"))


def _counts(table: str, skip: int) -> dict[str, list[float]]:
    counts: dict[str, list[float]] = {}
    for row in rows(f"census2012_{table}"):
        values = [float(value) for value in list(row.values())[skip:]]
        code = RECODED.get(row["entity_id"], row["entity_id"])
        before = counts.get(code, [0.0] * len(values))
        counts[code] = [old + new for old, new in zip(before, values, strict=True)]
    return counts


def _people(heads: Mapping[str, float], units: Mapping[str, int]) -> dict[str, float]:
    """Share of the country's people in each DS division.

    A division made after 2012 gets its district's people by its share of the district's GN divisions, and the
    divisions with rows give it up in proportion, so that the district as a whole stays what the census counted.
    """
    people: dict[str, float] = {}
    for district in sorted({code[:5] for code in units}):
        inside = [code for code in units if code.startswith(district)]
        counted = [code for code in inside if code in heads]
        all_units = sum(units[code] for code in inside)
        made_later = sum(units[code] for code in inside if code not in heads) / all_units
        all_counted = sum(heads[code] for code in counted)
        share = heads[district] / heads["LK"]
        for code in inside:
            if code in heads:
                people[code] = share * (1 - made_later) * heads[code] / all_counted
            else:
                people[code] = share * units[code] / all_units
    return people


def _marginals(counts: Mapping[str, Mapping[str, list[float]]], code: str) -> Marginals:
    def shares(table: str) -> Shares:
        values = counts[table].get(code) or counts[table][code[:5]]
        return tuple(value / sum(values) for value in values)

    return Marginals(
        sex=shares("gender"),
        age=shares("age_group"),
        size=shares("household_size"),
        schooling=shares("educational_attainment"),
        activity=shares("economic_activity"),
    )
