"""kill -9 at any moment: whatever was acknowledged is in the log, in its place, and the log still verifies."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import FileMemory, Log, Signer
from audit.places import checked_database
from audit.tables import metadata
from gateway.db import Database

ROUNDS = 4
ACKNOWLEDGED = 150
APPENDER = Path(__file__).with_name("audit_appender.py")


async def test_no_acknowledged_entry_is_lost_or_moved(database_url: str, tmp_path: Path) -> None:
    db = Database(database_url)
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    memory = tmp_path / "signed"
    acknowledged: dict[int, str] = {}
    writers = 1 if db.is_sqlite else 2
    for _round in range(ROUNDS):
        writing = (asyncio.to_thread(killed_after, ACKNOWLEDGED, database_url, memory) for _ in range(writers))
        for said in await asyncio.gather(*writing):
            assert not said.keys() & acknowledged.keys()  # no place was given twice
            acknowledged |= said

    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    log = await Log.open(db.engine, Signer("crash.example/log", key, FileMemory(memory)), db.write_lock)
    found = {each.seq: str(each.entry.id) for each in await log.find([UUID(each) for each in acknowledged.values()])}
    await log.close()
    await db.close()
    assert found == acknowledged
    assert len(acknowledged) >= writers * ROUNDS * ACKNOWLEDGED
    (report,) = await checked_database(database_url)
    assert report.findings == ()
    assert report.signed == report.size


def killed_after(lines: int, url: str, memory: Path) -> dict[int, str]:
    """What a process said until it was killed in the middle of its work."""
    root = APPENDER.parents[2]
    command = [sys.executable, str(APPENDER), url, str(memory)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=root, env={"PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    whole = [line.split() for line in said if line.endswith("\n")]
    return {int(seq): entry_id for seq, entry_id in whole}
