"""Foreign programs that the outside checks build once."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL = "apt-get install -y golang-go golang-golang-x-mod-dev"
SOURCE = Path(__file__).with_name("tlogcheck")


@pytest.fixture(scope="session")
def tlogcheck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checker, built from Debian's packages, offline."""
    listed = subprocess.run(["dpkg", "-L", "golang-golang-x-mod-dev"], capture_output=True, text=True, check=False)
    marker = "/src/golang.org/x/mod/sumdb/tlog/tlog.go"
    gopath = next((line.removesuffix(marker) for line in listed.stdout.splitlines() if line.endswith(marker)), None)
    if not shutil.which("go") or gopath is None:
        pytest.fail(f"the outside check of the log needs Go and its x/mod packages; run: {INSTALL}", pytrace=False)
    binary = tmp_path_factory.mktemp("go") / "tlogcheck"
    cache = os.environ.get("GOCACHE") or str(Path(os.environ.get("HOME") or str(binary.parent)) / ".cache" / "go-build")
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": gopath, "GOCACHE": cache, "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", str(binary), "."], cwd=SOURCE, env=environment, check=True)
    return binary
