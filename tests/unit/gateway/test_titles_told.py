"""What an agency calls its service is read in the reader's language, as the agency says it in its manifest."""

import json
import tomllib
from pathlib import Path

import orjson
import pytest

from adapters.kit.drafts import template, write
from adapters.kit.manifest import ManifestError, load
from gateway.catalogue import Catalogue, Offer
from gateway.console.manifest_form import filled, manifest_of
from pages import LANGUAGES
from pages.languages import Titled

TAMIL = "நிதி உறுப்பினர்கள்"


def kept(folder: Path, titles: str) -> Path:
    """The example, with a service of which people have words in two languages."""
    files = template("rest", folder.name)
    text = manifest_of(
        filled(files["manifest.toml"].decode()) | {"service.title": "Payers of the levy", "service.titles": titles},
        files["manifest.toml"].decode(),
    )
    write(files | {"manifest.toml": text.encode()}, folder)
    return folder


def test_a_title_is_told_in_the_language_of_the_page(tmp_path: Path) -> None:
    folder = kept(tmp_path / "levy", f"ta = {TAMIL}\n")
    assert tomllib.loads((folder / "manifest.toml").read_text("utf-8"))["service"]["contributions"]["titles"] == {
        "ta": TAMIL
    }
    manifest = load(folder)
    titles = Catalogue([Offer(each, "LK/GOV/LEVY", None) for each in manifest.services.values()]).titles
    title = titles["levy.contributions"]
    assert [LANGUAGES[code].said(title) for code in ("en", "si", "ta")] == [
        "Payers of the levy",
        "Payers of the levy",
        TAMIL,
    ]
    assert json.loads(orjson.dumps(title)) == json.loads(json.dumps(title)) == "Payers of the levy"


def test_our_own_words_go_before_those_of_an_agency() -> None:
    stolen = Titled("Approve", {"ta": "Reject"})
    assert LANGUAGES["ta"].said(stolen) == LANGUAGES["ta"].said("Approve") != "Reject"


@pytest.mark.parametrize("line", ["Tamil = x", "ta ="])
def test_a_title_names_its_language_by_a_code(tmp_path: Path, line: str) -> None:
    with pytest.raises(ManifestError):
        load(kept(tmp_path / "levy", line))
