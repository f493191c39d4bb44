"""A whole gateway with one played agency, citizens and officers with sessions, and systems called without the door."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from adapters.kit.contract import AgencyHasNoSuchPerson, Question, RawAnswer
from audit import Wanted
from consent import Consent, agreement_of, canonical
from consent import register as consent_register
from consent import store as agreements
from consent.signing import SignedAgreement
from gateway.app import build_app
from gateway.catalogue import Catalogue, Offer
from gateway.citizen import Citizens
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.delivery.batches import Batches
from gateway.delivery.deliveries import Deliveries
from gateway.edges.v1 import contests, problems, stops, uses
from gateway.model import Answer, Ask, Handover, Identifier, Subject
from gateway.people import grants, officers, sessions
from gateway.people.officers import SHELL, Officer
from gateway.pipeline import exchange
from gateway.settings import Settings
from gateway.trust.caller import Caller
from gateway.wiring import Services
from tests.durable_house import CONSUMER, PROVIDER, PUSH, READ, Fund
from tests.migrated import services_on_tables
from tests.people_place import wanted_with_reach

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
ORIGIN = "http://127.0.0.1:8080"
OTHER = "LK/GOV/DME/ESS"
FOREIGN = "LK/GOV/EDU/EHIS"  # another agency, which this one's matters do not concern
ANN, BEN = "199012300011", "199012300022"
PURPOSE = "employment-support.eligibility"
SCOPES = frozenset({"agreement", "consent"})
FUND, BOARD = Caller("fund", PROVIDER, SCOPES), Caller("board", CONSUMER, SCOPES)
STRANGER = Caller("stranger", FOREIGN, SCOPES)


def subject(number: str) -> Subject:
    return Subject((Identifier("NIC", number),))


def named(number: str) -> dict[str, Any]:
    return {"identifiers": [{"type": "NIC", "value": number}]}


def document(id_: str = "A1", consumer: str = CONSUMER, **changes: Any) -> dict[str, Any]:
    services = [
        {"service": each.id, "actions": [*sorted(each.actions), "bulk"], "fields": ["a"], "sends": ["NIC"]}
        for each in (READ, PUSH)
    ]
    return {
        "format": "agreement/1",
        "id": id_,
        "version": 1,
        "title": "Contribution status",
        "provider": {"member": "LK/GOV/EPF", "systems": [PROVIDER]},
        "consumer": {"member": consumer.rpartition("/")[0], "systems": [consumer]},
        "services": services,
        "purposes": [PURPOSE],
        "legal_bases": [{"kind": "consent", "controllers": ["LK/GOV/WBB"]}],
        "may_know_existence": True,
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
    } | changes


STATUTE = [{"kind": "public_task", "reference": "Provident Fund Act, section 4"}]


@dataclass
class Answering(Fund):
    """The fund answers single questions too: nobody has a number that ends with 9."""

    async def ask(self, question: Question) -> RawAnswer:
        number = question.subject.identifiers[0].value
        self.asked.append(number)
        if number.endswith("9"):
            raise AgencyHasNoSuchPerson("nobody", code="404")
        return RawAnswer({"a": number[-1]}, date(2026, 9, 30), "00")


@dataclass
class House:
    """The gateway: `app` as the outside sees it, `inner` the routes of systems, whoever calls."""

    services: Services
    app: FastAPI
    inner: FastAPI
    fund: "Answering"
    clock: list[datetime]
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    def ref(self, number: str) -> str:
        return self.services.person_ref(subject(number))

    async def agree(self, content: dict[str, Any] | None = None) -> None:
        content = content or document()
        signed = SignedAgreement(agreement_of(content), canonical(content), {})
        async with self.services.db.write() as connection:
            await agreements.record_agreement(connection, signed, by="LK/GOV/EPF", now=self.clock[0])

    async def consented(self, number: str, id_: str, fields: frozenset[str] | None = None) -> None:
        consent = Consent(
            id=id_,
            subject_ref=self.ref(number),
            controller="LK/GOV/WBB",
            recipients=frozenset({"LK/GOV/WBB", "LK/GOV/DME", "LK/GOV/EPF"}),
            purposes=frozenset({PURPOSE}),
            services={READ.id: fields, PUSH.id: None},
            valid_from=datetime(2020, 1, 1, tzinfo=UTC),
            valid_until=datetime(2100, 1, 1, tzinfo=UTC),
            given_how="assisted",
            evidence="sha-256:" + "0" * 64,
        )
        async with self.services.db.write() as connection:
            await consent_register.record_consent(connection, consent, self.clock[0])

    async def ask(self, number: str, *, consumer: str = CONSUMER) -> Answer:
        """One exchange, a second after whatever was before."""
        self.clock[0] += timedelta(seconds=1)
        ask = Ask(consumer, READ.id, PURPOSE, subject(number), date(2026, 10, 31), frozenset({"a"}))
        return await exchange(ask, self.services.gate)

    async def batch(self, numbers: Sequence[str]) -> str:
        """A batch that waits for `work`."""
        self.clock[0] += timedelta(seconds=1)
        pattern = Ask(CONSUMER, READ.id, PURPOSE, Subject(), date(2026, 10, 31), frozenset({"a"}))
        lines = [Line(str(n), subject(number)) for n, number in enumerate(numbers)]
        return (await self.services.batches.accept(pattern, lines)).id

    async def deliver(self, number: str, key: str = "k1") -> str:
        """A delivery that waits for `work`."""
        self.clock[0] += timedelta(seconds=1)
        handover = Handover(CONSUMER, PUSH.id, PURPOSE, subject(number), {"a": "1"}, key)
        return (await self.services.deliveries.accept(handover)).id

    async def work(self) -> None:
        async with self.services.db.write() as connection:
            claimed = await jobs.claim(connection, now=self.clock[0].timestamp(), most=100)
        runs = {"delivery": self.services.deliveries.run, "batch": self.services.batches.run}
        for each in claimed:
            await runs[each.kind](each)

    async def citizen(self, number: str) -> httpx.AsyncClient:
        """A browser with a citizen's session, and the token that its changes carry."""
        async with self.services.db.write() as connection:
            secret = await sessions.begin(connection, person_ref=self.ref(number), **self._now())
        return await self._browser("my-data", secret, sessions.csrf_token(secret))

    async def officer(self, *roles: str, member: str = "LK/GOV/WBB") -> httpx.AsyncClient:
        """A browser with an officer's session."""
        log, now = self.services.log, self.services.people.clock()
        made = Officer(officers.new_officer_id(), member, "Malini", f"{ORIGIN}/idp", f"subject {len(self.browsers)}")
        async with self.services.db.write() as connection:
            await officers.add(connection, log, made, by=SHELL, now=now)
            for role in roles:
                wanted = wanted_with_reach(made.id, role, made.member, "LK-1103005")
                await grants.give(connection, log, wanted, self.services.profile.raw, by=SHELL, now=now)
            secret = await sessions.begin(connection, officer=made.id, **self._now())
        return await self._browser("console", secret, sessions.csrf_token(secret))

    def _now(self) -> dict[str, Any]:
        now = self.services.people.clock()
        return {"issuer": f"{ORIGIN}/idp", "authenticated_at": now, "now": now}

    async def _browser(self, area: str, secret: str, token: str) -> httpx.AsyncClient:
        headers = {"origin": ORIGIN, "x-csrf-token": token}
        http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ORIGIN, headers=headers)
        http.cookies.set(self.services.people.cookies.name(area), secret, domain="127.0.0.1", path="/")
        self.browsers.append(http)
        return http

    async def call(self, caller: Caller, method: str, path: str, **arguments: Any) -> httpx.Response:
        """A system calls `/v1`; the door is left out."""
        self.inner.state.calling = caller
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.inner), base_url=ORIGIN) as client:
            return await client.request(method, f"/v1{path}", **arguments)

    async def facts(self, kind: str) -> list[dict[str, Any]]:
        """Facts of the entries of a kind, oldest first."""
        found = await self.services.log.search(Wanted(kind=kind, limit=1000))
        logged = await self.services.log.find([each.entry_id for each in found])
        return [dict(each.entry.facts) for each in logged]


