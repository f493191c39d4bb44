"""Run by `test_audit_crash`: appends until it is killed, and says on stdout what was acknowledged."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import Entry, FileMemory, Log, Signer, new_id
from gateway.db import Database


async def main(url: str, memory: str) -> None:
    db = Database(url)
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    log = await Log.open(db.engine, Signer("crash.example/log", key, FileMemory(Path(memory))), db.write_lock)
    await asyncio.gather(*(client(log, db, name) for name in range(16)), log.keep_published(0.02))


async def client(log: Log, db: Database, name: int) -> None:
    while True:
        now = datetime.now(UTC)
        entry = Entry(new_id(now), "system.registered", now, {"client": name})
        if name % 4:
            receipt = await log.append(entry)
        else:
            async with db.write() as connection:
                receipt = await log.append_in(connection, entry)
        sys.stdout.write(f"{receipt.seq} {receipt.entry_id}\n")
        sys.stdout.flush()


asyncio.run(main(*sys.argv[1:]))
