"""Details can be read and proved while their key lives, and never again after; the log still verifies."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text, update

from audit import Entry, FileMemory, Log, Signer, Wanted, commit, new_id
from audit.details import Detail, Vault, commitments, detailed, exchange, person
from audit.erasure import Certificate, erase, expired, held, lifted
from audit.errors import DetailErased, EntryInvalid, Held, NotInLog
from audit.places import checked_database
from audit.tables import audit_detail, metadata
from gateway.db import Database

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
VAULT = Vault(b"v" * 32)
CANARY = "NIC 199912345678"


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    async with made.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield made
    await made.close()


@pytest.fixture
async def log(db: Database, tmp_path: Path) -> AsyncIterator[Log]:
    signer = Signer("gw.example/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))
    made = await Log.open(db.engine, signer, db.write_lock)
    yield made
    await made.close()


async def logged(
    log: Log, db: Database, who: str, exchange_id: str, agreement: str = "DSA-1", at: datetime = NOW
) -> tuple[Entry, list[Detail]]:
    """An exchange about a person, with what was asked and answered kept beside it."""
    details = detailed({"asked": {"who": CANARY}, "answer": {"employed": True}})
    facts = {"exchange_id": exchange_id, "agreement": agreement, "details": commitments(details)}
    entry = Entry(new_id(at), "exchange.outcome", at, facts, (who,))
    async with db.write() as connection:
        keep = partial(
            VAULT.keep, entry_id=entry.id, details=details, owner=exchange(exchange_id), agreement=agreement, now=at
        )
        await connection.run_sync(keep)
        await log.append_in(connection, entry)
    return entry, details


async def read(db: Database, entry: Entry) -> list[Detail]:
    async with db.read() as connection:
        return await connection.run_sync(VAULT.opened, entry.id)


async def erased(log: Log, db: Database, scope: str) -> Certificate:
    async with db.write() as connection:
        return await erase(connection, log, scope, by="officer-1", reason="asked for by the person", now=NOW)


async def test_details_open_and_are_what_the_entry_committed_to(log: Log, db: Database) -> None:
    entry, details = await logged(log, db, "person-1", "x1")
    opened = await read(db, entry)
    assert sorted(opened, key=lambda each: each.name) == sorted(details, key=lambda each: each.name)
    assert commitments(opened) == entry.facts["details"]
    assert CANARY.encode() not in entry.body()
    async with db.read() as connection:
        for table in ("audit_detail", "audit_key", "log_entry"):
            rows = (await connection.execute(text(f"SELECT * FROM {table}"))).all()
            assert rows
            assert CANARY.encode() not in b"".join(bytes(v) for row in rows for v in row if isinstance(v, bytes))


async def test_erasing_a_person_leaves_every_proof_and_a_certificate(
    log: Log, db: Database, database_url: str, tmp_path: Path
) -> None:
    mine, _ = await logged(log, db, "person-1", "x1")
    other, details = await logged(log, db, "person-2", "x2")
    certificate = await erased(log, db, person("person-1"))
    assert certificate.erased == (1, 2, 1, 0)
    assert await read(db, mine) == []
    with pytest.raises(DetailErased):
        async with db.read() as connection:
            await connection.run_sync(_opened_with_leftover, mine)
    assert len(await read(db, other)) == len(details)
    assert await log.search(Wanted(subject_ref="person-1")) == []
    await log.proof(mine.id)
    assert (await checked_database(database_url))[0].ok
    (entry,) = await log.find([certificate.entry_id])
    assert entry.entry.facts["scope"] == commit("scope", certificate.salt, b"person:person-1")
    assert "person-1" not in entry.entry.body().decode()
    assert json.loads(certificate.text())["erased"]["keys"] == 1


def _opened_with_leftover(connection, entry: Entry) -> None:
    """What an old backup of the details alone gives: ciphertext without a key."""
    connection.execute(
        audit_detail.insert().values(entry_id=entry.id.bytes, name="asked", owner="exchange:x1", sealed=b"x" * 60)
    )
    VAULT.opened(connection, entry.id)


async def test_an_exchange_about_two_people_is_not_erased_for_one(log: Log, db: Database) -> None:
    entry, _ = await logged(log, db, "person-1", "x1")
    await log.append(Entry(new_id(), "exchange.intent", NOW, {"exchange_id": "x1"}, ("person-2",)))
    assert (await erased(log, db, person("person-1"))).erased.keys == 0
    assert await read(db, entry)


@pytest.mark.parametrize("scope", ["person:person-1", "exchange:x1", "agreement:DSA-1", "*"])
async def test_legal_hold_wins_until_it_is_lifted(log: Log, db: Database, scope: str) -> None:
    entry, _ = await logged(log, db, "person-1", "x1")
    async with db.write() as connection:
        placed = await connection.run_sync(held, "case-7", scope, "court order", NOW)
        await log.append_in(connection, placed)
    assert "person-1" not in placed.body().decode()
    with suppress(Held):  # a hold on the person, or on everything, refuses as a whole
        assert (await erased(log, db, person("person-1"))).erased.held == 1
    async with db.write() as connection:
        assert (await connection.run_sync(expired, NOW + timedelta(days=9999), {}, timedelta(days=1))).keys == 0
    assert await read(db, entry)
    async with db.write() as connection:
        await connection.run_sync(lifted, "case-7", "the case is closed", NOW)
    assert (await erased(log, db, exchange("x1"))).erased.keys == 1
    with pytest.raises(NotInLog):
        async with db.write() as connection:
            await connection.run_sync(lifted, "case-7", "again", NOW)


async def test_each_agreement_keeps_as_long_as_it_says(log: Log, db: Database) -> None:
    short, _ = await logged(log, db, "person-1", "x1", "DSA-short")
    long, _ = await logged(log, db, "person-1", "x2", "DSA-long")
    kept = {"DSA-short": timedelta(days=30), "DSA-long": timedelta(days=3650)}
    for days, (of_short, of_long) in {29: (2, 2), 31: (0, 2), 3651: (0, 0)}.items():
        async with db.write() as connection:
            await connection.run_sync(expired, NOW + timedelta(days=days), kept, timedelta(days=365))
        assert (len(await read(db, short)), len(await read(db, long))) == (of_short, of_long)


async def test_swapped_rows_do_not_open(log: Log, db: Database) -> None:
    first, _ = await logged(log, db, "person-1", "x1")
    async with db.write() as connection:
        await connection.execute(update(audit_detail).where(audit_detail.c.name == "answer").values(name="swapped"))
    with pytest.raises(EntryInvalid, match="changed or moved"):
        await read(db, first)
    with pytest.raises(EntryInvalid, match="unwrapped"):
        async with db.read() as connection:
            await connection.run_sync(Vault(b"w" * 32).opened, first.id)
