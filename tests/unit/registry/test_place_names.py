"""Districts and divisions have names on the desk's pages, in the language of the page, from a file that is at hand."""

from pathlib import Path

import pytest

from pages.languages import LANGUAGES, NOW, Spoken
from registry.errors import StepFailed
from registry.planning.places import Places

ROWS = "id\tname\tname_si\tname_ta\nLK-11\tColombo\tකොළඹ\tகொழும்பு\nLK-1103\tKolonnawa\t\t\n"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "places.tsv").write_text(ROWS, encoding="utf-8")
    return Places(tmp_path / "places.tsv")


@pytest.mark.parametrize(("code", "name"), [("en", "Colombo"), ("si", "කොළඹ"), ("ta", "கொழும்பு")])
def test_a_place_has_the_name_of_the_page_s_language(places: Places, code: str, name: str) -> None:
    token = NOW.set(Spoken(LANGUAGES[code], "/desk"))
    try:
        assert places("LK-11") == name
        assert places("LK-1103") == "Kolonnawa"
    finally:
        NOW.reset(token)


def test_a_place_that_nobody_named_keeps_its_code(places: Places) -> None:
    assert (places("LK-99"), places(None), Places(None)("LK-11")) == ("LK-99", "", "LK-11")


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"code\tname\nLK-1\tx\n"], ids=["none", "bytes", "columns"])
def test_a_file_that_cannot_be_meant_stops_the_server_with_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "places.tsv").write_bytes(content)
    with pytest.raises(StepFailed, match="set REGISTRY_PLACES"):
        Places(tmp_path / "places.tsv")
