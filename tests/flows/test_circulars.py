"""A circular goes down the chain through the gateway, ministry to GN division, and its receipt comes up again."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from flows.gateways import Running, served
from sandhi_client import Client, Identifier, Problem, Subject
from sandhi_client.errors import EventRefused
from sandhi_client.events import Incoming, acknowledgement
from starlette.requests import Request
from starlette.responses import Response

import schemas
from gateway.cli.demo.choices import Ports
from gateway.cli.demo.onboarding import _agreement, onboard
from gateway.cli.demo.parties import Party, client_file, key_at
from gateway.settings import Settings
from gateway.trust import register
from gateway.trust.jwks import public_key
from gateway.wiring import open_services
from tests.small_gateway import served as served_app

DAY = date(2026, 10, 31)
PURPOSE = "public-administration.circular"
TEXT = b"Enrolment in Samurdhi, second round of 2026: 40 places for the division of Kolonnawa."
CHAIN = {  # client -> (system, unit, the client above)
    "ministry": ("LK/GOV/MSE/NOTICES", "LK", ""),
    "district": ("LK/GOV/MHA/DISTRICT-LK-11", "LK-11", "ministry"),
    "division": ("LK/GOV/MHA/DIVISION-LK-1103", "LK-1103", "district"),
    "bank-zone": ("LK/COM/BANK/ZONE-LK-1103", "LK-1103", "division"),
    "gn-division": ("LK/GOV/MHA/GN-LK-1103005", "LK-1103005", "division"),
}
RECORDS = {"circular": "circular", "circular-receipt": "circular-receipt"}


def service(name: str, kind: str) -> str:
    return f"{CHAIN[name][0].replace('/', '.')}/{kind}"


def member(name: str) -> str:
    return "/".join(CHAIN[name][0].split("/")[:3])


@dataclass
class Unit:
    """One office: takes what comes from above, hands it on to those below, and confirms when they all have."""

    name: str
    client: Client
    incoming: Incoming
    circulars: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def below(self) -> list[str]:
        return [name for name, (_, _, above) in CHAIN.items() if above == self.name]

    async def take(self, body: bytes) -> bytes:
        """One signed notification; what is already there is acknowledged and changes nothing."""
        notice = await self.incoming.verified(body)
        for event in notice.events:
            record = {name: value for name, value in event.record.items() if name != "identifiers"}
            kept = self.circulars if "passed_by" in record else self.receipts
            if record not in kept:
                kept.append(record)
        return acknowledgement(notice)

    async def hand_down(self, circular: dict[str, Any]) -> None:
        mine = {**circular, "passed_by": CHAIN[self.name][1]}
        for name in self.below:
            await self._deliver(service(name, "circular"), mine, f"{mine['circular']}-{name}")

    async def confirm(self, circular: dict[str, Any]) -> None:
        """To the unit above, once every unit below has confirmed the very same document."""
        same = [each for each in self.receipts if each["digest"] == circular["digest"]]
        record = {
            "circular": circular["circular"],
            "unit": CHAIN[self.name][1],
            "received_on": DAY.isoformat(),
            "officer_role": "head of office",
            "digest": circular["digest"],
            "passed_to": len(self.below),
            "confirmed_by": len(same),
        }
        above = CHAIN[self.name][2]
        await self._deliver(service(above, "circular-receipt"), record, f"{circular['circular']}-{self.name}")

    async def _deliver(self, to: str, record: dict[str, Any], key: str) -> None:
        about = Subject((Identifier("CIRCULAR", record["circular"]),))
        asked: dict[str, Any] = {"service": to, "purpose": PURPOSE, "subject": about, "record": record}
        sent = await self.client.deliver(**asked, idempotency_key=key)
        done = await self.client.delivery_finished(sent.id, longest_pause=0.1, within=30)
        assert (done.state, done.receiver_state) == ("handed", "ACK"), done


@dataclass
class Country:
    """A gateway, and the offices of one chain."""

    gateway: Running
    units: dict[str, Unit]


def documents() -> Iterator[dict[str, Any]]:
    """For each step of the chain an agreement down and one up."""
    for place, (name, (_, _, above)) in enumerate(CHAIN.items()):
        for way, (giver, taker, kind) in enumerate(
            [(above, name, "circular"), (name, above, "circular-receipt")] if above else []
        ):
            fields = sorted(_properties(kind))
            grant = {"service": service(taker, kind), "actions": ["push"], "fields": fields, "sends": ["CIRCULAR"]}
            yield {
                "format": "agreement/1",
                "id": f"DSA-2026-6{place}{way}",
                "version": 1,
                "title": f"Circulars from {giver} to {taker}",
                "valid_from": "2026-01-01T00:00:00Z",
                "valid_until": "2029-01-01T00:00:00Z",
                "purposes": [PURPOSE],
                "may_know_existence": True,
                "consumer": {"member": member(giver), "systems": [CHAIN[giver][0]]},
                "provider": {"member": member(taker), "systems": [CHAIN[taker][0]]},
                "legal_bases": [{"kind": "public_task", "reference": "Welfare Benefits Act No. 24 of 2002"}],
                "services": [grant],
            }


def _properties(kind: str) -> dict[str, Any]:
    schema: Any = schemas.load(f"canonical/{RECORDS[kind]}.v1.json")
    found: dict[str, Any] = schema["properties"]
    return found


async def admitted(settings: Settings, url: str) -> None:
    """Register the chain's offices, each with its address, and sign their agreements."""
    await onboard(settings, Ports(1, 2, 3), DAY)
    now = datetime.now(UTC)
    async with open_services(settings, writing=True) as services:
        folder = settings.data_dir
        for name, (id_, _, _) in CHAIN.items():
            where = f"{url}/{name}/notify"
            offered = tuple(register.Offered(kind, where, f"canonical/{of}.v1.json") for kind, of in RECORDS.items())
            party = Party(id_, name, name, frozenset({"delivery"}), ())
            key = key_at(folder / "systems" / f"{name}.json")
            async with services.db.write() as connection:
                system = register.System(id_, name, name, party.scopes, offered)
                await register.add_system(connection, services.log, system, now)
                await register.add_keys(connection, services.log, id_, [public_key(key.jwk)], now)
            client_file(folder / "clients", settings["PUBLIC_URL"], party, key)
        services.trust.forget()
        names = {member(name) for name in CHAIN}
        keys = {each: key_at(folder / "members" / f"{each.replace('/', '.')}.json") for each in names}
        for document in documents():
            await _agreement(services, document, keys)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Country]:
    """The offices run in this loop, the gateway is a process of its own."""
    units: dict[str, Unit] = {}

    async def notify(request: Request) -> Response:
        try:
            told = await units[request.path_params["name"]].take(await request.body())
        except EventRefused as error:
            return Response(error.code, 400)
        return Response(told, media_type="application/json")

    app = FastAPI()
    app.router.add_route("/{name}/notify", notify, methods=["POST"])
    async with served_app(app) as url, AsyncExitStack() as clients:
        process = clients.enter_context(ExitStack())
        patched = clients.enter_context(pytest.MonkeyPatch.context())
        patched.setenv("SANDHI_ALLOWED_HOSTS", url.partition("//")[2])

        def prepared(gateway: str) -> None:
            environment = {"SANDHI_DATA_DIR": str(folder / "run"), "SANDHI_PUBLIC_URL": gateway}
            asyncio.run(admitted(Settings.read(environment), url))

        (folder / "run").mkdir()
        running = await asyncio.to_thread(process.enter_context, served(folder / "run", prepared=prepared))
        for name in CHAIN:
            client = await clients.enter_async_context(running.client(name))
            units[name] = Unit(name, client, Incoming(client.session))
        yield Country(running, units)


