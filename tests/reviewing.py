"""A whole gateway on either database with one linked agency that is played, for tests of reviews."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Select, select

from adapters.kit.contract import Identifier, Question, RawAnswer, Subject
from audit import Entry, new_id
from audit.entry import INTENT
from audit.tables import audit_search
from gateway.app import build_app
from gateway.catalogue import Catalogue
from gateway.consent_lines import consent_line
from gateway.errors import RefusedByRules
from gateway.model import Ask
from gateway.people import grants, officers, sessions
from gateway.people.officers import SHELL, Officer
from gateway.pipeline import exchange
from gateway.recording import Recording
from gateway.review.reading import entries_between
from gateway.settings import Settings
from gateway.trust import Member, System, register
from gateway.wiring import Services
from tests.agreeing import EPF, WBB, Known, document, line, signed
from tests.migrated import services_on_tables
from tests.people_place import Browser, wanted_with_reach

ORIGIN = "http://127.0.0.1:8080"
CONSUMER, PROVIDER = f"{WBB}/SRIS", f"{EPF}/MEMBERS"
WHY = {"Audit-Reason": "complaint 2026-17 of the ombudsman"}
NIC = "199012304567"


class Fund:
    """The pension fund, which always answers the same."""

    async def ask(self, _question: Question) -> RawAnswer:
        return RawAnswer({}, date(2026, 10, 31), "OK", "exact")

    def normalise(self, _service: str, _raw: RawAnswer) -> Mapping[str, object]:
        return {"months": [], "pensions": []}


@dataclass(slots=True)
class House:
    """The application, its services, and who works there."""

    services: Services
    app: FastAPI
    origin: str = ORIGIN

    async def officer(self, login: str, *roles: str, member: str = "LK/GOV/DPA") -> tuple[Officer, "Desk"]:
        """An officer with a session of now."""
        here, now = self.services.people, self.services.people.clock()
        made = Officer(officers.new_officer_id(), member, login, "https://id.example", login)
        async with self.services.db.write() as connection:
            await officers.add(connection, self.services.log, made, by=SHELL, now=now)
            for role in roles:
                wanted = wanted_with_reach(made.id, role, member, "")
                await grants.give(connection, self.services.log, wanted, here.profile.raw, by=SHELL, now=now)
            begun = {"issuer": made.issuer, "authenticated_at": now, "now": now}
            secret = await sessions.begin(connection, officer=made.id, **begun)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=self.origin)
        http.cookies.set(here.cookies.name("console"), secret, domain="127.0.0.1", path="/")
        return made, Desk(Browser(self, http))

    async def agreed(self, **changes: Any) -> None:
        """Agreement A1 between the consumer and the fund, with a consent of the person."""
        recording = Recording(self.services.db, self.services.log)
        content = {"services": [{"service": "pension.contributions", "actions": ["read"], "fields": ["months"]}]}
        content["services"][0]["sends"] = ["NIC"]
        made = signed_document(**(content | changes))
        await recording.agreement(made["document"], made["signatures"], Known(), by=WBB)

    async def consented(self) -> None:
        said = line(1, subject={"identifiers": [{"type": "NIC", "value": NIC}]})
        ref = self.services.person_ref
        given = consent_line(said, controller=WBB, person_ref=ref, numbers=ref.numbers)
        await Recording(self.services.db, self.services.log).consents([given], by=WBB)

    async def asked(self, number: str = NIC, **changes: Any) -> str:
        """One exchange through the pipeline; gives its id, also where it was refused."""
        ask = Ask(
            CONSUMER,
            "pension.contributions",
            "employment-support.eligibility",
            Subject((Identifier("NIC", number),)),
            date(2026, 10, 31),
            frozenset({"months"}),
        )
        opened = await self.services.gate.log.size()
        with suppress(RefusedByRules):
            await exchange(replace(ask, **changes), self.services.gate)
        async with self.services.db.read() as connection:
            table = audit_search.c
            made = select(table.exchange_id).where(table.seq >= opened, table.kind == INTENT)
            return str((await connection.execute(made)).scalar_one())

    async def used(self, other: str) -> "House":
        """One answered exchange under a case, and one about another number that was refused."""
        await self.agreed()
        await self.consented()
        await self.asked(case="CASE-7")
        await self.asked(other)
        return self

    async def logged(self, kind: str, facts: Mapping[str, object], at: datetime, *refs: str) -> Entry:
        """An entry as it would be, without what leads to it."""
        made = Entry(new_id(at), kind, at, facts, refs)
        await self.services.log.append(made)
        return made

    async def played(self, count: int, at: datetime, *, every_s: float = 1.0, **facts: Any) -> None:
        """So many exchanges of one day, each about another person."""
        entries = []
        for number in range(count):
            moment = at + timedelta(seconds=number * every_s)
            id_ = new_id(moment)
            said = {
                "exchange_id": str(id_),
                "consumer": CONSUMER,
                "provider": PROVIDER,
                "service": "pension.contributions",
                "action": "read",
                "purpose": "employment-support.eligibility",
                "asked": ["months"],
            } | {
                name: value for name, value in facts.items() if name in {"case_ref", "consumer", "lines", "officer_ref"}
            }
            ended = said | {"outcome": "answered", "agreement": "A1", "agreement_version": 1, "basis": "consent"}
            ended |= {"released": ["months"], "withheld": [], "reasons": []} | facts
            ended = {name: value for name, value in ended.items() if value is not None}
            person = (f"{number:064x}",)
            entries += [Entry(id_, "exchange.intent", moment, said, person)]
            entries += [Entry(new_id(moment), "exchange.outcome", moment, ended, person)]
        async with self.services.db.write() as connection:
            await self.services.log.append_all_in(connection, entries)

    async def kinds(self, kind: str) -> list[dict[str, Any]]:
        """The facts of all entries of a kind, oldest first."""
        start, end = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
        found = await self.services.log.store.read(lambda reading: list(entries_between(reading, start, end, kind)))
        return [dict(each.facts) for each in found]


@dataclass(slots=True)
class Desk:
    """An officer at work: calls with a reason."""

    browser: Browser

    async def call(
        self, method: str, path: str, body: object = None, status: int | None = None, why: bool = True
    ) -> httpx.Response:
        headers = {"origin": ORIGIN, "x-csrf-token": await self.browser.csrf()} | (WHY if why else {})
        content: dict[str, Any] = {"json": body if body is not None else {}} if method != "GET" else {}
        answer = await self.browser.http.request(method, f"/v1/audit{path}", headers=headers, **content)
        wanted = {200, 201} if status is None else {status}
        assert answer.status_code in wanted, answer.text
        return answer

    async def json(self, method: str, path: str, body: object = None, status: int | None = None) -> Any:
        return (await self.call(method, path, body, status)).json()


def signed_document(**changes: Any) -> dict[str, Any]:
    return signed(document(**changes))


@asynccontextmanager
async def a_house(folder: Path, url: str, **settings: str) -> AsyncIterator[House]:
    """Opened, with the two members and systems registered unless they are."""
    environment = {"SANDHI_DATA_DIR": str(folder / "data"), "SANDHI_PUBLIC_URL": ORIGIN, "SANDHI_DATABASE_URL": url}
    read = Settings.read(environment | {f"SANDHI_{name}": value for name, value in settings.items()})
    async with services_on_tables(read) as opened:
        fund: Any = Fund()
        linked = {"pension.contributions": fund}
        catalogue = Catalogue(replace(each, adapter=linked.get(each.service.id)) for each in opened.catalogue)
        services = replace(opened, catalogue=catalogue, gate=replace(opened.gate, catalogue=catalogue))
        now = services.people.clock()
        async with services.db.write() as connection:
            for member, system in ((WBB, CONSUMER), (EPF, PROVIDER)):
                if await register.find_member(connection, member):
                    continue
                await register.add_member(connection, services.log, Member(member, member), now)
                made = System(system, system.rpartition("/")[2].lower(), system, frozenset({"exchange"}))
                await register.add_system(connection, services.log, made, now)
        services.trust.forget()
        yield House(services, build_app(services))


async def plan_of(house: House, query: Select[Any]) -> str:
    """How the database finds the lines of a search; in a transaction, so that the settings hold."""
    async with house.services.db.write() as connection:
        explain = "EXPLAIN QUERY PLAN"
        if connection.dialect.name == "postgresql":
            explain = "EXPLAIN"
            for setting in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):  # small tables are read whole
                await connection.exec_driver_sql(f"SET LOCAL {setting} = off")
        text = str(query.compile(house.services.db.engine.sync_engine, compile_kwargs={"literal_binds": True}))
        rows = await connection.exec_driver_sql(f"{explain} {text}")
        return "\n".join(str(row[-1]) for row in rows)
