"""A log goes on from year to year: nothing is lost at the turn, and each year commits to the one before."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from audit import Entry, FileMemory, Log, NotInLog, Signer, Wanted, new_id
from audit.note import Checkpoint, Verifier
from audit.places import checked_database
from audit.proofs import Proof
from audit.tables import metadata
from gateway.db import Database

BASE = "gw.example.gov/log"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
IN_2026, IN_2027 = (datetime(year, 6, 1, tzinfo=UTC) for year in (2026, 2027))


def entry(at: datetime = IN_2026, **facts: object) -> Entry:
    return Entry(new_id(at), "system.registered", at, facts, ("person-1",))


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    async with made.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield made
    await made.close()


@pytest.fixture
async def log(db: Database, tmp_path: Path) -> AsyncIterator[Log]:
    made = await opened(db, tmp_path)
    yield made
    await made.close()


async def opened(db: Database, folder: Path) -> Log:
    def signer_of(origin: str) -> Signer:
        return Signer(origin, KEY, FileMemory(folder / f"{origin.replace('/', '_')}.signed"))

    return await Log.open(db.engine, signer_of(BASE), db.write_lock, signer_of=signer_of)


async def test_new_year_begins_with_the_checkpoint_of_the_old(log: Log, database_url: str) -> None:
    old = [entry(n=n) for n in range(3)]
    for each in old:
        await log.append(each)
    assert not await log.rotate_if_due(IN_2026)
    assert await log.rotate_if_due(IN_2027)
    assert log.origin == f"{BASE}/2027"
    receipt = await log.append(entry(IN_2027))
    assert (receipt.log, receipt.seq) == (f"{BASE}/2027", 1)

    final = await (await log.closed("first")).checkpoint()
    found = {each.kind: each for each in await log.search(Wanted())}
    closing, opening = [await log.find([found[kind].entry_id]) for kind in ("log.closed", "log.opened")]
    assert opening[0].seq == 0
    assert str(opening[0].entry.facts["checkpoint"]).encode() == final
    assert closing[0].entry.facts["next"] == log.origin
    assert (
        Checkpoint.from_note(final, [Verifier.from_vkey(v) for v in await (await log.closed("first")).vkeys()]).size
        == 4
    )
    await log.checkpoint()
    reports = await checked_database(database_url)
    assert [(each.origin, each.size, each.findings) for each in reports] == [(BASE, 4, ()), (f"{BASE}/2027", 2, ())]


async def test_proofs_tiles_and_search_reach_into_closed_years(log: Log) -> None:
    old = entry(n=1)
    await log.append(old)
    await log.rotate(f"{BASE}/2027", "a new year", IN_2027)
    new = entry(IN_2027)
    await log.append(new)
    for each in (old, new):
        proof = Proof.from_text(await log.proof(each.id))
        name = BASE if each is old else f"{BASE}/2027"
        assert proof.verify(each.body(), [Signer(name, KEY, FileMemory(Path("unused"))).verifier]).origin == name
    closed = await log.closed("first")
    assert len(await closed.tile(0, 0, 2)) == 64
    assert old.body() in await closed.entries(0, 2)
    found = await log.search(Wanted(subject_ref="person-1"))
    assert [each.entry_id for each in found] == [new.id, old.id]
    pages = await log.search(Wanted(limit=2))
    rest = await log.search(Wanted(limit=9, before=pages[-1].place))
    assert len({each.entry_id for each in pages + rest}) == 4
    with pytest.raises(NotInLog):
        await log.closed("2031")


async def test_closed_shard_takes_no_entry_from_anybody(log: Log, db: Database) -> None:
    await log.append(entry())
    await log.rotate(f"{BASE}/2027", "a new year", IN_2027)
    with pytest.raises(DBAPIError, match="closed"):
        async with db.write() as connection:
            await connection.execute(text("UPDATE log_head SET size = size + 1 WHERE log_id = 1"))


async def test_other_processes_follow_and_lose_nothing(
    log: Log, db: Database, tmp_path: Path, database_url: str
) -> None:
    other = await opened(db, tmp_path)
    await log.append(entry())
    written = [asyncio.create_task(each.append(entry(n=n))) for n in range(40) for each in (log, other)]
    await log.rotate(f"{BASE}/2027", "a new year", IN_2027)
    receipts = await asyncio.gather(*written)
    last = await other.append(entry())
    assert last.log == f"{BASE}/2027"
    assert len({(each.log, each.seq) for each in receipts}) == 80
    await log.checkpoint()
    assert all(each.ok for each in await checked_database(database_url))
    await other.close()


async def test_start_finds_the_year_that_is_open_even_after_a_stop_in_between(db: Database, tmp_path: Path) -> None:
    log = await opened(db, tmp_path)
    await log.append(entry())
    await log.rotate(f"{BASE}/2027", "a new year", IN_2027)
    await log.rotate(f"{BASE}/2028", "another", IN_2027)
    await log.close()
    again = await opened(db, tmp_path)
    assert again.origin == f"{BASE}/2028"
    assert (await again.append(entry())).seq == 1
    await again.close()


async def test_swapped_years_and_a_forged_beginning_are_found(log: Log, db: Database, database_url: str) -> None:
    await log.append(entry())
    await log.rotate(f"{BASE}/2027", "a new year", IN_2027)
    await log.append(entry(IN_2027))
    await log.checkpoint()
    async with db.write() as connection:
        guards = ["log_entry_no_delete", "log_checkpoint_no_delete"]
        disabled = (
            [f"DROP TRIGGER {each}" for each in guards]
            if db.is_sqlite
            else [f"ALTER TABLE {each} DISABLE TRIGGER ALL" for each in ("log_entry", "log_checkpoint")]
        )
        for statement in (
            *disabled,
            "DELETE FROM log_entry WHERE log_id = 1 AND seq > 0",
            "DELETE FROM log_checkpoint WHERE log_id = 1 AND size > 1",
        ):
            await connection.execute(text(statement))
    first, _ = await checked_database(database_url)
    assert first.findings[0].first == 1  # the head and the next year both say that there was more
