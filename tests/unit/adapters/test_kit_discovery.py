import json
import subprocess
import sys
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from adapters.kit import discovery, manifest
from adapters.kit.drafts import template

ROOT = Path(__file__).parents[3]


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


def wheel(folder: Path) -> Path:
    """A distribution as a stranger publishes it: a folder, and an entry point; its code must not run."""
    path = folder / "acme_adapters-1.0-py3-none-any.whl"
    info = "acme_adapters-1.0.dist-info"
    files = {f"acme_adapters/acme_fund/{name}": text for name, text in template("rest", "acme_fund").items()}
    files["acme_adapters/__init__.py"] = b"raise RuntimeError('finding an adapter must not import it')"
    files["acme_adapters/acme_fund/__init__.py"] = files["acme_adapters/__init__.py"]
    files[f"{info}/METADATA"] = b"Metadata-Version: 2.1\nName: acme-adapters\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = b"[sandhi.adapters]\nacme_fund = acme_adapters.acme_fund\n"
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_real_wheel_once_installed_offers_its_adapter(tmp_path: Path) -> None:
    place = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(place)]
    installed = subprocess.run([*pip, str(wheel(tmp_path))], capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stderr
    command = [sys.executable, "-m", "gateway", "adapter", "list", "--json"]
    done = subprocess.run(
        command,
        env={"PYTHONPATH": f"{place}:{ROOT}:{ROOT / 'sdk'}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {each["id"]: each for each in json.loads(done.stdout)}
    assert found["acme_fund"]["services"] == ["acme_fund.contributions"]
