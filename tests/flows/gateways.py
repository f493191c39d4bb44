"""A whole gateway as users run it: onboarded by the demo's own step 0, served by its own process."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
from sandhi_client import Client

from gateway.cli.demo.choices import Ports, free_ports
from gateway.cli.demo.onboarding import onboard
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Running:
    """A serving gateway without any agency; `data` is its data directory."""

    url: str
    data: Path

    def client(self, name: str) -> Client:
        """The SDK as one of the demo's systems."""
        return Client.from_file(self.data / "clients" / f"{name}.json")

    def credentials(self, name: str) -> dict[str, object]:
        """The credentials file of one of the demo's systems."""
        found: dict[str, object] = json.loads((self.data / "clients" / f"{name}.json").read_text())
        return found


@contextmanager
def served(data: Path, *, prepared: Callable[[str], None] | None = None) -> Iterator[Running]:
    """Onboard into an empty data directory and serve it until the end; `prepared` onboards otherwise, given the URL."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    environment = {
        "SANDHI_DATA_DIR": str(data),
        "SANDHI_PUBLIC_URL": url,
        "SANDHI_PORT": str(port),
        "SANDHI_LOG_PUBLIC": "entries",
    }
    if prepared:
        prepared(url)
    else:
        asyncio.run(onboard(Settings.read(environment), Ports(1, 2, 3), date(2026, 10, 31)))
    with (data / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"], env={**os.environ, **environment}, stdout=log, stderr=log
        )
        try:
            _wait(url, process)
            yield Running(url, data)
        finally:
            process.terminate()
            process.wait(15)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "the gateway stopped; see serve.log in its data directory"
        try:
            if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the gateway did not become ready")
