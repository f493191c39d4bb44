"""A gateway of people alone, for tests: officers, sessions, proposals, the built-in provider, the real door."""

import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from adapters.kit.egress import Dialler
from gateway.console import Guard, console_routes, install, page_routes
from gateway.console.identity import idp_routes
from gateway.db import Database
from gateway.edges import door
from gateway.edges.v1 import approvals
from gateway.edges.v1 import officers as officer_routes
from gateway.people import Citizen, People, grants, officers, sessions, tables
from gateway.people.grants import Wanted
from gateway.people.officers import SHELL, Officer
from gateway.profile import load_profile
from gateway.settings import Settings
from gateway.trust import Trust
from gateway.trust.person import PersonRef
from tests.migrated import SQLITE, prepare
from tests.trusting import Clock, LogInMemory

WBB, DME = "LK/GOV/WBB", "LK/GOV/DME"


@dataclass(slots=True)
class Place:
    """A small gateway for people."""

    db: Database
    log: LogInMemory
    clock: Clock
    people: People
    app: FastAPI
    origin: str
    passwords: dict[str, str] = field(default_factory=dict)
    officers: dict[str, Officer] = field(default_factory=dict)

    async def officer(
        self, login: str, *roles: str, member: str = WBB, territory: str = "", account: bool = False
    ) -> Officer:
        """An officer; each role gets the reach it needs. An account takes the time of a password's hash."""
        now, issuer = self.clock(), f"{self.origin}/idp"
        async with self.db.write() as connection:
            subject = login
            if account:
                subject, self.passwords[login] = await self.people.accounts.add(connection, login, {})
            made = self.officers[login] = Officer(officers.new_officer_id(), member, login.title(), issuer, subject)
            await officers.add(connection, self.log, made, by=SHELL, now=now)
            for role in roles:
                wanted = wanted_with_reach(made.id, role, member, territory)
                await grants.give(connection, self.log, wanted, self.people.profile.raw, by=SHELL, now=now)
        return made

    async def citizen(self, login: str, number: str) -> None:
        """An account that vouches for a citizen's number."""
        async with self.db.write() as connection:
            _, self.passwords[login] = await self.people.accounts.add(connection, login, {"national_id": number})

    def browser(self) -> "Browser":
        """A browser without any cookie, in front of the application itself."""
        return Browser(self, httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=self.origin))

    async def signed_in(self, login: str, *roles: str, member: str = WBB, territory: str = "") -> "Browser":
        """A browser with an officer's session, as if the officer had signed in just now."""
        if login not in self.officers:
            await self.officer(login, *roles, member=member, territory=territory)
        found, now, browser = self.officers[login], self.clock(), self.browser()
        async with self.db.write() as connection:
            secret = await sessions.begin(
                connection, officer=found.id, issuer=found.issuer, authenticated_at=now, now=now
            )
        browser.http.cookies.set(self.people.cookies.name("console"), secret, domain="127.0.0.1", path="/")
        return browser

    async def age(self, minutes: float) -> None:
        """Let every session have been signed in longer ago: a token of now cannot be checked on another day."""
        async with self.db.write() as connection:
            aged = self.clock() - timedelta(minutes=minutes)
            await connection.execute(tables.session.update().values(authenticated_at=aged))


@dataclass(slots=True)
class Browser:
    """As much of a browser as the pages need: cookies, redirects, forms with their Origin, `/v1` from a page."""

    place: Place
    http: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        """Follows redirects."""
        return await self.http.get(path, follow_redirects=True)

    async def submit(self, path: str, fields: Mapping[str, str], **headers: str) -> httpx.Response:
        """Post a form as a page of ours does; does not follow."""
        return await self.http.post(path, data=dict(fields), headers={"origin": self.place.origin} | headers)

    async def log_in(self, start: str, login: str, password: str = "") -> httpx.Response:
        """From a start address through the login form; gives the answer to the posted form."""
        form = await self.get(start)
        return await self.submit(
            "/idp/authorize",
            hidden(form.text) | {"login": login, "password": password or self.place.passwords[login]},
        )

    async def sign_in(self, login: str, area: str = "console", start: str = "") -> httpx.Response:
        """All of it; gives the page that the browser lands on."""
        key = "officers" if area == "console" else "citizens"
        answer = await self.log_in(start or f"/{area}/sign-in/{key}", login)
        assert answer.status_code == 303, answer.text
        return await self.http.get(answer.headers["location"])

    async def csrf(self) -> str:
        """The session's token, as the console's own pages know it."""
        return str((await self.http.get("/v1/officers/me")).json()["csrf_token"])

    async def call(
        self, method: str, path: str, body: object = None, *, why: str = "the steps of a test"
    ) -> httpx.Response:
        """A call to `/v1` as a page of the console makes it; `why` is the header that some steps want of a person."""
        headers = {"origin": self.place.origin, "content-type": "application/json"}
        headers |= {"audit-reason": why} if why else {}
        if method != "GET":
            headers["x-csrf-token"] = await self.csrf()
        sends = method in {"POST", "PUT", "PATCH"}
        content: Any = {"json": {} if body is None else body} if sends else {}
        return await self.http.request(method, path, headers=headers, **content)


def wanted_with_reach(officer: str, role: str, member: str, territory: str) -> Wanted:
    """What the role's reach asks for, and nothing else."""
    reach = str(grants.role_named(role).reach)
    return Wanted(officer, role, member if reach == "member" else "", territory if reach == "territory" else "")


async def my_front(_request: Request, who: Citizen) -> Response:
    """Stands for the front page of `/my-data`, whose real one needs a whole gateway."""
    return HTMLResponse(f'<h1>My data</h1><form><input type="hidden" name="csrf" value="{who.csrf}"></form>')


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {html.unescape(name): html.unescape(value) for name, value in found}


@cache
def _shared() -> tuple[BaseRoute, ...]:
    """As `gateway.app` shares them: routes that read their services from the request."""
    routes = APIRouter()
    for module in (officer_routes, approvals):
        routes.include_router(module.router, prefix="/v1")
    routes.include_router(page_routes())
    return tuple(routes.routes)


@asynccontextmanager
async def a_place(
    folder: Path, url: str = "", *, origin: str = "http://127.0.0.1:8080", clock: Clock | None = None, **settings: str
) -> AsyncIterator[Place]:
    """People on a fresh database. The clock is real by default: Authlib looks at the real one."""
    url = url or f"{SQLITE}{folder / 'people.db'}"
    prepare(url)
    db, clock = Database(url), clock or Clock(datetime.now(UTC))
    environment = {"SANDHI_DATA_DIR": str(folder / "data"), "SANDHI_PUBLIC_URL": origin}
    read = Settings.read(environment | {f"SANDHI_{name}": value for name, value in settings.items()})
    profile = load_profile("lk")
    trust, log, dialler = (
        Trust(db, folder / "keys", origin, clock=clock),
        LogInMemory(),
        Dialler(read.names("ALLOWED_HOSTS")),
    )
    person_ref = PersonRef(profile.raw, trust.keys.pepper)
    people = People(db, log, trust, read, profile, dialler=dialler, person_ref=person_ref)
    app = FastAPI(openapi_url=None)
    app.state.trust, app.state.db, app.state.log, app.state.people = trust, db, log, people
    door.install(app)
    install(app)
    app.add_middleware(Guard, origin=people.origin)
    app.router.routes.extend(_shared())
    app.include_router(console_routes(people, my_front))
    if people.idp:
        app.include_router(idp_routes(people.idp))
    try:
        yield Place(db, log, clock, people, app, people.origin)
    finally:
        await dialler.close()
        await db.close()
