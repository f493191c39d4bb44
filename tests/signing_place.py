"""A whole gateway in this process, onboarded as the demo does it, whose partners' policies a test can change."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from sandhi_client import Client
from sandhi_client.session import Patience

from audit import Wanted
from gateway.app import build_app
from gateway.cli.demo.choices import Ports
from gateway.cli.demo.onboarding import onboard
from gateway.settings import Settings
from gateway.trust import held_keys, register
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key, private_key
from gateway.trust.policy import Policy
from gateway.wiring import Services
from tests.migrated import services_on_tables

URL = "http://127.0.0.1:8080"
SR = "LK/GOV/WBB/SRIS"
SENDER = "LK.GOV.WBB.SRIS"
NIC = "199012304567"
SEARCH = "/dci/registry/sync/search"
ENC = new_key("ECDH-ES+A256KW")
"""The social registry's own encryption key."""


@dataclass(slots=True)
class SigningPlace:
    """`client` speaks as the social registry."""

    services: Services
    data: Path

    @property
    def credentials(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "clients" / "sr.json").read_text())
        return found

    @property
    def key(self) -> Any:
        return private_key(self.credentials["private_jwk"])

    def client(self, **how: Any) -> Client:
        transport = httpx.ASGITransport(build_app(self.services), raise_app_exceptions=False)
        path = self.data / "clients" / "sr.json"
        return Client.from_file(path, transport=transport, patience=Patience(attempts=1), **how)

    async def agree(self, **policy: Any) -> None:
        """Give the social registry this policy."""
        services = self.services
        wanted = Policy.read(policy)
        async with services.db.write() as connection:
            known = await register.find_system(connection, SR)
            if known and known.policy != wanted:
                await register.change_policy(connection, services.log, SR, wanted, datetime.now(UTC))
        services.trust.forget()
        await services.trust.register()

    async def downgrades(self) -> list[Mapping[str, object]]:
        """The facts of the downgrade entries in the log."""
        return await self._facts(Wanted(kind="signature.downgrade"))

    async def intents(self, newest: int) -> list[Mapping[str, object]]:
        """The facts of the last intents."""
        return await self._facts(Wanted(kind="exchange.intent", limit=newest))

    async def _facts(self, wanted: Wanted) -> list[Mapping[str, object]]:
        found = await self.services.log.search(wanted)
        return [each.entry.facts for each in await self.services.log.find([each.entry_id for each in found])]


@asynccontextmanager
async def signing_place(data: Path, **environment: str) -> AsyncIterator[SigningPlace]:
    """Onboard, if that was not done, and open."""
    settings = Settings.read({"SANDHI_DATA_DIR": str(data), "SANDHI_PUBLIC_URL": URL, **environment})
    if not (data / "clients").exists():
        await onboard(settings, Ports(1, 2, 3), date(2026, 10, 31))
    async with services_on_tables(settings) as services:
        async with services.db.write() as connection:
            now = datetime.now(UTC)
            if not await held_keys.of(connection, SR, now, "enc"):
                await held_keys.add(connection, services.log, SR, [public_key(dict(ENC.jwk))], now)
        services.trust.forget()
        yield SigningPlace(services, data)


def header(action: str = "search", **more: object) -> dict[str, object]:
    return {
        "version": "1.0.0",
        "message_id": str(uuid4()),
        "message_ts": datetime.now(UTC).isoformat(),
        "action": action,
        "sender_id": SENDER,
        "receiver_id": "LK.GOV.SANDHI.GATEWAY",
        "total_count": 1,
        **more,
    }


def search() -> dict[str, object]:
    criteria = {
        "reg_type": "ns:sandhi:RegistryType:Tax",
        "query_type": "idtype-value",
        "query": {"type": "NIC", "value": NIC},
        "authorize": {"purpose": {"code": "employment-support.eligibility", "text": "සුනිල් கமலா"}},
        "claim": {"name": "employment_status", "parameters": {"months": 6}},
    }
    stamp = datetime.now(UTC).isoformat()
    item = {"reference_id": str(uuid4()), "timestamp": stamp, "search_criteria": criteria, "locale": "eng"}
    return {"transaction_id": str(uuid4()), "search_request": [item]}
