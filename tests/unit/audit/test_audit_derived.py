"""Whoever edits only what beside the evidence decides what people find, or takes whole ends away, is found too."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from audit import Entry, FileMemory, Log, Signer
from audit.__main__ import main
from audit.derived import MOST_FINDINGS, with_search_tables
from audit.entry import INTENT, OUTCOME
from audit.errors import SignerRefused
from audit.fsck import Report
from audit.memory import remembered
from audit.places import checked_database

Make = Callable[..., Entry]
Fill = Callable[[int], Awaitable[list[Entry]]]
BASE, NEXT = "gw.example.gov/log", "gw.example.gov/log/2027"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def place(engine: AsyncEngine) -> str:
    return str(engine.url.database)


async def changed(engine: AsyncEngine, *statements: str) -> None:
    """What somebody with the database's password does, once the guards are away."""
    async with engine.begin() as connection:
        guards = await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for guard in guards.scalars().all():
            await connection.exec_driver_sql(f"DROP TRIGGER {guard}")
        for statement in statements:
            await connection.exec_driver_sql(statement)


async def found(engine: AsyncEngine) -> list[str]:
    reports = await checked_database(place(engine))
    assert all(each.ok for each in reports), "the evidence itself is untouched"
    told = await asyncio.to_thread(with_search_tables, place(engine), reports)
    return [str(finding) for each in told for finding in each.findings]


async def an_exchange(log: Log, entry: Make, name: str, *, ended: bool = True) -> None:
    await log.append(entry(INTENT, exchange_id=name, consumer="LK/GOV/WBB/SRIS"))
    if ended:
        await log.append(entry(OUTCOME, exchange_id=name, outcome="answered"))


async def a_batch(log: Log, entry: Make, name: str) -> None:
    await log.append(entry(INTENT, exchange_id=name, consumer="LK/GOV/WBB/SRIS"))
    said = {"agreements": ["A1 v1", "A1 v2", "A2 v1"], "outcomes": {"answered": 3, "no_data": 1}}
    await log.append(entry(OUTCOME, exchange_id=name, outcome="answered", **said))


async def test_search_tables_as_they_were_derived_are_no_finding(engine: AsyncEngine, log: Log, entry: Make) -> None:
    await an_exchange(log, entry, "E1")
    await an_exchange(log, entry, "E2", ended=False)
    await a_batch(log, entry, "E3")
    assert await found(engine) == []


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("DELETE FROM audit_search WHERE seq = 1", "entry 1: searches do not find it"),
        ("UPDATE audit_search SET exchange_id = 'E9' WHERE seq = 0", "entry 0: searches find another thing"),
        ("UPDATE audit_search SET consumer = NULL WHERE seq = 0", "entry 0: searches find another thing"),
        ("UPDATE audit_search SET ts = ts - 1 WHERE seq = 1", "entry 1: searches find another thing"),
        ("UPDATE audit_search SET kind = 'log.noise' WHERE seq = 1", "entry 1: searches find another thing"),
        ("UPDATE audit_search SET outcome = 'no_data' WHERE seq = 1", "entry 1: searches find another thing"),
        ("DELETE FROM audit_batch WHERE value = 'A2'", "entry 4: searches find another thing"),
        ("UPDATE audit_batch SET value = 'A3' WHERE value = 'A2'", "entry 4: searches find another thing"),
        ("UPDATE audit_batch SET ts = ts - 1 WHERE value = 'no_data'", "entry 4: searches find another thing"),
        ("INSERT INTO audit_batch VALUES ('agreement', 'A9', 1, 1, 7)", "entry 1: searches find another thing"),
        ("DELETE FROM audit_open", "entry 2: nobody is told that its exchange has no outcome"),
    ],
)
async def test_an_exchange_hidden_from_searches_alone_is_found(
    engine: AsyncEngine, log: Log, entry: Make, edit: str, told: str
) -> None:
    await an_exchange(log, entry, "E1")
    await an_exchange(log, entry, "E2", ended=False)
    await a_batch(log, entry, "E3")
    await changed(engine, edit)
    [finding] = await found(engine)
    assert finding.startswith(told)
    assert await asyncio.to_thread(main, ["fsck", place(engine)]) == 1
    assert await asyncio.to_thread(main, ["rebuild", place(engine)]) == 0
    assert await found(engine) == []


