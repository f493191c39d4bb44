"""A person before a browser: goes somewhere, signs in, and looks whether a page is fit for everybody."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from browser import fit
from playwright.sync_api import Browser, Page

HERE = Path(__file__).parent
LATELY_S = 120.0
"""Much less than the five minutes after which some steps want to know again who one is."""
SCREENS = HERE.parents[1] / "build" / "screens"


@dataclass(frozen=True, slots=True)
class World:
    """A running demo: base URLs, that of a fund whom nobody has connected yet, its data directory, its officers by
    login, and who signed in lately: login -> when (monotonic), and the session's cookies.
    """

    gateway: str
    registry: str
    sandbox: str
    fund: str
    data: Path
    officers: Mapping[str, Mapping[str, Any]]
    sessions: dict[str, tuple[float, list[Any]]] = field(default_factory=dict)

    def planners(self) -> dict[str, str]:
        """Who may sign in at the registry: login -> password."""
        kept = json.loads((self.data / "planners.json").read_text("utf-8"))
        return {each["login"]: each["password"] for each in kept}

    def practice(self) -> dict[str, str]:
        """Where the pages to practise on are: `planning`, `offices` -> base URL."""
        kept: dict[str, str] = json.loads((self.data / "practice.json").read_text("utf-8"))
        return kept

    def somebody(self) -> str:
        """The NIC of a registered person of the demo, of whom others were asked."""
        lines = (self.data / "list.jsonl").read_text("utf-8").splitlines()
        listed = {each["id"] for each in map(json.loads, lines) if each["outcome"] in {"listed", "to_verify"}}
        with (self.data / "sandbox" / "registrations.jsonl").open(encoding="utf-8") as people:
            person = next(each for each in map(json.loads, people) if each["member_id"] in listed)
        return next(str(each["value"]) for each in person["identifiers"] if each["type"] == "NIC")


@dataclass(slots=True)
class Visitor:
    """One person. `complaints` are what the browser said: refused scripts, broken requests, foreign addresses."""

    page: Page
    world: World
    scripts: bool
    complaints: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def arrived(cls, browser: Browser, world: World, *, scripts: bool) -> Iterator["Visitor"]:
        """With an empty browser of their own; at the end nothing may have been complained about."""
        context = browser.new_context(java_script_enabled=scripts, viewport=fit.WIDE, locale="en-GB")
        try:
            found = cls(context.new_page(), world, scripts)
            found._listen()
            yield found
            assert found.complaints == []
        finally:
            context.close()

    def _listen(self) -> None:
        def asked(url: str) -> None:
            if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
                self.complaints.append(f"asked for {url}")

        self.page.on("request", lambda request: asked(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("console", lambda said: self._console(said.type, said.text))

    def _console(self, kind: str, text: str) -> None:
        if kind == "error" and "Failed to load resource" not in text:
            self.complaints.append(text)

    def go(self, path: str, base: str = "") -> int:
        """Open a path of the gateway, or of another base URL; gives the status of what came."""
        answer = self.page.goto(f"{base or self.world.gateway}{path}")
        assert answer is not None, path
        return answer.status

    def sign_in(self, login: str, then: str = "/console") -> None:
        """As an officer of the demo, to a page of the console: by the form, unless the same did so a moment ago."""
        begun, cookies = self.world.sessions.get(login, (-LATELY_S, []))
        if time.monotonic() - begun < LATELY_S:
            self.page.context.add_cookies(cookies)
            self.go(then)
        if "/sign-in" in self.page.url or not self._leads_to(self.page.url, then):  # never there, or signed out since
            begun = time.monotonic()
            self.enter(then, login, str(self.world.officers[login]["password"]))
            self.world.sessions[login] = begun, list(self.page.context.cookies())

    def enter(self, then: str, login: str, password: str) -> None:
        """By the form of the built-in identity provider, to a page that needs a session."""
        self.go(then)
        self.page.locator("main a.govuk-button").first.click()
        self.page.get_by_label("Login", exact=True).fill(login)
        self.page.locator("input[name=password]").fill(password)
        self.page.locator("main button[type=submit]").click()
        self.page.wait_for_url(lambda url: self._leads_to(url, then) and "/signed-in/" not in url)

    def _leads_to(self, url: str, then: str) -> bool:
        return url.startswith(f"{self.world.gateway}{then}")

    def heading(self) -> str:
        """The page's h1."""
        return self.page.locator("h1").inner_text()

    def looked_at(self, name: str) -> None:
        """Judge the page as it stands, and keep a picture of it as `build/screens/<name>.png`.

        Fails on: an axe finding of WCAG 2.2 AA, sideways scrolling at 320 px or at 200 % text.
        """
        self._pictured(name)
        if not self.scripts:
            return
        fit.accessible_once(self.page, name)
        fit.fits(self.page, name)

    def _pictured(self, name: str) -> None:
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENS / f"{name}{'' if self.scripts else '-plain'}.png", full_page=True)
