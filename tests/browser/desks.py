"""The pages beside the gateway, over copies of what the demo left: a registry whose list nobody has reviewed yet, and
offices whose counsellors have found nothing yet.
"""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
import uvicorn
from browser.visitor import Visitor, World
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.cli.demo.choices import free_ports
from pages.desk import Account
from registry import planning
from sandbox.agencies import offices as agency
from sandbox.gateway_client import Clients
from sandbox.person import World as Real
from tests.played_gateway import PlayedGateway

PLACES = Path(__file__).parents[2] / "profiles/lk/places.tsv"
DIVISIONS = Path(__file__).parents[2] / "sandbox/data/gnds.tsv.gz"
HERE = "http://127.0.0.1"
NAUGHTY = '"><script>alert(1)</script> {{ 7*7 }} \u202e\ufdfa \U0001f3f3\ufe0f\u200d\U0001f308 ' + "W" * 90
REVIEWERS = {"kavitha": "Kavitha Nadarajah", "second": NAUGHTY}
UNDONE = (
    "UPDATE line SET decision = ''",
    "DELETE FROM review",
    "DELETE FROM handover",
    "DELETE FROM event",
    "DELETE FROM control",
)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the pages are, and who may sign in: login -> password."""

    url: str
    area: str
    passwords: dict[str, str]
    folder: Path

    def sign_in(self, visitor: Visitor, login: str, then: str = "") -> None:
        """By the form, on the way to a page."""
        visitor.go(then or self.area, self.url)
        self.fill_in(visitor, login, self.passwords[login])

    def fill_in(self, visitor: Visitor, login: str, password: str) -> None:
        """The form of the sign-in page."""
        visitor.page.get_by_label("Login", exact=True).fill(login)
        visitor.page.locator("input[name=password]").fill(password)
        visitor.page.locator("main button[type=submit]").last.click()

    def undone(self) -> None:
        """As nobody has reviewed anything, and everybody's first name is as bad as a name can be."""
        with closing(sqlite3.connect(self.folder / "registry.db", timeout=10)) as database, database:
            for statement in UNDONE:
                database.execute(statement)
            for number, text in database.execute("SELECT rowid, record FROM member").fetchall():
                record = json.loads(text)
                record["names"][0]["value"] = f"{number} {NAUGHTY}"
                database.execute("UPDATE member SET record = ? WHERE rowid = ?", (json.dumps(record), number))


@contextmanager
def planning_desk(world: World, folder: Path) -> Iterator[Desk]:
    """The registry's own process over a copy of the demo's registry, with two reviewers."""
    folder.mkdir()
    (port,) = free_ports(1)
    with (
        closing(sqlite3.connect(world.data / "registry" / "registry.db")) as there,
        closing(sqlite3.connect(folder / "registry.db")) as here,
    ):
        there.backup(here)
    accounts = planning.accounts(folder)
    passwords = {login: accounts.add(Account(login, name)) for login, name in REVIEWERS.items()}
    client = {
        "REGISTRY_CLIENT": str(world.data / "clients" / "sr.json"),
        "REGISTRY_PORT": str(port),
        "REGISTRY_PLACES": str(PLACES),
        "REGISTRY_DIVISIONS": str(DIVISIONS),
    }
    command = [sys.executable, "-m", "registry", "serve", "--data", str(folder)]
    with subprocess.Popen(command, env={**os.environ, **client}) as process:
        try:
            answering(f"{HERE}:{port}/livez")
            yield Desk(f"{HERE}:{port}", "/desk", passwords, folder)
        finally:
            process.terminate()


@contextmanager
def counsel_desk(world: World, folder: Path) -> Iterator[Desk]:
    """The offices' pages over their people of the demo, and a gateway that takes every finding.

    Args:
        folder: of the offices, with the demo's accounts in it.
    """
    (port,) = free_ports(1)
    gateway, url = PlayedGateway(), f"{HERE}:{port}"
    rows = json.loads((folder / "counsellors.json").read_text("utf-8"))
    with (
        closing(sqlite3.connect(world.data / "sandbox" / "offices" / "offices.db")) as there,
        closing(sqlite3.connect(folder / "offices.db")) as here,
    ):
        there.backup(here)
        _to_verify(here)
    settings = agency.make_settings("http://offices.test", folder, templates={})
    for office in settings.districts:
        gateway.credentials(folder / "clients", f"{url}/gateway", f"office-{office}", f"LK/GOV/DME/OFFICE-{office}")
    book, clients = agency.Book(settings.store), Clients(folder / "clients", patience_s=2)
    post = agency.Alerts(book, settings, clients).post
    counsellors = agency.Counsellors(book, post, lambda _: Real(working=False), date(2026, 10, 31))
    desk = agency.CounselDesk(book, counsellors, folder, origin=url)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        await clients.close()  # in the loop that opened them
        book.close()

    routes = [Mount("/gateway", app=gateway.app), *desk.routes]
    handlers = dict(desk.handlers)
    app = Starlette(routes=routes, exception_handlers=handlers, middleware=desk.middleware, lifespan=life)
    with serving(app, port):
        yield Desk(url, "/counsel", {each["login"]: each["password"] for each in rows}, folder)


def _to_verify(offices: sqlite3.Connection) -> None:
    """Everybody of the demo waits to be verified, with a name as bad as a name can be."""
    with offices:
        offices.execute("delete from letter where kind = 'finding'")
        for number, text in offices.execute("select rowid, record from person").fetchall():
            record = json.loads(text)
            record["verify"] = ["pension", "tax"]
            record["person"]["names"][0]["value"] = f"{number} {NAUGHTY}"
            offices.execute("update person set record = ? where rowid = ?", (json.dumps(record), number))


@contextmanager
def serving(app: Starlette, port: int) -> Iterator[None]:
    """In a thread of its own, with an event loop of its own."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="on", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        answering(f"{HERE}:{port}/static/sandhi.css")
        yield
    finally:
        server.should_exit = True
        thread.join(10)


def answering(url: str, *, seconds: float = 30.0) -> None:
    """Wait until something answers there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            httpx.get(url, timeout=5.0, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing answers at {url}")
