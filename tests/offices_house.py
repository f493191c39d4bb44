"""An agency that registers its adapter by files: a whole gateway, a REST agency on loopback, and two officers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from adapters.kit.contract import Identifier, Subject
from gateway.app import build_app
from gateway.consent_lines import consent_line
from gateway.model import Answer, Ask
from gateway.people.officers import Officer
from gateway.pipeline import exchange
from gateway.recording import Recording
from gateway.registration import steps, store
from gateway.settings import Settings
from gateway.trust import Member, System, register
from tests.agreeing import EPF, WBB, line
from tests.migrated import services_on_tables
from tests.reviewing import CONSUMER, NIC, ORIGIN, PROVIDER, WHY, Desk, House

ADAPTER, SERVICE = "offices_north", "offices_north.offers"
PURPOSE = "employment-support.eligibility"
SHIPPED = Path(__file__).parents[1] / "adapters" / "employment_offices"


def texts(**changes: str) -> dict[str, str]:
    """The folder of a good adapter; `changes` are `{path: text}`, empty: without the file."""
    own = {each.relative_to(SHIPPED).as_posix(): each.read_text("utf-8") for each in SHIPPED.rglob("*.[tjgm]*")}
    found = {name: text.replace("employment_offices", ADAPTER) for name, text in own.items()} | changes
    return {name: text for name, text in found.items() if text}


def another(mark: str) -> dict[str, str]:
    """The same adapter as another version: only its README says something else."""
    return texts() | {"README.md": mark}


@dataclass
class Agency:
    """Answers JSON on loopback. `answer` and `status` may be changed while it runs."""

    port: int = 0
    answer: dict[str, Any] = field(default_factory=lambda: {"office": "LK-11", "asOf": "2026-10-31", "offers": []})
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    serving: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                lines = dict(each.partition(": ")[::2] for each in head.split("\r\n")[1:])
                sent = await reader.readexactly(int(lines.get("content-length", 0)))
                self.asked.append(json.loads(sent) if "json" in lines.get("content-type", "") else {})
                self.tokens.append(lines.get("authorization", ""))
                await asyncio.sleep(self.delay_s)
                body = json.dumps(self.answer).encode()
                more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
                told = f"HTTP/1.1 {self.status} x\r\ncontent-type: application/json\r\n{more}"
                writer.write(f"{told}content-length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.serving.discard(writer)


@asynccontextmanager
async def an_agency() -> AsyncIterator[Agency]:
    made = Agency()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for writer in list(made.serving):
            writer.close()
        while made.serving:
            await asyncio.sleep(0)


@dataclass(slots=True)
class Offices:
    """The gateway, the agency, and two administrators of it: one proposes, the other approves."""

    house: House
    agency: Agency
    first: Desk
    second: Desk
    officers: tuple[Officer, Officer]

    @property
    def here(self) -> Any:
        return self.house.services

    async def call(self, method: str, path: str, body: object = None, *, by: Desk | None = None) -> httpx.Response:
        """An officer's call from a page."""
        browser = (by or self.first).browser
        headers = {"origin": ORIGIN, "x-csrf-token": await browser.csrf(), "content-type": "application/json"} | WHY
        content: dict[str, Any] = {"json": body if body is not None else {}} if method == "POST" else {}
        return await browser.http.request(method, f"/v1{path}", headers=headers, **content)

    async def done(self, method: str, path: str, body: object = None, *, by: Desk | None = None) -> dict[str, Any]:
        answer = await self.call(method, path, body, by=by)
        assert answer.status_code in {200, 201}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def proposed(self, files: Mapping[str, str] | None = None) -> int:
        body = {"member": EPF, "system": PROVIDER, "files": dict(files or texts())}
        return int((await self.done("POST", "/adapters", body))["version"])

    async def given(self, stage: str, url: str = "") -> None:
        values = {"OFFICES_URL": url or self.agency.url, "OFFICES_TOKEN": "secret-of-the-agency"}
        named = {f"EMPLOYMENT_{name}": value for name, value in values.items()}
        await self.done("POST", f"/adapters/{ADAPTER}/inputs", {"stage": stage, "values": named})

    async def released(self, number: int, way: str = "active", share: int = 0) -> None:
        """Proposed by one, approved by the other."""
        asked = {"way": way, "share": share, "reason": "a test"}
        made = await self.done("POST", f"/adapters/{ADAPTER}/versions/{number}/release", asked)
        await self.done("POST", f"/approvals/{made['approval']}/approve", {}, by=self.second)
        await self.here.registration.live.renewed()

    async def on_line(self, files: Mapping[str, str] | None = None) -> int:
        """From files to an active version."""
        number = await self.proposed(files)
        await self.given("production")
        await self.graded(number)
        await self.released(number)
        return number

    async def graded(self, number: int) -> None:
        """As if it had been tested: the dry run has tests of its own, and takes seconds."""
        here = self.here.registration
        report = {"grade": "bronze", "rules": {}, "probe": [], "results": [], "exempt": {}}
        async with here.db.write() as connection:
            found = await store.version(connection, ADAPTER, number)
            await steps.tested(connection, here.log, found, report, by="a test", now=here.trust.clock())

    async def version(self, number: int) -> dict[str, Any]:
        shown = await self.done("GET", f"/adapters/{ADAPTER}")
        found: dict[str, Any] = next(each for each in shown["versions"] if each["version"] == number)
        return found

    async def agreed(self) -> None:
        granted = {"service": SERVICE, "actions": ["read", "bulk"], "fields": ["office", "offers"], "sends": ["NIC"]}
        await self.house.agreed(services=[granted])
        said = line(1, subject={"identifiers": [{"type": "NIC", "value": NIC}]}, services=[SERVICE])
        ref = self.here.person_ref
        given = consent_line(said, controller=WBB, person_ref=ref, numbers=ref.numbers)
        await Recording(self.here.db, self.here.log).consents([given], by=WBB)

    async def asked(self) -> Answer:
        """One exchange about the person who consented."""
        who = Subject((Identifier("NIC", NIC),))
        ask = Ask(CONSUMER, SERVICE, PURPOSE, who, date(2026, 10, 31), frozenset({"office", "offers"}))
        return await exchange(ask, self.here.gate)


@asynccontextmanager
async def offices(root: Path, url: str) -> AsyncIterator[Offices]:
    """Opened; the agency's own system is registered."""
    async with an_agency() as agency:
        environment = {
            "SANDHI_DATA_DIR": str(root / "data"),
            "SANDHI_PUBLIC_URL": ORIGIN,
            "SANDHI_DATABASE_URL": url,
            "SANDHI_ALLOWED_HOSTS": f"127.0.0.1:{agency.port}",
            "SANDHI_HIDDEN_FLOOR_MS": "0",
        }
        async with services_on_tables(Settings.read(environment)) as services:
            now = services.people.clock()
            async with services.db.write() as connection:
                for member, system in ((WBB, CONSUMER), (EPF, PROVIDER)):
                    await register.add_member(connection, services.log, Member(member, member), now)
                    made = System(system, system.rpartition("/")[2].lower(), system, frozenset({"exchange"}))
                    await register.add_system(connection, services.log, made, now)
            services.trust.forget()
            house = House(services, build_app(services))
            one, first = await house.officer("kamal", "agency_administrator", member=EPF)
            two, second = await house.officer("nimali", "agency_administrator", member=EPF)
            yield Offices(house, agency, first, second, (one, two))
