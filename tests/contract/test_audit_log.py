"""What the log promises, the same on SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from audit import (
    Entry,
    EntryConflict,
    FileMemory,
    Log,
    LogUnavailable,
    NotInLog,
    Signer,
    SignerRefused,
    TableMemory,
    UnsafeDurability,
    Wanted,
    new_id,
)
from audit.merkle import root_of
from audit.note import Checkpoint
from audit.places import checked_database
from audit.proofs import Proof
from audit.store import store_of
from audit.tables import audit_search, audit_subject, log_entry, metadata
from audit.tiles import unbundle
from gateway.db import Database

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
ORIGIN = "gw.example.gov/log"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)

notes = Table("notes", MetaData(), Column("n", Integer, primary_key=True))
"""A row of somebody else that must change together with an entry."""


def entry(kind: str = "system.registered", *refs: str, **facts: object) -> Entry:
    return Entry(new_id(NOW), kind, NOW, facts, refs)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    async with made.write() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.run_sync(notes.metadata.create_all)
    yield made
    await made.close()


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(ORIGIN, KEY, FileMemory(tmp_path / "signed"))


@pytest.fixture
async def log(db: Database, signer: Signer) -> AsyncIterator[Log]:
    opened = await Log.open(db.engine, signer, db.write_lock)
    yield opened
    await opened.close()


async def stored(db: Database) -> list[tuple[int, bytes]]:
    async with db.read() as connection:
        rows = await connection.execute(select(log_entry.c.seq, log_entry.c.body).order_by(log_entry.c.seq))
        return [(row.seq, bytes(row.body)) for row in rows]


async def test_entries_stand_in_a_row_with_exactly_their_bytes(log: Log, db: Database) -> None:
    entries = [entry(n=n) for n in range(600)]
    receipts = await asyncio.gather(*map(log.append, entries))
    assert [receipt.seq for receipt in receipts] == list(range(600))
    assert str(receipts[7]) == f"{ORIGIN}:7:{entries[7].id}"
    assert await stored(db) == [(n, each.body()) for n, each in enumerate(entries)]


async def test_checkpoint_is_the_signed_root_of_the_stored_bytes(log: Log, signer: Signer, db: Database) -> None:
    await asyncio.gather(*(log.append(entry(n=n)) for n in range(300)))
    checkpoint = Checkpoint.from_note(await log.checkpoint(), [signer.verifier])
    assert checkpoint == Checkpoint(ORIGIN, 300, root_of(body for _, body in await stored(db)))


async def test_empty_log_has_a_checkpoint_of_size_0(log: Log, signer: Signer) -> None:
    assert Checkpoint.from_note(await log.checkpoint(), [signer.verifier]).size == 0
    with pytest.raises(NotInLog):
        await log.tile(0, 0, 1)


async def test_unchanged_log_keeps_its_checkpoint_byte_for_byte(log: Log, db: Database, signer: Signer) -> None:
    await log.append(entry())
    note = await log.checkpoint()
    again = await Log.open(db.engine, signer, db.write_lock)
    assert await log.checkpoint() == await again.checkpoint() == note
    assert await log.vkeys() == [signer.vkey]
    await again.close()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512])
async def test_tiles_and_bundles_of_every_width(log: Log, size: int) -> None:
    entries = [entry(n=n) for n in range(size)]
    await asyncio.gather(*map(log.append, entries))
    last = size % 256
    bodies = []
    for n in range(size // 256):
        assert len(await log.tile(0, n)) == 8192
        bodies += unbundle(await log.entries(n))
    if last:
        assert len(await log.tile(0, size // 256, last)) == 32 * last
        bodies += unbundle(await log.entries(size // 256, last))
    assert bodies == [each.body() for each in entries]
    for beyond in ((0, size // 256, last + 1), (1, 0, size // 256 + 1), (8, 0, 1), (-1, 0, 1)):
        with pytest.raises(NotInLog):
            await log.tile(*beyond)


async def test_size_256_has_a_hash_of_level_1(log: Log) -> None:
    await asyncio.gather(*(log.append(entry(n=n)) for n in range(256)))
    assert len(await log.tile(1, 0, 1)) == 32


async def test_repeated_append_says_where_the_entry_is(log: Log, db: Database) -> None:
    first = entry(n=1)
    rebuilt = Entry(first.id, first.kind, first.at, first.facts)
    receipts = await asyncio.gather(*(log.append(each) for each in (first, entry(n=2), first, rebuilt)))
    later = await log.append(rebuilt)
    assert [receipt.seq for receipt in (*receipts, later)] == [0, 1, 0, 0, 0]
    assert len(await stored(db)) == 2


async def test_other_content_under_a_known_id_is_refused_and_its_batch_goes_on(log: Log, db: Database) -> None:
    first = entry(n=1)
    other = Entry(first.id, first.kind, first.at, {"n": 2})
    results = await asyncio.gather(*map(log.append, (first, other, entry(n=3))), return_exceptions=True)
    assert isinstance(results[1], EntryConflict)
    assert [seq for seq, _ in await stored(db)] == [0, 1]


async def test_entry_in_a_transaction_changes_together_with_its_rows(log: Log, db: Database) -> None:
    async with db.write() as connection:
        await connection.execute(insert(notes).values(n=1))
        receipt = await log.append_in(connection, entry())
    assert receipt.seq == 0
    with pytest.raises(RuntimeError, match="changed my mind"):
        await rolled_back(log, db)
    async with db.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(notes))).scalar_one() == 1
    assert len(await stored(db)) == 1
    assert (await log.append(entry())).seq == 1


async def rolled_back(log: Log, db: Database) -> None:
    async with db.write() as connection:
        await connection.execute(insert(notes).values(n=2))
        await log.append_in(connection, entry())
        raise RuntimeError("changed my mind")


async def test_many_entries_in_one_transaction(log: Log, db: Database) -> None:
    entries = [entry(n=n) for n in range(600)]
    async with db.write() as connection:
        receipts = await log.append_all_in(connection, entries)
    assert [receipt.seq for receipt in receipts] == list(range(600))
    assert await stored(db) == [(n, each.body()) for n, each in enumerate(entries)]


async def test_both_ways_in_interleave_without_gap_or_fork(log: Log, db: Database, database_url: str) -> None:
    async def own_transaction() -> int:
        async with db.write() as connection:
            return (await log.append_in(connection, entry())).seq

    async def queued() -> int:
        return (await log.append(entry())).seq

    places = await asyncio.gather(*((own_transaction if n % 3 == 0 else queued)() for n in range(120)))
    assert sorted(places) == list(range(120))
    await log.checkpoint()
    assert (await checked_database(database_url))[0].ok


async def test_two_openings_of_one_log_share_one_order(
    log: Log, db: Database, database_url: str, signer: Signer
) -> None:
    second_db = Database(database_url)
    second_db.write_lock = db.write_lock  # on SQLite there is one writing process
    second = await Log.open(second_db.engine, signer, db.write_lock)
    receipts = await asyncio.gather(*((log if n % 2 else second).append(entry(n=n)) for n in range(200)))
    assert sorted(receipt.seq for receipt in receipts) == list(range(200))
    await asyncio.gather(log.checkpoint(), second.checkpoint())
    await second.close()
    await second_db.close()
    assert (await checked_database(database_url))[0].findings == ()


async def test_proof_leads_from_the_entry_to_a_signed_root(log: Log, signer: Signer) -> None:
    entries = [entry(n=n) for n in range(300)]
    await asyncio.gather(*map(log.append, entries))
    for n in (0, 255, 256, 299):
        proof = Proof.from_text(await log.proof(entries[n].id))
        assert proof.index == n
        assert proof.verify(entries[n].body(), [signer.verifier]).size == 300
    with pytest.raises(NotInLog):
        await log.proof(new_id(NOW))


async def test_restored_backup_is_refused_at_start(log: Log, db: Database, signer: Signer) -> None:
    await log.append(entry())
    async with db.read() as connection:
        before = [tuple(row) for row in await connection.execute(text("SELECT size, compact_range FROM log_head"))]
    await log.append(entry())
    await log.checkpoint()
    async with db.write() as connection:  # what a restore does, without the guards
        await without_guards(connection)
        await connection.execute(text("DELETE FROM log_entry WHERE seq = 1"))
        await connection.execute(
            text("UPDATE log_head SET size = :size, compact_range = :range"),
            {"size": before[0][0], "range": before[0][1]},
        )
    with pytest.raises(SignerRefused, match="older than the signer's memory"):
        await Log.open(db.engine, signer, db.write_lock)


async def test_changed_history_is_refused_at_the_next_checkpoint(log: Log, db: Database) -> None:
    await log.append(entry())
    await log.checkpoint()
    async with db.write() as connection:
        await without_guards(connection)
        await connection.execute(text("UPDATE log_head SET compact_range = :range"), {"range": b"x" * 32})
    with pytest.raises(SignerRefused, match="history was changed"):
        await log.checkpoint()
    assert not await log.writable()
    with pytest.raises(LogUnavailable, match="run fsck"):
        await log.append(entry())


async def without_guards(connection) -> None:
    if connection.dialect.name == "postgresql":
        for table in ("log_entry", "log_head"):
            await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        return
    for trigger in ("log_entry_no_delete", "log_head_no_less"):
        await connection.execute(text(f"DROP TRIGGER {trigger}"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_entry SET body = leaf",
        "DELETE FROM log_entry",
        "UPDATE log_checkpoint SET size = 9",
        "DELETE FROM log_checkpoint",
        "UPDATE log_head SET size = 0",
        "DELETE FROM log_head",
        "DELETE FROM log_key",
    ],
)
async def test_evidence_cannot_be_changed_by_accident(log: Log, db: Database, statement: str) -> None:
    await log.append(entry())
    with pytest.raises(DBAPIError, match="append-only"):
        async with db.write() as connection:
            await connection.execute(text(statement))
    assert len(await stored(db)) == 1


async def test_entry_cannot_be_replaced_or_truncated_either(log: Log, db: Database) -> None:
    await log.append(entry())
    replacing = "INSERT OR REPLACE INTO log_entry SELECT log_id, seq, entry_id, leaf, leaf FROM log_entry"
    statement = replacing if db.is_sqlite else "TRUNCATE log_entry"
    with pytest.raises(DBAPIError, match="append-only"):
        async with db.write() as connection:
            await connection.execute(text(statement))


async def test_a_period_is_paged_by_claimed_time_and_whole_though_clocks_were_wrong(log: Log) -> None:
    hours = [3, 1, 9, 2, 2, 0, 4]
    made = [Entry(new_id(NOW), "other", NOW + timedelta(hours=each), {}) for each in hours]
    for each in made:
        await log.append(each)
    found: list[int] = []
    wanted = Wanted(since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=5), limit=2)
    while page := await log.search(wanted):
        found += [hours[each.seq] for each in page]
        wanted = replace(wanted, before=page[-1].place)
    assert found == [4, 3, 2, 2, 1]


async def test_search_finds_by_fact_kind_person_and_time_newest_first(log: Log) -> None:
    ids: list[UUID] = []
    for n in range(6):
        at = NOW + timedelta(hours=n)
        facts = {"consumer": f"LK/GOV/X/{n % 2}", "service": "tax.employment", "ignored": n}
        made = Entry(new_id(at), "exchange.intent" if n < 3 else "other", at, facts, (f"person-{n % 3}",))
        await log.append(made)
        ids.append(made.id)

    async def found(wanted: Wanted) -> list[int]:
        return [ids.index(each.entry_id) for each in await log.search(wanted)]

    assert await found(Wanted()) == [5, 4, 3, 2, 1, 0]
    assert await found(Wanted(limit=2, before=(1, 4))) == [3, 2]
    assert await found(Wanted(facts=(("consumer", "LK/GOV/X/1"), ("service", "tax.employment")))) == [5, 3, 1]
    assert await found(Wanted(kind="other")) == [5, 4, 3]
    assert await found(Wanted(subject_ref="person-1")) == [4, 1]
    assert await found(Wanted(since=NOW + timedelta(hours=2), until=NOW + timedelta(hours=4))) == [3, 2]
    (line,) = await log.search(Wanted(limit=1))
    assert line.facts == {"consumer": "LK/GOV/X/1", "service": "tax.employment"}
    assert line.at == NOW + timedelta(hours=5)


async def test_find_gives_the_entries_as_logged_and_leaves_out_the_unknown(log: Log) -> None:
    entries = [entry(n=n) for n in range(300)]
    await asyncio.gather(*map(log.append, entries))
    logged = await log.find([new_id(NOW), *(each.id for each in reversed(entries))])
    assert [each.seq for each in logged] == list(range(300))
    assert [each.entry for each in logged] == entries
    assert await log.find([]) == []


async def test_intents_without_an_outcome_are_known(log: Log) -> None:
    for n in range(4):
        await log.append(entry("exchange.intent", exchange_id=f"x{n}"))
    for n in (1, 3):
        await log.append(entry("exchange.outcome", exchange_id=f"x{n}", outcome="answered"))
    assert [each.exchange_id for each in await log.open_intents()] == ["x0", "x2"]
    assert await log.open_intents(before=NOW) == []
    assert len(await log.open_intents(before=NOW + timedelta(seconds=1))) == 2


async def test_second_intent_of_an_exchange_does_not_poison_its_batch(log: Log) -> None:
    twice = [entry("exchange.intent", exchange_id="x") for _ in range(2)]
    await asyncio.gather(*map(log.append, twice))
    assert [each.entry_id for each in await log.open_intents()] == [twice[0].id]


async def test_subjects_are_kept_off_the_log_and_can_be_erased(log: Log, db: Database, database_url: str) -> None:
    await log.append(entry("k", "person-1", "person-1", "person-2"))
    await log.checkpoint()
    async with db.write() as connection:
        rows = (await connection.execute(select(audit_subject.c.subject_ref))).scalars().all()
        assert sorted(rows) == ["person-1", "person-2"]
        await connection.execute(audit_subject.delete())
        await connection.execute(audit_search.delete())
    assert await log.search(Wanted(subject_ref="person-1")) == []
    assert (await checked_database(database_url))[0].ok


async def test_log_on_a_table_memory_refuses_the_same(db: Database) -> None:
    store = store_of(db.engine, db.write_lock)
    signer = Signer(ORIGIN, KEY, TableMemory(store))
    log = await Log.open(db.engine, signer, db.write_lock)
    await log.append(entry())
    assert b"\n1\n" in await log.checkpoint()
    last = await signer.last()
    assert last is not None
    assert last.size == 1
    await log.close()
    await store.close()


async def test_new_key_signs_on_and_old_checkpoints_still_verify(
    db: Database, tmp_path: Path, database_url: str
) -> None:
    memory = FileMemory(tmp_path / "signed")
    old = Signer(ORIGIN, KEY, memory)
    log = await Log.open(db.engine, old, db.write_lock)
    await log.append(entry())
    await log.checkpoint()
    await log.close()
    new = Signer(ORIGIN, Ed25519PrivateKey.generate(), memory)
    log = await Log.open(db.engine, new, db.write_lock)
    await log.append(entry())
    assert Checkpoint.from_note(await log.checkpoint(), [new.verifier]).size == 3
    assert [each.kind for each in await log.search(Wanted(limit=2))] == ["system.registered", "log.key_changed"]
    assert await log.vkeys() == [new.vkey, old.vkey]
    await log.close()
    assert (await checked_database(database_url))[0].findings == ()


async def test_writable_says_whether_evidence_can_be_written(log: Log) -> None:
    assert await log.writable()
    await log.close()
    assert not await log.writable()


async def test_head_held_by_another_transaction_times_out_and_recovers(db: Database, signer: Signer, log: Log) -> None:
    impatient = await Log.open(db.engine, signer, db.write_lock, deadline_s=0.2)
    async with db.write() as connection:
        await log.append_in(connection, entry())
        with pytest.raises(LogUnavailable):
            await impatient.append(entry())
    assert (await impatient.append(entry())).seq >= 1
    await impatient.close()


async def test_postgresql_with_unsafe_settings_is_refused(postgres_url: str, signer: Signer) -> None:
    unsafe = Database(postgres_url)
    name = unsafe.engine.url.database
    async with unsafe.write() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    await unsafe.engine.dispose()
    with pytest.raises(UnsafeDurability, match="synchronous_commit"):
        await Log.open(unsafe.engine, signer)
    await unsafe.close()


async def test_own_transactions_are_durable_whatever_the_database_says(postgres_url: str, signer: Signer) -> None:
    unsafe = Database(postgres_url)
    async with unsafe.write() as connection:
        await connection.run_sync(metadata.create_all)
    log = await Log.open(unsafe.engine, signer)
    async with unsafe.write() as connection:
        await connection.execute(text("SET LOCAL synchronous_commit = off"))
        await log.append_in(connection, entry())
        assert (await connection.execute(text("SHOW synchronous_commit"))).scalar_one() == "on"
    await log.close()
    await unsafe.close()
