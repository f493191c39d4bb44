"""The SDK is its own distribution: its wheel, installed alone into a fresh environment, works there."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

from architecture.checkout import ROOT

NEEDED = {"cryptography", "httpx", "joserfc"}
PROGRAM = """
import importlib.metadata, json, pathlib, sys
import sandhi_client, sandhi_client.dci, sandhi_client.events, sandhi_client.sealed
from sandhi_client import NoToken, Patience, Unreachable
from sandhi_client.sync import Client

assert pathlib.Path(sandhi_client.__file__).is_relative_to(sys.prefix)
assert pathlib.Path(sandhi_client.__file__).with_name("py.typed").exists()
for ours in ("gateway", "adapters", "consent", "audit", "registry", "schemas"):
    try:
        __import__(ours)
    except ImportError:
        continue
    raise AssertionError(ours)
with Client.from_file(sys.argv[1], patience=Patience(attempts=1)) as client:
    try:
        client.catalogue()
    except Unreachable:
        print("alone")
"""


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def wheel(folder: Path) -> Path:
    """Built without the network: the build back end is the one of this environment."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT / "sdk")
    (found,) = folder.glob("sandhi_client-*.whl")
    return found


def test_the_wheel_holds_the_client_and_names_what_it_needs(tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel(tmp_path)) as archive:
        names = archive.namelist()
        (about,) = [each for each in names if each.endswith(".dist-info/METADATA")]
        metadata = archive.read(about).decode()
    sources = {f"sandhi_client/{each.name}" for each in (ROOT / "sdk/sandhi_client").iterdir() if each.is_file()}
    assert {each for each in names if each.startswith("sandhi_client/")} == sources
    wanted = {line.split(": ")[1].split(">")[0] for line in metadata.splitlines() if line.startswith("Requires-Dist")}
    assert wanted == NEEDED


def test_installed_alone_it_works(tmp_path: Path) -> None:
    """Its three libraries are lent by this environment, so that nothing is downloaded; nothing of ours is."""
    built, place = wheel(tmp_path), tmp_path / "fresh"
    venv.create(place, with_pip=False, symlinks=True)
    packages = next((place / "lib").glob("python*/site-packages"))
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", packages, built, cwd=tmp_path)
    (packages / "lent.py").write_text(LENT.format(place=sysconfig.get_path("purelib")))
    (packages / "lent.pth").write_text("import lent\n")
    path = tmp_path / "client.json"
    path.write_text(CREDENTIALS)
    assert run(place / "bin/python", "-W", "error", "-c", PROGRAM, path, cwd=tmp_path) == "alone\n"


LENT = """
import sys, importlib.machinery

class Lent:
    def find_spec(self, name, path=None, target=None):
        ours = {{"gateway", "adapters", "consent", "audit", "registry", "schemas", "sandbox", "pages", "sandhi_client"}}
        if path is None and name.partition(".")[0] not in ours:
            return importlib.machinery.PathFinder.find_spec(name, [{place!r}])

sys.meta_path.append(Lent())
"""
CREDENTIALS = """{"gateway": "http://127.0.0.1:9", "client_id": "x", "system": "LK/GOV/WBB/SRIS", "private_jwk": {
    "kty": "OKP", "crv": "Ed25519", "kid": "k", "alg": "EdDSA",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}}"""
