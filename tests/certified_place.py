"""A whole gateway whose callers come with client certificates: parties, an agreement, and the traffic register behind.

No socket is opened towards the gateway: `call` puts the certificate where the listener would have put it.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from audit import Entry, Wanted, new_id
from consent import sign_agreement, store, verify_agreement
from gateway.app import build_app
from gateway.delivery import jobs
from gateway.settings import Settings
from gateway.trust import Member, Offered, Policy, System, register
from gateway.trust.binding import CERTIFICATE
from gateway.trust.certificate import PeerCertificate
from gateway.trust.jwks import checked
from gateway.trust.keys import new_key, private_jwk
from gateway.wiring import Services
from sandbox.agencies import driving_licence
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.population import population
from sandbox.population.licences import DrivingRecord, driving_record
from sandbox.world import Registers
from tests.migrated import services_on_tables
from tests.small_ca import Issued, SmallCa

DAY, PEOPLE, SEED = date(2026, 10, 31), 60, 7
PURPOSE, OUTREACH = "employment-support.eligibility", "employment-support.outreach"
SR, TRAFFIC, STRANGER = "LK/GOV/WBB/SRIS", "LK/GOV/DMT/LICENCES", "LK/COM/NOONE/APP"
OFFICES = "LK/GOV/DMT/OFFICES"
SCOPES = frozenset({"agreement", "events", "exchange"})
SERVICE = f"/r1/{TRAFFIC}/entitlement"


def driver(valid: bool = True) -> DrivingRecord:
    """Somebody of the sandbox's people who has a licence."""
    found = filter(None, (driving_record(each, SEED, DAY) for each in population(PEOPLE, SEED, DAY)))
    return next(each for each in found if any(one.state == "valid" for one in each.entitlements) is valid)


@contextmanager
def traffic_register() -> Iterator[dict[str, str]]:
    """The sandbox's traffic register, served; gives the settings that link it."""
    settings = driving_licence.make_settings("http://127.0.0.1")
    with serving(driving_licence.build(Registers(PEOPLE, SEED, DAY), settings, Faults())) as url:
        told = settings.exported() | {"DRIVING_LICENCE_URL": url, "ALLOWED_HOSTS": url.partition("//")[2]}
        yield {f"SANDHI_{name}": value for name, value in told.items()}


