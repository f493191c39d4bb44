"""What people read of the country's own agreements, members and laws is there in each language."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pages.languages import LANGUAGES

PROFILE = Path(__file__).parents[3] / "profiles/lk"


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((PROFILE / name).read_text("utf-8"))


def said() -> Iterator[str]:
    """Titles, delays and laws of agreements; members and systems; purposes; kinds of numbers; the authority."""
    for agreement in read("agreements.toml")["agreement"]:
        yield agreement["title"]
        yield from (agreement[each] for each in ("disclosure_delay_reason",) if each in agreement)
        yield from (each["reference"] for each in agreement["legal_bases"] if "reference" in each)
    parties = read("parties.toml")
    yield from (each["name"] for kind in ("member", "system") for each in parties[kind] if "*" not in each["name"])
    profile = read("profile.toml")
    yield from (purpose["name"] for purpose in profile["purpose"].values())
    yield profile["consent"]["authority"]
    yield from (each["name"] for each in profile["identifier"].values() if not each.get("of_a_thing"))


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_what_the_profile_says_to_people_has_words(code: str) -> None:
    assert sorted({text for text in said() if text not in LANGUAGES[code].words}) == []