async def test_a_circular_reaches_every_unit_and_its_receipt_comes_back_up(tmp_path: Path) -> None:
    circular: dict[str, Any] = {
        "circular": "CIRC-MSE-2026-14",
        "kind": "enrolment_notice",
        "programme": "samurdhi",
        "issued_by": "Ministry of Social Empowerment",
        "issued_on": "2026-10-20",
        "subject": "Enrolment in Samurdhi, second round of 2026",
        "digest": f"sha-256:{sha256(TEXT).hexdigest()}",
        "places": 40,
        "confirm_by": "2026-11-10",
    }
    async with opened(tmp_path) as country:
        units = country.units
        for name in ("ministry", "district", "division"):
            await units[name].hand_down(circular)
            for below in units[name].below:
                assert units[below].circulars == [{**circular, "passed_by": CHAIN[name][1]}]
        for name in ("gn-division", "bank-zone", "division", "district"):
            await units[name].confirm(units[name].circulars[0])
        (receipt,) = units["ministry"].receipts
        assert (receipt["unit"], receipt["passed_to"], receipt["confirmed_by"]) == ("LK-11", 1, 1)
        (of_division,) = units["district"].receipts
        assert (of_division["unit"], of_division["passed_to"], of_division["confirmed_by"]) == ("LK-1103", 2, 2)
        assert {each["digest"] for unit in units.values() for each in unit.receipts} == {circular["digest"]}
        await units["ministry"].hand_down(circular)  # sent again: one delivery, one circular
        assert len(units["district"].circulars) == 1
        with pytest.raises(Problem) as refused:  # no step is passed over: the ministry has no agreement with it
            await units["ministry"]._deliver(service("division", "circular"), {**circular, "passed_by": "LK"}, "past")
        assert refused.value.code == "not_available"
        assert len(units["division"].circulars) == 1
