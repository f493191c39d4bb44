"""A furnished gateway: members, systems, an agreement both sides sign, and the consents of N people."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from bench import people
from consent import Consent, SignedAgreement, sign_agreement, store, verify_agreement
from consent import register as consents
from gateway.db import Database
from gateway.settings import Settings
from gateway.trust import register
from gateway.trust.jose import Key
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key, private_jwk
from gateway.wiring import Services, open_services

HERE = Path(__file__).parent
PURPOSE = "bench.measure"
CALLER, ASKING, ANSWERING = "LK/GOV/ASK/CALLER", "LK/GOV/ASK", "LK/GOV/BENCH"
PROVIDERS = ["LK/GOV/BENCH/BULK", "LK/GOV/BENCH/REGISTRY", "LK/GOV/BENCH/SLOW"]
FIELDS = {
    "bench_registry.employment": ["closed_month", "employments", "self_employments"],
    "bench_bulk.employment": ["closed_month", "employments", "self_employments"],
    "bench_slow.enrolment": ["enrolled", "status"],
}
ASK = {
    "service": "bench_registry.employment",
    "purpose": PURPOSE,
    "fields": ["closed_month", "employments"],
    "as_at": "2026-10-31",
}
"""The question of every exchange, but for its subject: two of three fields, so that something is minimised."""
ASK_SLOW = {"service": "bench_slow.enrolment", "purpose": PURPOSE, "fields": ["enrolled"], "as_at": "2026-10-31"}
CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Agencies:
    """Ports of the agencies: nginx, one that takes 30 s, one that takes 20 ms."""

    registry: int
    slow: int
    brisk: int


def environment(data: Path, port: int, origin: str, agencies: Agencies, database: str = "") -> dict[str, str]:
    """The settings of one worker."""
    return {
        "SANDHI_DATA_DIR": str(data),
        "SANDHI_DATABASE_URL": database,
        "SANDHI_PUBLIC_URL": origin,
        "SANDHI_PORT": str(port),
        "SANDHI_PROFILE": str(HERE / "profile"),
        "SANDHI_ADAPTERS_DIR": str(HERE / "adapters"),
        "SANDHI_ALLOWED_HOSTS": ",".join(
            f"127.0.0.1:{each}" for each in (agencies.registry, agencies.slow, agencies.brisk)
        ),
        "SANDHI_BENCH_REGISTRY_URL": f"http://127.0.0.1:{agencies.registry}",
        "SANDHI_BENCH_BULK_URL": f"http://127.0.0.1:{agencies.registry}",
        "SANDHI_BENCH_SLOW_URL": f"http://127.0.0.1:{agencies.slow}",
        "SANDHI_LOG_LEVEL": "WARNING",
    }


async def furnish(variables: Mapping[str, str], count: int) -> float:
    """Register everybody and load the consents of `count` people; gives the consents loaded a second."""
    async with open_services(Settings.read(variables), writing=True) as services:
        await _parties(services, Path(variables["SANDHI_DATA_DIR"]) / "client.json")
        return await load_consents(services, 0, count)


async def load_consents(services: Services, first: int, count: int) -> float:
    """Consents of the people from `first` on, in large transactions; gives consents a second."""
    now, begun = datetime.now(UTC), time.perf_counter()
    for start in range(first, first + count, CHUNK):
        numbers = range(start, min(start + CHUNK, first + count))
        chunk = [_consent(services, number, now) for number in numbers]
        async with services.db.write() as connection:
            await consents.record_consents(connection, chunk, now)
    rate = count / (time.perf_counter() - begun)
    await settled(services.db)
    return rate


async def settled(db: Database) -> None:
    """Let a database digest a bulk load as it would by itself: PostgreSQL's statistics, SQLite's WAL.

    SQLite never gathers statistics by itself: those of a small table would mislead its plans once it is large.
    """
    if not db.is_sqlite:
        async with db.write() as connection:
            await connection.execute(text("ANALYZE"))
        return
    async with db.read() as connection:
        await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def _consent(services: Services, number: int, now: datetime) -> Consent:
    return Consent(
        id=f"bench-{number}",
        subject_ref=services.person_ref(people.subject(number)),
        controller=ASKING,
        recipients=frozenset({ASKING}),
        purposes=frozenset({PURPOSE}),
        services=dict.fromkeys(FIELDS),
        valid_from=now - timedelta(days=30),
        valid_until=now + timedelta(days=365),
        given_how="self",
        evidence=f"sha-256:{number:064x}",
    )


async def _parties(services: Services, client: Path) -> None:
    now, log = datetime.now(UTC), services.log
    keys = {member: new_key("EdDSA") for member in (ASKING, ANSWERING)}
    caller = new_key("ES256")  # checked in two thirds of the time of EdDSA
    async with services.db.write() as connection:
        for member, key in keys.items():
            await register.add_member(connection, log, register.Member(member, member), now)
            await register.add_keys(connection, log, member, [public_key(key.jwk)], now)
        for system in (CALLER, *PROVIDERS):
            dotted = system.replace("/", ".")
            scopes = frozenset({"exchange"}) if system == CALLER else frozenset[str]()
            await register.add_system(connection, log, register.System(system, dotted, system, scopes), now)
        await register.add_keys(connection, log, CALLER, [public_key(caller.jwk)], now)
        await store.record_agreement(connection, _signed(keys, now), by=ASKING, now=now)
    services.trust.forget()
    _credentials(client, services.settings["PUBLIC_URL"], caller)


def _credentials(path: Path, gateway: str, key: Key) -> None:
    content = {"gateway": gateway, "client_id": CALLER.replace("/", "."), "system": CALLER}
    path.write_text(json.dumps(content | {"private_jwk": private_jwk(key)}), encoding="utf-8")


def _signed(keys: Mapping[str, Key], now: datetime) -> SignedAgreement:
    document = {
        "format": "agreement/1",
        "id": "BENCH-1",
        "version": 1,
        "title": "Benchmark",
        "purposes": [PURPOSE],
        "valid_from": _moment(now - timedelta(days=30)),
        "valid_until": _moment(now + timedelta(days=365)),
        "may_know_existence": True,
        "max_age_months": 2,
        "consumer": {"member": ASKING, "systems": [CALLER]},
        "provider": {"member": ANSWERING, "systems": PROVIDERS},
        "legal_bases": [{"kind": "consent", "controllers": [ASKING]}],
        "services": [
            {"service": service, "actions": ["read", "bulk"], "fields": fields, "sends": ["NIC"]}
            for service, fields in FIELDS.items()
        ],
    }
    signatures = {member: sign_agreement(document, private_jwk(key)) for member, key in keys.items()}
    return verify_agreement(document, signatures, {member: [key.jwk] for member, key in keys.items()})


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
