"""`/.well-known/locations.json`: the country's places, as a tree; civil registration and addresses refer to them.

A profile without places has an empty tree.

Source: spdci/schemas core `Place` (`contains_place`); the path is DCI's locations core API.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ...places import rows
from ...profile import Profile

CONTEXT = "https://schema.spdci.org/core/v1/data/Place.jsonld"
NAMES = {"name_si": "sin", "name_ta": "tam"}


@cache
def tree(profile_folder: Path, country: str, name: str) -> dict[str, Any]:
    """The country as a Place with all others below it."""
    root: dict[str, Any] = {"@context": CONTEXT, "@type": "Place", "identifier": country, "name": name}
    root["contains_place"] = []
    known = {country: root}
    for row in rows(profile_folder):
        place = _place(row)
        parent = max((each for each in known if row["id"].startswith(each)), key=len)
        known[parent].setdefault("contains_place", []).append(place)
        known[row["id"]] = place
    return root


def places(profile: Profile) -> dict[str, Any]:
    """The profile's tree."""
    return tree(profile.folder, profile.country, str(profile.raw.get("name", profile.country)))


def _place(row: Mapping[str, str]) -> dict[str, Any]:
    others = {language: row[column] for column, language in NAMES.items() if row.get(column)}
    place: dict[str, Any] = {"@type": "Place", "identifier": row["id"], "name": row["name"]}
    return place | ({"alternate_name": others} if others else {})