async def test_a_search_table_emptied_is_told_by_a_few_lines(engine: AsyncEngine, log: Log, filled: Fill) -> None:
    await filled(300)
    await changed(engine, "DELETE FROM audit_search")
    assert len(await found(engine)) == MOST_FINDINGS


async def test_a_tail_cut_to_an_older_checkpoint_is_found_by_what_the_signer_remembers(
    engine: AsyncEngine, log: Log, filled: Fill, tmp_path: Path
) -> None:
    await filled(5)
    await log.checkpoint()
    async with engine.connect() as connection:
        (head,) = (await connection.exec_driver_sql("SELECT compact_range FROM log_head")).one()
    await filled(2)
    await log.checkpoint()
    (tmp_path / "signed").rename(tmp_path / "log.signed")
    assert await cut(engine, tmp_path) == []
    await changed(engine, *(f"DELETE FROM {table} WHERE seq >= 5" for table in ("log_entry", "audit_search")))
    await changed(engine, f"UPDATE log_head SET size = 5, compact_range = x'{head.hex()}'")
    await changed(engine, "DELETE FROM log_checkpoint WHERE size > 5")
    assert (await checked_database(place(engine)))[0].ok, "nothing inside the database tells"
    assert await cut(engine, tmp_path) == ["entry 5: missing; a signed checkpoint covers 7 entries"]


async def cut(engine: AsyncEngine, folder: Path) -> list[str]:
    reports = await checked_database(place(engine), remembered=remembered(folder))
    return [str(finding) for each in reports for finding in each.findings]


async def test_what_a_signer_remembers_confirms_nothing_by_itself(
    engine: AsyncEngine, log: Log, filled: Fill, tmp_path: Path
) -> None:
    await filled(3)
    await log.checkpoint()
    (tmp_path / "signed").rename(tmp_path / "log.signed")
    await changed(engine, "DELETE FROM log_checkpoint")
    [report] = await checked_database(place(engine), remembered=remembered(tmp_path))
    assert (report.ok, report.signed) == (True, 0)


def test_a_damaged_memory_is_no_silence(tmp_path: Path) -> None:
    assert remembered(tmp_path) == []
    (tmp_path / "log.signed").write_text("rubbish")
    with pytest.raises(SignerRefused, match="is damaged"):
        remembered(tmp_path)


async def test_a_newest_year_taken_out_whole_is_found(engine: AsyncEngine, tmp_path: Path, entry: Make) -> None:
    def signer_of(origin: str) -> Signer:
        return Signer(origin, KEY, FileMemory(tmp_path / f"{origin.replace('/', '_')}.signed"))

    log = await Log.open(engine, signer_of(BASE), signer_of=signer_of)
    await log.append(entry())
    await log.rotate(NEXT, "a new year", entry().at)
    await log.append(entry())
    await log.checkpoint()
    await log.close()
    assert [each.ok for each in await checked_database(place(engine))] == [True, True]
    tables = ("log_entry", "log_node", "log_checkpoint", "log_key", "log_head", "audit_search", "audit_batch")
    await changed(engine, *(f"DELETE FROM {table} WHERE log_id = 2" for table in tables), "DELETE FROM log_shard")
    [report] = await checked_database(place(engine))
    assert [each.text for each in report.findings] == [
        f"the log was closed and goes on as {NEXT}, which is not here: taken out, or never begun"
    ]


def test_reports_of_a_directory_stay_as_they_are(tmp_path: Path) -> None:
    report = Report(BASE, 0, "", 0, ())
    assert with_search_tables(str(tmp_path), [report]) == [report]
    assert with_search_tables("https://gateway.example.gov/log", [report]) == [report]
