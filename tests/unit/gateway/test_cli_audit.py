"""`sandhi audit verify`: size, root, findings; exit code 1 on any."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from typer.testing import CliRunner

from audit import Entry, FileMemory, Log, Signer, new_id
from audit.tables import metadata
from gateway.cli.audit import app, verified
from gateway.db import Database

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path / 'sandhi.db'}"
    asyncio.run(filled(url, tmp_path / "signed"))
    return url


async def filled(url: str, memory: Path) -> None:
    db = Database(url)
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    log = await Log.open(db.engine, Signer("gw.example.gov/log", Ed25519PrivateKey.generate(), FileMemory(memory)))
    await asyncio.gather(*(log.append(Entry(new_id(NOW), "k", NOW, {"n": n})) for n in range(20)))
    await log.checkpoint()
    await log.close()
    await db.close()


async def tampered(url: str) -> None:
    db = Database(url)
    async with db.write() as connection:
        await connection.execute(text("DROP TRIGGER log_entry_no_update"))
        await connection.execute(text("UPDATE log_entry SET body = leaf WHERE seq = 11"))
    await db.close()


def test_good_log_exits_0_and_says_size_and_root(database: str) -> None:
    result = CliRunner().invoke(app, ["verify", "--db", database])
    assert result.exit_code == 0
    assert "size      20" in result.stdout
    assert "findings  none" in result.stdout


def test_own_database_is_the_default(database: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["verify", "--json"], env={"SANDHI_DATA_DIR": str(tmp_path)})
    (report,) = json.loads(result.stdout)
    assert (report["origin"], report["size"], report["signed"], report["findings"]) == (
        "gw.example.gov/log",
        20,
        20,
        [],
    )


def test_changed_log_exits_1_and_names_the_entry(database: str) -> None:
    asyncio.run(tampered(database))
    result = CliRunner().invoke(app, ["verify", "--db", database])
    assert result.exit_code == 1
    assert "entry 11" in result.stdout


async def test_other_commands_can_ask_for_the_report(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'sandhi.db'}"
    await filled(url, tmp_path / "signed")
    report = await verified(url)
    assert (report.ok, report.size, len(report.root)) == (True, 20, 44)


def test_no_log_exits_1_and_two_places_exit_2() -> None:
    assert CliRunner().invoke(app, ["verify", "--db", "nowhere.db"]).exit_code == 1
    assert CliRunner().invoke(app, ["verify", "--url", "http://127.0.0.1:1"]).exit_code == 1
    assert CliRunner().invoke(app, ["verify", "--db", "a", "--url", "b"]).exit_code == 2
