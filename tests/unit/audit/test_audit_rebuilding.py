"""What was lost can be made again from the evidence: the search tables, or the whole database."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from audit import Entry, Log, Signer, Wanted, new_id
from audit.__main__ import main
from audit.places import checked_database

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
Fill = Callable[[int], Awaitable[list[Entry]]]


def rows(path: str) -> dict[str, list[tuple[object, ...]]]:
    tables = ("audit_search", "audit_batch", "audit_open", "log_entry", "log_node", "log_head")
    with sqlite3.connect(path) as connection:
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in tables}


async def exchanges(log: Log, count: int) -> None:
    for n in range(count):
        facts = {"exchange_id": f"x{n}", "consumer": "LK/GOV/X", "n": n}
        await log.append(Entry(new_id(NOW), "exchange.intent", NOW, facts))
        if n % 3:
            many = {"agreements": ["A1 v1", "A2 v3"], "outcomes": {"answered": 2}} if n % 2 else {}
            await log.append(Entry(new_id(NOW), "exchange.outcome", NOW, facts | {"outcome": "answered"} | many))


async def test_search_tables_are_made_again_as_they_were(engine: AsyncEngine, log: Log, filled: Fill) -> None:
    await filled(300)
    await exchanges(log, 9)
    path = str(engine.url.database)
    before = rows(path)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM audit_search WHERE seq % 2")
        connection.execute("UPDATE audit_search SET kind = 'forged'")
        connection.execute("DELETE FROM audit_open")
        connection.execute("DELETE FROM audit_batch WHERE value = 'A2'")
    assert await asyncio.to_thread(main, ["rebuild", path]) == 0
    assert rows(path) == before
    assert len(await log.open_intents()) == 3
    assert len(await log.search(Wanted(kind="exchange.outcome"))) == 6


@pytest.mark.parametrize("size", [0, 1, 256, 257, 700])
async def test_exported_log_is_restored_byte_for_byte(
    engine: AsyncEngine, log: Log, filled: Fill, tmp_path: Path, signer: Signer, size: int
) -> None:
    await filled(size)
    await log.checkpoint()
    source, target, tiles = str(engine.url.database), str(tmp_path / "new.db"), str(tmp_path / "tiles")
    assert await asyncio.to_thread(main, ["export", source, tiles]) == 0
    assert await asyncio.to_thread(main, ["restore", tiles, target, "--vkey", signer.vkey]) == 0
    assert rows(target) == rows(source)
    (report,) = await checked_database(target, [signer.vkey])
    assert (report.ok, report.size, report.signed) == (True, size, size)
    assert await asyncio.to_thread(main, ["restore", tiles, target]) == 1  # it is there already


async def test_damaged_export_is_not_restored(
    engine: AsyncEngine, log: Log, filled: Fill, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await filled(300)
    await log.checkpoint()
    assert await asyncio.to_thread(main, ["export", str(engine.url.database), str(tmp_path / "tiles")]) == 0
    file = tmp_path / "tiles/tile/entries/000"
    file.write_bytes(file.read_bytes().replace(b'"n":7}', b'"n":8}'))
    target = tmp_path / "new.db"
    assert await asyncio.to_thread(main, ["restore", str(tmp_path / "tiles"), str(target)]) == 1
    assert "entry 7" in capsys.readouterr().err
    with sqlite3.connect(target) as connection:
        assert connection.execute("SELECT count(*) FROM log_entry").fetchone() == (0,)


async def test_bundle_of_a_period_is_written_and_verifies(
    engine: AsyncEngine, log: Log, filled: Fill, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await filled(20)
    await log.checkpoint()
    where, file = str(engine.url.database), str(tmp_path / "evidence.zip")
    command = ["bundle", where, file, "--period", "2026-10-01T00:00+00:00", "2026-11-01T00:00+00:00"]
    assert await asyncio.to_thread(main, command) == 0
    assert main(["verify", file]) == 0
    assert "entries    20 proved" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "nothing.zip")]) == 1
    with pytest.raises(SystemExit):
        main(["bundle", where, file, "--period", "2026-10-01", "2026-11-01"])