@asynccontextmanager
async def a_house(folder: Path, url: str = "", **settings: str) -> AsyncIterator[House]:
    """Open it on an empty database."""
    environment = {"SANDHI_DATA_DIR": str(folder / "data"), "SANDHI_PUBLIC_URL": ORIGIN, "SANDHI_LOG_STOP_HOURS": "0"}
    environment |= {"SANDHI_DATABASE_URL": url} if url else {}
    environment |= {f"SANDHI_{name}": value for name, value in settings.items()}
    async with services_on_tables(Settings.read(environment)) as opened:
        fund, clock = Answering(), [AT]
        catalogue = Catalogue(Offer(each, PROVIDER, fund) for each in (READ, PUSH))
        gate = replace(opened.gate, catalogue=catalogue, clock=lambda: clock[0])
        seal = opened.trust.seal
        durable = replace(
            opened.durable,
            deliveries=Deliveries(opened.db, gate, seal, asyncio.Event()),
            batches=Batches(opened.db, gate, seal, asyncio.Event(), kept_s=10**9),
        )
        services = replace(opened, catalogue=catalogue, gate=gate, durable=durable)
        house = House(services, build_app(services), _inner(services), fund, clock)
        try:
            yield house
        finally:
            for each in house.browsers:
                await each.aclose()


def _inner(services: Services) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.state.services, app.state.citizens = services, Citizens.of(services)

    @app.middleware("http")
    async def door(request: Any, call_next: Any) -> Any:
        request.state.caller = app.state.calling
        return await call_next(request)

    for module in (uses, stops, contests):
        app.include_router(module.router, prefix="/v1")
    return app
