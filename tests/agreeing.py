"""The routes of agreements and consents over a real log, without the door: a test says who calls."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, FastAPI
from joserfc.jwk import OKPKey
from starlette.routing import BaseRoute

from audit import FileMemory, Log, Signer
from consent import FactsSource, Request, decide, sign_agreement
from gateway.catalogue import Catalogue
from gateway.db import Database
from gateway.edges.v1 import agreement_views, agreements, consents, problems, proposals
from gateway.gate import Gate, utc_now
from gateway.model import Identifier, Subject
from gateway.profile import load_profile
from gateway.trust.caller import Caller
from gateway.trust.person import PersonRef
from tests.migrated import prepare

WBB, EPF, NOONE = "LK/GOV/WBB", "LK/GOV/EPF", "LK/COM/NOONE"
KEYS = {each: {**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": each} for each in (WBB, EPF, NOONE)}
SCOPES = frozenset({"agreement", "consent"})
SR = Caller("sr", f"{WBB}/SRIS", SCOPES)
FUND = Caller("fund", f"{EPF}/MEMBERS", SCOPES)
STRANGER = Caller("stranger", f"{NOONE}/APP", SCOPES)
AUDITOR = Caller("auditor", "LK/GOV/AUD/REVIEW", frozenset({"audit"}))
PROFILE = load_profile("lk")


@dataclass
class Here:
    """The routes, called as any system."""

    app: FastAPI
    db: Database
    log: Log
    person_ref: PersonRef

    async def call(self, caller: Caller, method: str, path: str, **arguments: Any) -> httpx.Response:
        self.app.state.calling = caller
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, f"/v1{path}", **arguments)

    async def allows(self, subject_ref: str) -> bool:
        request = Request(
            consumer=SR.system,
            provider=FUND.system,
            service="pension.contributions",
            action="read",
            purpose="employment-support.eligibility",
            fields=frozenset({"months"}),
            subject_ref=subject_ref,
        )
        source = FactsSource(self.db.read)
        return decide(request, await source.of(request), utc_now()).allowed

    async def entries(self) -> list[dict[str, Any]]:
        """Bodies of all entries."""
        async with self.db.read() as connection:
            rows = await connection.exec_driver_sql("SELECT body FROM log_entry ORDER BY seq")
            return [json.loads(bytes(row[0])) for row in rows]


class Known:
    """The register's answer about keys."""

    async def __call__(self, member: str) -> Sequence[Mapping[str, str]]:
        return [{name: value for name, value in KEYS[member].items() if name != "d"}] if member in KEYS else []


@cache
def _shared() -> tuple[BaseRoute, ...]:
    """As `gateway.app` shares them: routes that read their services from the request."""
    routes = APIRouter(prefix="/v1")
    for module in (agreement_views, agreements, proposals, consents):
        routes.include_router(module.router)
    return tuple(routes.routes)


@asynccontextmanager
async def opened(database_url: str, folder: Path) -> AsyncIterator[Here]:
    """The routes over an empty database."""
    prepare(database_url)
    db = Database(database_url)
    signer = Signer("gateway.example/log", Ed25519PrivateKey.generate(), FileMemory(folder / "log.signed"))
    log = await Log.open(db.engine, signer, write_lock=db.write_lock, allow_unsafe=True)
    app = FastAPI()
    problems.install(app)

    @app.middleware("http")
    async def door(request: Any, call_next: Any) -> Any:
        request.state.caller = app.state.calling
        return await call_next(request)

    app.router.routes.extend(_shared())
    ref = PersonRef(PROFILE.raw, b"p" * 32)
    app.state.db, app.state.log, app.state.person_ref, app.state.member_keys = db, log, ref, Known()
    facts = FactsSource(db.read)
    gate = Gate(Catalogue(()), facts.of, facts.of_many, log, ref)
    app.state.services = SimpleNamespace(profile=PROFILE, db=db, gate=gate, person_ref=ref, catalogue=())
    yield Here(app, db, log, ref)
    await facts.close()
    await log.close()
    await db.close()


def document(**changes: Any) -> dict[str, Any]:
    return {
        "format": "agreement/1",
        "id": "A1",
        "version": 1,
        "title": "Contribution status",
        "provider": {"member": EPF, "systems": [FUND.system]},
        "consumer": {"member": WBB, "systems": [SR.system]},
        "services": [{"service": "pension.contributions", "actions": ["read"], "fields": ["months"]}],
        "purposes": ["employment-support.eligibility"],
        "legal_bases": [{"kind": "consent", "controllers": [WBB]}],
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
    } | changes


def signed(content: dict[str, Any] | None = None, *, by: Sequence[str] = (WBB, EPF)) -> dict[str, Any]:
    content = content or document()
    return {"document": content, "signatures": {each: sign_agreement(content, KEYS[each]) for each in by}}


def line(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"C{number}",
        "subject": subject(number),
        "recipients": [WBB],
        "purposes": ["employment-support.eligibility"],
        "services": ["pension.contributions"],
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
        "given_how": "assisted",
        "evidence": "sha-256:" + "0" * 64,
    } | changes


def nic(number: int) -> str:
    return f"19900010{number:04d}"


def subject(number: int) -> dict[str, Any]:
    return {"identifiers": [{"type": "NIC", "value": nic(number)}]}


def ref(here: Here, number: int) -> str:
    return here.person_ref(Subject((Identifier("NIC", nic(number)),)))


def lines(*values: Any) -> dict[str, Any]:
    content = b"".join(json.dumps(each).encode() + b"\n" for each in values)
    return {"content": content, "headers": {"content-type": "application/x-ndjson"}}