@dataclass
class House:
    """The gateway; `certificates` by system."""

    services: Services
    app: ASGIApp
    certificates: Mapping[str, Issued]
    authority: SmallCa
    folder: Path
    keys: dict[str, Any] = field(default_factory=dict)

    def client(self, system: str | None) -> httpx.AsyncClient:
        """Calls with this system's certificate; with none for None."""
        shown = PeerCertificate.of(self.certificates[system].der) if system else None
        transport = httpx.ASGITransport(Shown(self.app, shown), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://gateway.example")

    async def call(self, system: str | None, method: str, path: str, **arguments: Any) -> httpx.Response:
        async with self.client(system) as client:
            return await client.request(method, path, **arguments)

    async def agreed(self, document: Mapping[str, Any]) -> None:
        """Put an agreement in force that both members signed."""
        text, now = dict(document), datetime.now(UTC)
        members = [text["provider"]["member"], text["consumer"]["member"]]
        keys = {each: self.keys.setdefault(each, new_key("EdDSA")) for each in members}
        signatures = {name: sign_agreement(text, private_jwk(key)) for name, key in keys.items()}
        signed = verify_agreement(text, signatures, {name: [key.jwk] for name, key in keys.items()})
        async with self.services.db.write() as connection:
            await store.record_agreement(connection, signed, by=members[0], now=now)
            entry = Entry(new_id(now), "agreement.recorded", now, {"by": members[0]})
            await self.services.log.append_in(connection, entry)

    async def ended(self, agreement: str) -> None:
        """An agreement ends now."""
        async with self.services.db.write() as connection:
            await store.end_agreement(connection, agreement, by="LK/GOV/DMT", now=datetime.now(UTC))

    async def entries(self, **facts: str) -> list[Entry]:
        """Entries with these facts, oldest first."""
        found = await self.services.log.search(Wanted(facts=tuple(facts.items())))
        return [each.entry for each in await self.services.log.find([each.entry_id for each in found])]

    async def said(self, *kinds: str) -> list[dict[str, Any]]:
        """The facts of all entries of these kinds, oldest first, each with its kind."""
        async with self.services.db.read() as connection:
            rows = await connection.exec_driver_sql("SELECT body FROM log_entry ORDER BY seq")
            bodies = [json.loads(bytes(row[0])) for row in rows]
        return [each["facts"] | {"kind": each["kind"]} for each in bodies if each["kind"] in kinds]

    async def worked(self, now: datetime | None = None) -> int:
        """Run every job that is due; gives how many."""
        at = (now or datetime.now(UTC)).timestamp()
        async with self.services.db.write() as connection:
            claimed = await jobs.claim(connection, now=at, most=100)
        for each in claimed:
            await self.services.worker.run_one(each)
        return len(claimed)


class Shown:
    """The application behind a listener that found this certificate in the handshake."""

    def __init__(self, app: ASGIApp, shown: PeerCertificate | None) -> None:
        self._app, self._shown = app, shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = {CERTIFICATE: self._shown} if self._shown else {}
        await self._app({**scope, "state": {**scope.get("state", {}), **found}}, receive, send)


@asynccontextmanager
async def a_house(
    folder: Path,
    url: str = "",
    *,
    environment: Mapping[str, str] | None = None,
    callbacks: Mapping[str, str] | None = None,
) -> AsyncIterator[House]:
    """Four systems with a certificate each; `callbacks`: system -> where its events are pushed to."""
    told = {"SANDHI_DATA_DIR": str(folder / "data"), "SANDHI_PUBLIC_URL": "http://gateway.example"}
    told |= {"SANDHI_HIDDEN_FLOOR_MS": "0", **(environment or {})} | ({"SANDHI_DATABASE_URL": url} if url else {})
    authority = SmallCa(folder / "ca")
    certificates = {each: authority.client(each.replace("/", "-")) for each in (SR, TRAFFIC, STRANGER, OFFICES)}
    async with services_on_tables(Settings.read(told)) as services:
        house = House(services, build_app(services), certificates, authority, folder)
        for system, issued in certificates.items():
            await _registered(services, system, issued, (callbacks or {}).get(system))
        services.trust.forget()
        await services.trust.register()
        yield house


async def _registered(services: Services, system: str, issued: Issued, callback: str | None) -> None:
    now, log = datetime.now(UTC), services.log
    made = System(system, system.replace("/", "."), system.rpartition("/")[2], SCOPES)
    made = replace(made, policy=Policy(certificates=(issued.thumbprint,)))
    if callback:
        made = replace(made, services=(Offered("pubsub", callback, ""),))
    async with services.db.write() as connection:
        if await register.find_member(connection, made.member_id) is None:
            await register.add_member(connection, log, Member(made.member_id, f"Name of {made.member_id}"), now)
        await register.add_system(connection, log, made, now)
        await register.add_keys(connection, log, system, checked({"keys": [dict(new_key("ES256").jwk)]}), now)


def agreement(**changes: Any) -> dict[str, Any]:
    """The registry may ask who may drive; `entitlements` are not granted."""
    return {
        "format": "agreement/1",
        "version": 1,
        "id": "DSA-X",
        "title": "Check what an applicant says",
        "purposes": [PURPOSE],
        "may_know_existence": True,
        "consumer": {"member": "LK/GOV/WBB", "systems": [SR]},
        "provider": {"member": "LK/GOV/DMT", "systems": [TRAFFIC]},
        "legal_bases": [{"kind": "public_task", "reference": "Welfare Benefits Act No. 24 of 2002"}],
        "services": [
            {"service": "driving_licence.entitlement", "actions": ["read"], "fields": ["may_drive"], "sends": ["NIC"]}
        ],
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
    } | changes


def question(nic: str, *fields: str, **changes: Any) -> dict[str, Any]:
    """The body of an X-Road REST question."""
    asked = {"subject": {"identifiers": [{"type": "NIC", "value": nic}]}, "fields": list(fields or ("may_drive",))}
    return asked | changes
