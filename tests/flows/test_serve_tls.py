"""`sandhi serve` as it is run, in both shapes of TLS: its own process, its own loop, its own settings."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.listening import free_port, raw
from tests.small_ca import SmallCa

ORIGIN = "https://127.0.0.1"


@contextmanager
def serving(folder: Path, *arguments: str, **settings: str) -> Iterator[None]:
    named = {"DATA_DIR": str(folder / "data"), "PUBLIC_URL": ORIGIN} | settings
    environment = {**os.environ, **{f"SANDHI_{name}": value for name, value in named.items()}}
    with (folder / "serve.log").open("wb") as log:
        command = [sys.executable, "-m", "gateway", "serve", *arguments]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait(process, folder / "serve.log")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) in {0, -signal.SIGTERM}, (folder / "serve.log").read_text()


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while "listening on" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def test_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    authority, port = SmallCa(tmp_path / "ca"), free_port()
    settings = {"TLS_CERT": str(authority.server().path), "TLS_CLIENT_CA": str(authority.path), "HEADER_TIMEOUT": "1"}
    shown = authority.context(authority.client("ministry"))
    with (
        serving(tmp_path, "--port", str(port), **settings),
        httpx.Client(base_url=f"{ORIGIN}:{port}", verify=shown) as client,
    ):
        assert f"ready {ORIGIN}:{port}\n" in (tmp_path / "serve.log").read_text()  # flushed, though it is a file
        assert client.get("/livez").status_code == 200
        assert client.get("/.well-known/jwks.json", headers={"host": "evil.example"}).status_code == 421
        assert client.get("/livez", headers={"client-cert": "::"}).status_code == 400
        slow = asyncio.run(raw(port, b"POST /oauth2/token HTTP/1.1\r\nHost: 127.0.0.1\r\n", tls=shown))
        assert slow[:12] == b"HTTP/1.1 408"
        with pytest.raises(httpx.TransportError), httpx.Client(verify=authority.context()) as stranger:
            stranger.get(f"{ORIGIN}:{port}/livez")


def test_on_the_socket_of_a_proxy(tmp_path: Path) -> None:
    gateway = tmp_path / "g.sock"
    certificate = SmallCa(tmp_path / "ca").client("board")
    transport = httpx.HTTPTransport(uds=str(gateway))
    with (
        serving(tmp_path, "--uds", str(gateway), HTTP_PARSER="httptools"),
        httpx.Client(base_url="http://127.0.0.1", transport=transport) as client,
    ):
        assert client.get("/livez").status_code == 200
        assert gateway.stat().st_mode & 0o777 == 0o660
        assert client.get("/livez", headers={"client-cert": certificate.header}).status_code == 200
        assert client.get("/livez", headers={"client-cert": certificate.header[:-1]}).status_code == 400


def test_settings_that_contradict_each_other_end_it_with_one_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "SANDHI_DATA_DIR": str(tmp_path), "SANDHI_UDS": "/x", "SANDHI_TLS_CERT": "/y"}
    command = [sys.executable, "-m", "gateway", "serve"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "sandhi: either the gateway ends the TLS (SANDHI_TLS_CERT) or a proxy (SANDHI_UDS), not both"
    )
