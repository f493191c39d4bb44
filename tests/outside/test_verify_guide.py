"""The commands of the guide and of the package's README, run as they stand against a log that is served."""

import asyncio
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from architecture.checkout import ROOT, blocks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from small_gateway import served

from audit import Entry, FileMemory, Log, Signer, bundle, new_id
from audit.tables import metadata
from gateway.db import Database
from gateway.edges.log import log_routes
from gateway.gate import utc_now
from gateway.settings import TABLE

GUIDE = ROOT / "docs/guides/verify-the-log.md"
README = ROOT / "audit/README.md"
PLACE = "https://gateway.example.gov/log"


async def test_every_command_of_the_guide_works(tlogcheck: Path, tmp_path: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'log.db'}")
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    signer = Signer("gateway.example.gov/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))
    log = await Log.open(db.engine, signer, db.write_lock)
    entries = [Entry(new_id(), "system.registered", utc_now(), {"n": n}) for n in range(300)]
    async with db.write() as connection:
        await log.append_all_in(connection, entries)
    await log.checkpoint()
    out = io.BytesIO()
    wanted = bundle.Wanted("a test", [entries[7].id])
    await log.store.read(lambda connection: bundle.written(connection, wanted, out))
    place = await asyncio.to_thread(prepared, tmp_path / "auditor", out.getvalue())
    app = FastAPI(openapi_url=None)
    app.include_router(log_routes(log, public="entries"))
    async with served(app) as base:
        script = "\n".join((*commands(GUIDE, 4), *commands(README, 1))).replace(PLACE, f"{base}/log")
        done = await asyncio.to_thread(ran, script, place)
    await log.close()
    await db.close()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Signature Verified Successfully") == 2
    for said in (
        "ok 300 ",
        "ok 300 contains 300",
        "findings  none",
        "findings   none",
        "What the log says about a test",
    ):
        assert said in done.stdout


def commands(page: Path, count: int) -> list[str]:
    found = [body for _, body in blocks(page.read_text("utf-8"), "sh")]
    assert len(found) == count
    return found


def prepared(place: Path, evidence: bytes) -> Path:
    """What an auditor has: a checkout, and a bundle that was handed over."""
    place.mkdir()
    for name in ("audit", "tests"):
        (place / name).symlink_to(ROOT / name)
    (place / "evidence.zip").write_bytes(evidence)
    return place


def ran(script: str, place: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "GOCACHE": str(place / "cache")}
    environment |= {"HOME": str(place)}
    command = ["bash", "-euxo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("name", re.findall(r"SANDHI_(LOG_[A-Z_]+)", GUIDE.read_text("utf-8")))
def test_settings_that_the_guide_names_are_there(name: str) -> None:
    assert name in {row.name for row in TABLE}
