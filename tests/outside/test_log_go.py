"""The log against code we did not write: Go's golang.org/x/mod/sumdb, and OpenSSL for the signature."""

import asyncio
import base64
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from audit import Entry, FileMemory, Log, Signer, new_id
from audit.databases import in_database
from audit.export import export
from audit.places import checked, checked_database
from audit.stored import logs_in
from audit.tables import metadata
from gateway.db import Database
from gateway.edges.log import log_routes

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


@asynccontextmanager
async def opened(folder: Path, signer: Signer) -> AsyncIterator[tuple[Database, Log]]:
    db = Database(f"sqlite+aiosqlite:///{folder / 'log.db'}")
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    log = await Log.open(db.engine, signer, db.write_lock)
    try:
        yield db, log
    finally:
        await log.close()
        await db.close()


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer("gw.example.gov/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))


async def append(db: Database, log: Log, count: int) -> list[Entry]:
    entries = [Entry(new_id(NOW), "system.registered", NOW, {"n": n}) for n in range(count)]
    async with db.write() as connection:
        await log.append_all_in(connection, entries)
    await log.checkpoint()
    return entries


async def exported(db: Database, folder: Path) -> None:
    where = db.engine.url.render_as_string(hide_password=False)
    await in_database(where, lambda connection: export(connection, logs_in(connection)[-1], folder))


async def run(*command: object) -> subprocess.CompletedProcess[str]:
    parts = [str(each) for each in command]
    return await asyncio.to_thread(subprocess.run, parts, capture_output=True, text=True, check=False, timeout=120)


@asynccontextmanager
async def served(log: Log) -> AsyncIterator[str]:
    """The gateway's log routes on a real server and a free port."""
    app = FastAPI(openapi_url=None)
    app.include_router(log_routes(log, public="entries"))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/log"
    server.should_exit = True
    await task


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537])
async def test_go_accepts_checkpoint_tiles_and_entries(
    tlogcheck: Path, tmp_path: Path, signer: Signer, size: int
) -> None:
    async with opened(tmp_path, signer) as (db, log):
        await append(db, log, size)
        await exported(db, tmp_path / "tiles")
        (stored,) = await checked_database(db.engine.url.render_as_string(hide_password=False), [signer.vkey])
    assert (stored.ok, stored.size, stored.signed) == (True, size, size)
    found = await run(tlogcheck, "fsck", signer.vkey, tmp_path / "tiles")
    assert found.stdout.startswith(f"ok {size} "), found.stderr
    (ours,) = await asyncio.to_thread(checked, str(tmp_path / "tiles"), [signer.vkey])
    assert (ours.ok, ours.size, ours.signed) == (True, size, size)


async def test_go_accepts_the_log_as_the_gateway_serves_it(tlogcheck: Path, tmp_path: Path, signer: Signer) -> None:
    async with opened(tmp_path, signer) as (db, log):
        await append(db, log, 300)
        (tmp_path / "old").write_bytes(await log.checkpoint())
        async with served(log) as prefix:
            assert (await run(tlogcheck, "fsck", signer.vkey, prefix)).stdout.startswith("ok 300 ")
            await append(db, log, 400)
            found = await run(tlogcheck, "consistency", signer.vkey, prefix, tmp_path / "old")
            for _ in range(20):
                if found.stdout == "ok 700 contains 300\n":
                    break
                await asyncio.sleep(0.1)  # the served checkpoint may be a second old
                found = await run(tlogcheck, "consistency", signer.vkey, prefix, tmp_path / "old")
    assert found.stdout == "ok 700 contains 300\n", found.stderr


async def test_go_accepts_a_proof_file_and_only_for_its_entry(tlogcheck: Path, tmp_path: Path, signer: Signer) -> None:
    async with opened(tmp_path, signer) as (db, log):
        entries = await append(db, log, 600)
        (tmp_path / "proof").write_text(await log.proof(entries[555].id))
    (tmp_path / "entry").write_bytes(entries[555].body())
    (tmp_path / "other").write_bytes(entries[554].body())
    command = (tlogcheck, "proof", signer.vkey, tmp_path / "proof")
    assert (await run(*command, tmp_path / "entry")).stdout == "ok 555 of 600\n"
    assert (await run(*command, tmp_path / "other")).returncode == 1


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000"])
async def test_go_refuses_one_changed_byte_anywhere(tlogcheck: Path, tmp_path: Path, signer: Signer, path: str) -> None:
    async with opened(tmp_path, signer) as (db, log):
        await append(db, log, 300)
        await exported(db, tmp_path / "tiles")
    file = tmp_path / "tiles" / path
    content = bytearray(file.read_bytes())
    content[20] ^= 1
    file.write_bytes(bytes(content))
    assert (await run(tlogcheck, "fsck", signer.vkey, tmp_path / "tiles")).returncode == 1


async def test_openssl_accepts_the_signature(tmp_path: Path, signer: Signer) -> None:
    async with opened(tmp_path, signer) as (db, log):
        await append(db, log, 3)
        text, _, line = (await log.checkpoint()).rpartition(b"\n\n")
    signature = base64.b64decode(line.split()[-1])[4:]
    public = bytes.fromhex("302a300506032b6570032100") + signer.verifier.public
    for name, content in {"body": text + b"\n", "sig": signature, "pub.der": public}.items():
        (tmp_path / name).write_bytes(content)
    paths = {name: tmp_path / name for name in ("body", "sig", "pub.der")}
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths["pub.der"], "-rawin"]
    found = await run(*command, "-in", paths["body"], "-sigfile", paths["sig"])
    assert "Verified Successfully" in found.stdout
