"""Breach scope: exactly the exchanges that released something under the given conditions, on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import Entry, FileMemory, Log, Signer, Wanted, new_id
from audit.scope import Scope, scope
from audit.tables import metadata
from gateway.db import Database

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
A_MINUTE_S = 60.0


@pytest.fixture
async def log(database_url: str, tmp_path: Path) -> AsyncIterator[Log]:
    db = Database(database_url)
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    signer = Signer("gw.example/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))
    made = await Log.open(db.engine, signer, db.write_lock, deadline_s=60)
    entries = []
    for n in range(60):
        at = NOW + timedelta(hours=n)
        facts = {
            "consumer": f"LK/GOV/{'AB'[n % 2]}",
            "agreement": f"DSA-{n % 3}",
            "outcome": "answered",
            "kid": f"k{n % 5}",
        }
        facts |= {"released": ["income", "employer"] if n % 4 else []}
        entries.append(Entry(new_id(at), "exchange.outcome", at, facts, (f"person-{n % 7}",)))
        entries.append(Entry(new_id(at), "exchange.intent", at, facts, ("nobody",)))
    async with db.write() as connection:
        await made.append_all_in(connection, entries)
    yield made
    await made.close()
    await db.close()


async def of(log: Log, wanted: Wanted, **narrowing: object) -> Scope:
    return await log.store.read(lambda connection: scope(connection, wanted, **narrowing))


async def test_scope_of_a_system_an_agreement_and_a_window(log: Log) -> None:
    whole = await of(log, Wanted())
    assert (whole.exchanges, whole.fields["income"]) == (45, 45)
    assert whole.persons == {f"person-{n}" for n in range(7)}
    assert sorted(whole.recipients) == ["LK/GOV/A", "LK/GOV/B"]
    assert (whole.first, whole.last) == (NOW + timedelta(hours=1), NOW + timedelta(hours=59))
    system = await of(log, Wanted(facts=(("consumer", "LK/GOV/A"),)))
    assert (system.exchanges, list(system.recipients)) == (15, ["LK/GOV/A"])
    agreement = await of(log, Wanted(facts=(("agreement", "DSA-1"),)))
    assert list(agreement.agreements) == ["DSA-1"]
    window = await of(log, Wanted(since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=4)))
    assert (window.exchanges, window.persons) == (3, {"person-1", "person-2", "person-3"})


async def test_scope_of_a_key_and_of_nothing(log: Log) -> None:
    key = await of(log, Wanted(), which=lambda facts: facts.get("kid") == "k1")
    assert key.exchanges == len([n for n in range(60) if n % 5 == 1 and n % 4])
    assert key.persons == {f"person-{n % 7}" for n in range(60) if n % 5 == 1 and n % 4}
    assert await of(log, Wanted(facts=(("consumer", "LK/GOV/C"),))) == Scope()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("count", [2_000, pytest.param(1_000_000, marks=pytest.mark.nightly)])
async def test_scope_of_a_large_log_takes_less_than_a_minute(sqlite_url: str, tmp_path: Path, count: int) -> None:
    db = Database(sqlite_url)
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    signer = Signer("large.example/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "large"))
    made = await Log.open(db.engine, signer, db.write_lock, deadline_s=60)
    for first in range(0, count, 10_000):
        entries = []
        for n in range(first, min(first + 10_000, count)):
            at = NOW + timedelta(seconds=n)
            facts = {
                "consumer": f"LK/GOV/C{n % 7}",
                "agreement": "DSA-1",
                "outcome": "answered",
                "released": ["income"],
            }
            entries.append(
                Entry(new_id(at), ("exchange.outcome", "exchange.intent")[n % 2], at, facts, (f"p{n % 9973}",))
            )
        async with db.write() as connection:
            await made.append_all_in(connection, entries)
    began = perf_counter()
    found = await of(made, Wanted())
    assert perf_counter() - began < A_MINUTE_S
    assert (found.exchanges, len(found.persons)) == (count // 2, min(9973, count // 2))
    await made.close()
    await db.close()
