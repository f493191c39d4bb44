"""Step 0 of the demo, on the database itself: members, systems, their keys, and the agreements both sides sign."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, new_id
from consent import sign_agreement, verify_agreement
from consent import store as agreement_store
from consent.errors import AgreementUnknown

from ...edges.dci.confirming import CONFIRM, ENDED
from ...recording import recorded_facts
from ...settings import Settings
from ...trust import register
from ...trust.jose import Key
from ...trust.jwks import public_key
from ...trust.keys import private_jwk
from ...wiring import Services, open_services
from .choices import Ports
from .parties import Party, agreements, client_file, key_at, members, parties
from .people import admit_officers

VALID = timedelta(days=3 * 365)
AT_THE_SANDBOX = frozenset({"ess", "social-registry", "samurdhi", "elders", "disability", "kidney", "public-works"})
"""Clients whose sandbox agency is mounted under the client's name."""


@dataclass(frozen=True, slots=True)
class Onboarded:
    """What step 0 did, for the report."""

    members: int
    systems: int
    agreements: int
    vkeys: Sequence[str]
    origin: str


async def onboard(settings: Settings, ports: Ports, day: date) -> Onboarded:
    """Register everyone and record the agreements; whatever is there already stays."""
    async with open_services(settings, writing=True) as services:
        folder, rows = settings.data_dir, members(services.profile)
        keys = {row["id"]: key_at(folder / "members" / f"{row['id'].replace('/', '.')}.json") for row in rows}
        registered = parties(services.profile)
        for row in rows:
            await _member(services, row, keys[row["id"]])
        for party in registered:
            await _system(services, folder, party, ports)
        await admit_officers(services)
        services.trust.forget()
        begin = datetime(day.year - 1, 1, 1, tzinfo=UTC)
        documents = list(agreements(services.profile, _moment(begin), _moment(begin + VALID)))
        for document in documents:
            await _agreement(services, document, keys)
        return Onboarded(len(keys), len(registered), len(documents), await services.log.vkeys(), services.log.origin)


async def _member(services: Services, row: Mapping[str, str], key: Key) -> None:
    now = datetime.now(UTC)
    async with services.db.write() as connection:
        known = {each.id for each in await register.members(connection)}
        if row["id"] in known:
            return
        await register.add_member(connection, services.log, register.Member(row["id"], row["name"]), now)
        await register.add_keys(connection, services.log, row["id"], [public_key(key.jwk)], now)


async def _system(services: Services, folder: Path, party: Party, ports: Ports) -> None:
    now = datetime.now(UTC)
    offered = tuple(
        register.Offered(each["name"], callback_of(party, each["name"], ports), each["record_schema"])
        for each in party.services
    )
    client_id = party.client or party.id.replace("/", ".")
    system = register.System(party.id, client_id, party.name, party.scopes, offered)
    async with services.db.write() as connection:
        known = await register.find_system(connection, party.id)
        if known is None:
            await register.add_system(connection, services.log, system, now)
            await _key(connection, services, folder, party, now)
        elif known.services != offered:
            await register.change_system(connection, services.log, system, now)


async def _key(connection: AsyncConnection, services: Services, folder: Path, party: Party, now: datetime) -> None:
    if not party.client:
        return
    key = key_at(folder / "systems" / f"{party.client}.json")
    await register.add_keys(connection, services.log, party.id, [public_key(key.jwk)], now)
    client_file(folder / "clients", services.settings["PUBLIC_URL"], party, key)


def callback_of(party: Party, service: str, ports: Ports) -> str:
    """Where a system of the demo takes deliveries, and confirmations of its subscriptions."""
    action = service if service in {CONFIRM, ENDED} else "notify"
    if party.client in AT_THE_SANDBOX:  # programmes and ESS take vital events by a path of their own
        action = "vital-events" if service == "vital-event" else action
        return f"http://127.0.0.1:{ports.sandbox}/{party.client}/registry/{action}"
    if party.district:
        return f"http://127.0.0.1:{ports.sandbox}/offices/{party.district}/registry/{action}"
    return f"http://127.0.0.1:{ports.registry}/registry/{action}"


async def _agreement(services: Services, document: Mapping[str, object], keys: Mapping[str, Key]) -> None:
    sides = {_member_of(document, "consumer"), _member_of(document, "provider")}
    signatures = {member: sign_agreement(document, private_jwk(keys[member])) for member in sides}
    public = {member: [keys[member].jwk] for member in sides}
    signed = verify_agreement(document, signatures, public)
    now = datetime.now(UTC)
    async with services.db.write() as connection:
        try:
            await agreement_store.read_agreement(connection, signed.agreement.id)
        except AgreementUnknown:
            by = signed.agreement.consumer.member
            recorded = await agreement_store.record_agreement(connection, signed, by=by, now=now)
            facts = recorded_facts(recorded, by)
            await services.log.append_in(connection, Entry(new_id(now), "agreement.recorded", now, facts))


def _member_of(document: Mapping[str, object], side: str) -> str:
    party = document[side]
    assert isinstance(party, dict)
    return str(party["member"])


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
