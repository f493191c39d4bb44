"""Pages call services by what people call them, in three languages, and take no id for the name of something else."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from adapters.kit import discovery, manifest
from gateway.profile import load_profile
from pages.languages import LANGUAGES
from pages.rendering import FIELDS, naming

FOLDERS = discovery.discover()
SERVICES = [each for folder in FOLDERS.values() for each in manifest.load(folder).services.values()]


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_each_service_has_a_title_with_words(code: str) -> None:
    words = LANGUAGES[code].words
    assert [each.id for each in SERVICES if not each.title or each.title not in words] == []
    assert naming(LANGUAGES[code])("x.y", {"x.y": "Births and deaths"}) == words["Births and deaths"]


def test_no_two_services_have_one_title() -> None:
    titles = [each.title for each in SERVICES]
    assert sorted(titles) == sorted(set(titles))


def test_an_id_of_one_kind_is_no_id_of_another() -> None:
    """Pages look names up in one map: a purpose called like a field would be read as that field."""
    parties: dict[str, Any] = tomllib.loads((Path(__file__).parents[3] / "profiles/lk/parties.toml").read_text("utf-8"))
    known = [each["id"] for kind in ("member", "system") for each in parties[kind]]
    kinds = [set(FIELDS), set(load_profile("lk").purposes), {each.id for each in SERVICES}, set(known)]
    assert sum(map(len, kinds)) == len(set().union(*kinds))


def test_services_of_one_name_are_named_once_and_a_list_of_sentences_has_no_full_stops_in_it() -> None:
    names = {"ess.1": "Refer one person.", "ess.2": "Refer one person.", "ess.3": "Offers of an office."}
    assert naming(LANGUAGES["en"])(names, names) == "Refer one person, Offers of an office"
    assert naming(LANGUAGES["en"])("ess.1", names) == "Refer one person."
    assert naming(LANGUAGES["en"])(None, names) == ""
