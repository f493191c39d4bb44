import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from adapters.kit import discovery, manifest


def test_every_folder_beside_the_kit_is_found_and_loads() -> None:
    found = discovery.discover()
    assert {"national_id", "tax", "civil_registration"} <= found.keys()
    assert "kit" not in found
    for name in ("national_id", "tax", "civil_registration"):
        assert manifest.load(found[name]).id == name


def folder_of(tmp_path: Path, package: str) -> Path:
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('finding an adapter must not import it')")
    (folder / "manifest.toml").touch()
    return folder


def test_an_installed_package_is_found_without_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path, "acme_sandhi_levy")
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint("levy", "acme_sandhi_levy", discovery.GROUP)]
    monkeypatch.setattr(discovery, "entry_points", lambda group: points if group == discovery.GROUP else [])
    assert discovery.discover()["levy"] == folder
    assert "acme_sandhi_levy" not in sys.modules


def test_an_id_taken_twice_and_a_missing_package_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path, "acme_sandhi_tax")
    monkeypatch.syspath_prepend(tmp_path)
    for point in (EntryPoint("tax", "acme_sandhi_tax", "g"), EntryPoint("levy", "acme_sandhi_nothing", "g")):
        monkeypatch.setattr(discovery, "entry_points", lambda group, point=point: [point])
        with pytest.raises(discovery.DiscoveryError):
            discovery.discover()
