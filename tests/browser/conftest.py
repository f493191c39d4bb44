"""Chromium in front of a whole world: the demo, kept running, with a handful of people in it."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import levy
from browser.visitor import Visitor, World
from playwright.sync_api import Browser, Locator, sync_playwright

from gateway.cli.demo.choices import free_ports

PEOPLE = "40"
CHROMIUM = "/usr/bin/chromium"
FINDING = """INSERT INTO review_finding VALUES (?, 'out_of_hours', 'LK/GOV/DME/ESS ' || ?, '[]',
  '{"calls": 34}', 'open', '', '', '', 0, '2026-01-02 00:00:00.000000', '2026-01-02 00:00:00.000000')"""
UNUSUAL = (("F-0000000000000001", "2026-01-01"), ("F-0000000000000002", "2025-12-31"))
"""Something unusual for each of two who sign it off, at whatever hour of whatever day these tests run."""


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The demo with a few people, kept; its log is `demo.log` in its folder."""
    data = tmp_path_factory.mktemp("world")
    (port,) = free_ports(1)
    wanted = {"PEOPLE": PEOPLE, "KEEP": "1", "PORT": str(port), "DATA": str(data / "data"), "WITHOUT": ""}
    with levy.fund() as fund, (data / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "demo"],
            env={**os.environ, **wanted, "SANDHI_ALLOWED_HOSTS": fund.removeprefix("http://")},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield _ready(process, data, fund)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def _ready(process: subprocess.Popen[str], data: Path, fund: str) -> World:
    said: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if line.startswith("ready "):
            return _world(line.split()[1], data / "data", fund)
    raise AssertionError("the demo stopped:\n" + "".join(said[-20:]) + (data / "demo.log").read_text())


def _world(gateway: str, data: Path, fund: str) -> World:
    with closing(sqlite3.connect(data / "sandhi.db", timeout=10)) as database, database:
        database.executemany(FINDING, UNUSUAL)
    officers = json.loads((data / "officers.json").read_text("utf-8"))
    places = json.loads((data / "endpoints.json").read_text("utf-8"))
    by_login = {each["login"]: each for each in officers}
    return World(gateway, places["registry"], places["sandbox"], fund, data, by_login)


@contextmanager
def clicks_that_wait() -> Iterator[None]:
    """A click that leads to another page is over when all of that page is read.

    Playwright itself comes back with the first bytes. What is counted then is, on a busy machine, part of a page.
    """
    clicked = Locator.click

    def click(self: Locator, **how: Any) -> None:
        clicked(self, **how)
        self.page.wait_for_load_state("domcontentloaded")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Locator, "click", click)
        yield


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; ended before other tests of the process run their own event loops."""
    assert Path(CHROMIUM).exists(), "Chromium is missing. Install it:  apt-get install -y chromium fonts-noto-core"
    with sync_playwright() as playwright, clicks_that_wait():
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture(params=[True, pytest.param(False, marks=pytest.mark.nightly)], ids=["scripts", "no-scripts"])
def visitor(request: pytest.FixtureRequest, chromium: Browser, world: World) -> Iterator[Visitor]:
    """A person with an empty browser, with scripts; at night once more without."""
    with Visitor.arrived(chromium, world, scripts=request.param) as found:
        yield found


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def either(request: pytest.FixtureRequest, chromium: Browser, world: World) -> Iterator[Visitor]:
    """As `visitor`, by day too: for the journeys from start to end."""
    with Visitor.arrived(chromium, world, scripts=request.param) as found:
        yield found


@pytest.fixture
def scripted(chromium: Browser, world: World) -> Iterator[Visitor]:
    """A person with an empty browser that runs scripts: for what only looks."""
    with Visitor.arrived(chromium, world, scripts=True) as found:
        yield found
