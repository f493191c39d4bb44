"""One programme of the sandbox on a loopback street, with a played gateway beside it and the adapter in front of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

import schemas
from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit import opening
from adapters.kit.base import Kit
from adapters.kit.contract import Identifier, Item, Question, Subject
from adapters.kit.dci_wire import BodySigned
from adapters.kit.egress import Dialler
from adapters.kit.programme import ProgrammeMis
from gateway.trust import signatures
from sandbox.agencies import programmes
from sandbox.faults import Faults
from sandbox.gateway_client import Clients
from sandbox.gateway_keys import GatewayKeys
from tests.played_gateway import Message, PlayedGateway
from tests.small_gateway import served

ADAPTERS = Path(__file__).parents[1] / "adapters"
DAY = date(2026, 10, 31)
NIC, OLD_NIC = "195612304567", "561234567V"
OPERATIONS: Any = schemas.load("dci/ibr.json")["operations"]
NOTIFY, SEARCH, SUBSCRIBE = "/registry/notify", "/registry/sync/search", "/registry/subscribe"


@dataclass
class Place:
    """The programme, what speaks to it, and what it told the played gateway."""

    gateway: PlayedGateway
    mis: programmes.Mis
    adapter: ProgrammeMis
    faults: Faults
    url: str
    http: httpx.AsyncClient
    token: str = ""

    @property
    def own_id(self) -> str:
        return self.mis.settings.registered.own_id

    async def post(self, path: str, body: object, **headers: str) -> tuple[int, Message]:
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        sent = {"content-type": "application/json", "authorization": f"Bearer {self.token}"} | headers
        answer = await self.http.post(self.url + path, content=content, headers=sent)
        return answer.status_code, answer.json()

    async def ask_for_token(self, **changes: str | None) -> httpx.Response:
        own = self.mis.settings.registered
        form = {
            "grant_type": "client_credentials",
            "client_id": own.partner_client,
            "client_secret": own.partner_secret,
            "timestamp": "Sat, 31 Oct 2026 08:00:00 GMT",
        } | changes
        given = {name: value for name, value in form.items() if value is not None}
        headers = {"timestamp": given.pop("timestamp")} if "timestamp" in given else {}
        return await self.http.post(f"{self.url}/oauth2/client/token", data=given, headers=headers)

    async def push(self, service: str, record: Mapping[str, object], nic: str = NIC, item: str = "") -> None:
        subject = Subject((Identifier("NIC", nic),))
        await self.adapter.deliver(Item(item or str(uuid4()), f"{self.adapter.id}.{service}", record, subject))

    async def told(self, count: int) -> list[Message]:
        """The `count` events so far as the adapter reads them: name and record."""
        for _ in range(1000):
            if len(self.envelopes()) >= count:
                break
            await asyncio.sleep(0.01)
        events = [each for envelope in self.envelopes() for each in self.adapter.told(envelope)]
        return [{"told": each.name, "subject": each.subject, **each.record} for each in events]

    def envelopes(self) -> list[Message]:
        return [envelope for action, envelope in self.gateway.told if action == "notify"]

    def question(self, nic: str = NIC) -> Question:
        fields = frozenset({"enrolled", "status", "programme", "enrolled_on"})
        return Question(f"{self.adapter.id}.enrolment", Subject((Identifier("NIC", nic),)), fields, DAY)


def candidate(programme: str, number: int = 1, **changes: object) -> Message:
    """The `number`-th of the list of one division."""
    return {
        "member_id": f"SR0000001{number:02d}",
        "household_id": f"HH{number:07d}",
        "programme": programme,
        "rank": number,
        "basis": f"{programme}/1",
        "ds_division": "LK-1103",
        "gn_division": "LK-1103005",
        "names": [{"language": "eng", "script": "Latn", "value": "Kamala Perera"}],
        "birth_date": "1956-05-02",
        "listed_on": "2026-10-31",
    } | changes


def number(n: int) -> str:
    """The national number of the n-th candidate."""
    return f"1956123{n:05d}"


@asynccontextmanager
async def a_programme(folder: Path, name: str, *, places: int = 40, subscribed: bool = True) -> AsyncIterator[Place]:
    """One programme with so many places a division, for as long as the block lasts."""
    gateway, app = PlayedGateway(), Starlette()
    async with served(app) as url, httpx.AsyncClient(trust_env=False, verify=False) as http:
        chosen = replace(programmes.PROGRAMMES[name], places=places)
        settings = programmes.make_settings(chosen, f"{url}/mis", folder / name, gateway=f"{url}/gateway")
        gateway.credentials(folder / "clients", f"{url}/gateway", settings.registered.client, chosen.own_id)
        clients, faults = Clients(folder / "clients", patience_s=5), Faults()
        mis = programmes.Mis(programmes.Book(settings.store), settings, clients, DAY)
        keys = GatewayKeys(f"{url}/gateway")
        app.router.routes.append(Mount("/gateway", app=gateway.app))
        app.router.routes.append(Mount("/mis", app=programmes.build(mis, clients, keys, faults)))
        async with _adapter(name, settings, gateway, url) as adapter:
            place = Place(gateway, mis, adapter, faults, f"{url}/mis", http)
            place.token = (await place.ask_for_token()).json()["access_token"]
            if subscribed:
                mis.subscribed({"enrollement", "enrollement_status_change"})
            mis.start()
            yield place
            await mis.close()
        mis.book.close()
        await clients.close()


@asynccontextmanager
async def _adapter(
    name: str, settings: programmes.ProgrammeSettings, gateway: PlayedGateway, url: str
) -> AsyncIterator[ProgrammeMis]:
    folder, dialler = ADAPTERS / name, Dialler({url.partition("//")[2]})
    wire = BodySigned(lambda each: signatures.signed(each["header"], each["message"], gateway.key))
    values = settings.exported().__getitem__
    kit = Kit(folder, manifests.load(folder), mappings.load(folder), values, dialler, wire)
    adapter = opening.build(kit)
    assert isinstance(adapter, ProgrammeMis)
    try:
        yield adapter
    finally:
        await adapter.close()
        await dialler.close()
